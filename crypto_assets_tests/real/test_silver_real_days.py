"""Cleaning on days that the exchange recorded; files are read here by hand, so that no parser vouches for itself."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from crypto_assets.cleaning.aggregate import aggregate_klines, klines_from_trades
from crypto_assets.cleaning.candles import Candle, end_candles
from crypto_assets.cleaning.gaps import Gap, GapCause
from crypto_assets.cleaning.klines import CleanedKlines, clean_klines
from crypto_assets.flags import count_flags
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES, KLINE_FIELDS
from crypto_assets.spans import Span, day_span, from_us

KLINES = "archive/data/spot/daily/klines/BTCUSDT/1m"
COLUMNS = [field.name for field in KLINE_FIELDS]


def read_day(real_data: Path, day: str) -> pa.Table:
    """The archive's candles of the day as a stored table; times of 16 digits are microseconds."""
    with zipfile.ZipFile(real_data / KLINES / f"BTCUSDT-1m-{day}.zip") as archive:
        content = archive.read(f"BTCUSDT-1m-{day}.csv")
    text = pl.read_csv(io.BytesIO(content), has_header=False, infer_schema=False, new_columns=[*COLUMNS, "ignore"])
    schema = BRONZE_KLINES["1m"].schema
    kinds = pl.DataFrame(pl.from_arrow(schema.empty_table())).schema
    times = [pl.col(name).cast(pl.Int64) for name in ("open_time", "close_time")]
    values = [pl.col(name).cast(kinds[name]) for name in COLUMNS if not name.endswith("_time")]
    rows = text.select(
        *(pl.when(time >= 10**15).then(time).otherwise(time * 1000).cast(kinds["open_time"]) for time in times),
        *values,
        source=pl.lit("archive"),
        exchange=pl.lit("binance"),
        received_at=pl.lit(datetime(2026, 1, 1, tzinfo=UTC)).cast(kinds["received_at"]),
        topic=pl.lit(None, pl.String),
        partition=pl.lit(None, pl.Int32),
        offset=pl.lit(None, pl.Int64),
    )
    return rows.select(schema.names).to_arrow().cast(schema)


def clean_day(
    real_data: Path,
    day: str,
    *,
    before: Candle | None = None,
    after: Candle | None = None,
    halts: tuple[Span, ...] = (),
) -> CleanedKlines:
    span = day_span(date.fromisoformat(day))
    return clean_klines(
        read_day(real_data, day),
        timeframe="1m",
        start=span.start,
        end=span.end,
        before=before,
        after=after,
        halts=halts,
    )


def flags_of(cleaned: CleanedKlines) -> dict[str, int]:
    return {flag: count for flag, count in count_flags(cleaned.table).items() if count}


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


@pytest.mark.parametrize(
    ("day", "rows", "flags", "gaps"),
    [
        ("2018-02-08", 29, {"truncated": 1}, [("2018-02-08 00:29", "2018-02-09 00:00")]),
        ("2018-02-09", 840, {}, [("2018-02-09 00:00", "2018-02-09 10:00")]),
        ("2018-02-10", 1425, {}, [("2018-02-10 06:00", "2018-02-10 06:15")]),
        ("2018-02-11", 1406, {"truncated": 1}, [("2018-02-11 04:01", "2018-02-11 04:35")]),
        ("2020-12-21", 1188, {"truncated": 1}, [("2020-12-21 13:48", "2020-12-21 18:00")]),
    ],
)
def test_days_with_an_outage_keep_their_rows_and_say_where_they_stopped(
    real_data: Path, day: str, rows: int, flags: dict[str, int], gaps: list[tuple[str, str]]
) -> None:
    cleaned = clean_day(real_data, day)
    assert cleaned.table.num_rows == rows
    assert flags_of(cleaned) == flags
    assert [(gap.start, gap.end) for gap in cleaned.gaps] == [(moment(start), moment(end)) for start, end in gaps]
    assert sum(gap.span.minutes for gap in cleaned.gaps) == 1440 - rows


def test_the_outage_of_2018_is_one_interval_from_both_of_its_days_and_marks_the_candles_beside_it(
    real_data: Path,
) -> None:
    tables = [read_day(real_data, day) for day in ("2018-02-08", "2018-02-09")]
    outage = Gap(moment("2018-02-08 00:29"), moment("2018-02-09 10:00"), GapCause.EXCHANGE_HALT)
    midnight = moment("2018-02-09 00:00")
    eighth = clean_day(
        real_data,
        "2018-02-08",
        after=end_candles(tables[1], timeframe="1m")[0],
        halts=(Span(outage.start, midnight),),
    )
    ninth = clean_day(
        real_data,
        "2018-02-09",
        before=end_candles(tables[0], timeframe="1m")[1],
        halts=(Span(midnight, outage.end),),
    )
    assert eighth.gaps == ninth.gaps == (outage,)
    assert flags_of(eighth) == {"exchange_halt": 1, "truncated": 1}
    assert flags_of(ninth) == {"exchange_halt": 1}


@pytest.mark.parametrize(("first", "days"), [("2020-01-01", 3), ("2024-08-01", 31), ("2024-12-28", 8)], ids=str)
def test_sound_days_the_crash_of_2024_08_05_among_them_are_whole_and_without_any_flag(
    real_data: Path, first: str, days: int
) -> None:
    before = None
    for number in range(days):
        day = (date.fromisoformat(first) + timedelta(days=number)).isoformat()
        bronze = read_day(real_data, day)
        cleaned = clean_day(real_data, day, before=before)
        assert (day, cleaned.table.num_rows, flags_of(cleaned), cleaned.gaps) == (day, 1440, {}, ())
        assert cleaned.table.select(COLUMNS).equals(bronze.select(COLUMNS))
        _, before = end_candles(cleaned.table, timeframe="1m")


def test_candles_of_five_and_fifteen_minutes_hold_the_whole_day(real_data: Path) -> None:
    cleaned = clean_day(real_data, "2024-08-05").table
    day = pl.DataFrame(pl.from_arrow(cleaned))
    for timeframe, rows in (("5m", 288), ("15m", 96)):
        longer = pl.DataFrame(pl.from_arrow(aggregate_klines(cleaned, timeframe=timeframe)))
        assert longer.height == rows
        for column in ("volume", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume"):
            assert longer[column].sum() == day[column].sum()
        assert (longer["open"][0], longer["close"][-1]) == (day["open"][0], day["close"][-1])
        assert (longer["high"].max(), longer["low"].min()) == (day["high"].max(), day["low"].min())


def test_a_minute_taken_out_of_a_real_day_comes_back_near_what_it_was(real_data: Path) -> None:
    bronze = read_day(real_data, "2024-08-05")
    span = day_span(date(2024, 8, 5))
    lacking = pa.concat_tables([bronze.slice(0, 800), bronze.slice(801)])
    cleaned = clean_klines(lacking, timeframe="1m", start=span.start, end=span.end)
    assert (cleaned.table.num_rows, flags_of(cleaned), cleaned.gaps) == (1440, {"filled": 1}, ())
    real, made = (float(table["close"][800].as_py()) for table in (bronze, cleaned.table))
    assert made != real
    assert made == pytest.approx(real, rel=0.005)


@pytest.mark.parametrize(("column", "value"), [("low", "1"), ("high", "600000")])
def test_a_flash_crash_in_the_wildest_day_is_seen_and_nothing_else(real_data: Path, column: str, value: str) -> None:
    bronze = read_day(real_data, "2024-08-05")
    rows = bronze.to_pylist()
    rows[365][column] = Decimal(value)
    span = day_span(date(2024, 8, 5))
    cleaned = clean_klines(
        pa.Table.from_pylist(rows, schema=bronze.schema), timeframe="1m", start=span.start, end=span.end
    )
    assert flags_of(cleaned) == {"outlier": 1}
    assert cleaned.table["flags"][365].as_py() != 0


def test_recorded_trades_aggregate_to_the_candles_of_the_archive(real_data: Path) -> None:
    schema = BRONZE_TRADES.payload
    trades = pa.Table.from_pylist(list(_recorded_trades(real_data)), schema=schema)
    own = pl.DataFrame(pl.from_arrow(klines_from_trades(trades, timeframe="1m")))
    archive = pl.concat(
        pl.DataFrame(pl.from_arrow(read_day(real_data, day).select(COLUMNS))) for day in ("2024-08-08", "2024-08-09")
    )
    start, end = moment("2024-08-08 23:55"), moment("2024-08-09 00:05")
    within = pl.col("open_time").is_between(start, end, closed="left")
    own, archive = own.filter(within), archive.filter(within)
    assert own.height == 10
    assert own.equals(archive)


def _recorded_trades(real_data: Path) -> Iterator[dict[str, object]]:
    for day in ("20240808", "20240809"):
        with gzip.open(real_data / "recordings" / "spot" / f"btcusdt_{day}.gz", "rt") as lines:
            for line in lines:
                message = json.loads(line.split(" ", 1)[1])
                if message.get("stream") != "btcusdt@trade":
                    continue
                data = message["data"]
                price, quantity = Decimal(data["p"]), Decimal(data["q"])
                yield {
                    "time": from_us(data["T"] * 1000),
                    "trade_id": data["t"],
                    "price": price.quantize(Decimal("1E-8")),
                    "quantity": quantity.quantize(Decimal("1E-8")),
                    "quote_quantity": (price * quantity).quantize(Decimal("1E-8")),
                    "is_buyer_maker": data["m"],
                }
