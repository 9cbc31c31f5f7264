"""Files of the archive as tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_assets.binance import archive_zip
from crypto_assets.binance.archive_paths import ArchiveFile, read_file_name
from crypto_assets.binance.archive_tables import (
    parse_agg_trades,
    parse_book_depth,
    parse_funding_rates,
    parse_klines,
    parse_metrics,
    parse_trades,
)
from crypto_assets.binance.parsed import Parsed
from crypto_assets.errors import BadPayload
from crypto_assets.schemas import (
    AGG_TRADES,
    BOOK_DEPTH,
    BRONZE_FUNDING_RATE,
    BRONZE_KLINES,
    BRONZE_OPEN_INTEREST,
    BRONZE_TRADES,
    REJECTED,
)
from crypto_assets.spans import day_span, from_us
from crypto_assets_tests.binance.zips import KLINE, write_zip

DAY = date(2024, 8, 1)
SPAN = day_span(DAY)
START_MS = 1_722_470_400_000
FILE = ArchiveFile.spot_klines("BTCUSDT", "1m", DAY)
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def klines(folder: Path, csv: str | bytes, *, file: ArchiveFile = FILE) -> Parsed:
    path = write_zip(folder, file, csv)
    return parse_klines(path, timeframe=file.timeframe or "", start=file.span.start, end=file.span.end)


def minute(n: int, **changed: str) -> str:
    """A good row of the n-th minute of 2024-08-01, with some fields changed."""
    opens = START_MS + n * 60_000
    values = dict(zip(HEADER.split(","), KLINE.split(","), strict=True))
    values |= {"open_time": str(opens), "close_time": str(opens + 59_999)} | changed
    return ",".join(values.values())


def reasons(parsed: Parsed) -> list[str]:
    return parsed.rejected["reason"].to_pylist()


def test_a_row_is_read_to_the_last_digit(tmp_path: Path) -> None:
    parsed = klines(tmp_path, KLINE)
    assert parsed.rows.schema.equals(BRONZE_KLINES["1m"].payload)
    assert parsed.rejected.schema.equals(REJECTED)
    assert parsed.rows.to_pylist() == [
        {
            "open_time": datetime(2024, 8, 1, tzinfo=UTC),
            "open": Decimal("64000.10"),
            "high": Decimal("64010.00"),
            "low": Decimal("63990.50"),
            "close": Decimal("64005.00"),
            "volume": Decimal("12.5"),
            "close_time": datetime(2024, 8, 1, 0, 0, 59, 999_000, tzinfo=UTC),
            "quote_volume": Decimal("800000.12345678"),
            "count": 100,
            "taker_buy_volume": Decimal("6.25"),
            "taker_buy_quote_volume": Decimal("400000.1"),
        }
    ]


AMOUNTS = st.decimals(min_value=-(10**12), max_value=10**12, places=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.integers(0, 1439), st.booleans(), AMOUNTS, AMOUNTS, st.integers(0, 10**9)), min_size=1),
    header=st.booleans(),
)
def test_rows_that_were_written_are_read_back_in_their_order(
    tmp_path: Path, rows: list[tuple[int, bool, Decimal, Decimal, int]], header: bool
) -> None:
    lines = [HEADER] if header else []
    for n, in_us, price, quantity, count in rows:
        scale = 1000 if in_us else 1
        opens = (START_MS + n * 60_000) * scale
        line = [
            opens,
            price,
            price,
            price,
            price,
            quantity,
            opens + 60_000 * scale - 1,
            quantity,
            count,
            price,
            price,
            0,
        ]
        lines.append(",".join(f"{value:f}" if isinstance(value, Decimal) else str(value) for value in line))
    parsed = klines(tmp_path, "\n".join(lines))
    assert parsed.rejected.num_rows == 0
    read = parsed.rows.to_pylist()
    assert [(row["open"], row["volume"], row["count"]) for row in read] == [row[2:] for row in rows]
    assert [row["open_time"] for row in read] == [SPAN.start + timedelta(minutes=row[0]) for row in rows]
    assert [row["close_time"].microsecond for row in read] == [999_999 if row[1] else 999_000 for row in rows]


FIELDS = st.one_of(
    st.sampled_from([*KLINE.split(","), "", "NaN", "1e5", "-1", "open_time", "1722470400000000", "١", '"', " 1"]),
    st.text(st.characters(exclude_characters="\n\r"), max_size=12),
)
GARBAGE = st.one_of(
    st.lists(FIELDS, min_size=10, max_size=14).map(",".join).map(lambda line: line.encode("utf-8", "replace")),
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.lists(GARBAGE, max_size=20))
def test_no_line_is_lost_and_none_makes_the_file_fail(tmp_path: Path, garbage: list[bytes]) -> None:
    lines = [KLINE.encode(), *garbage, KLINE.encode()]
    parsed = klines(tmp_path, b"\n".join(lines))
    assert parsed.rows.num_rows + parsed.rejected.num_rows == sum(1 for line in lines if line.strip())
    for raw, line in zip(parsed.rejected["raw"].to_pylist(), parsed.rejected["line"].to_pylist(), strict=True):
        assert raw == lines[line - 1]


def test_a_bad_row_is_kept_with_its_bytes_its_line_and_the_reason(tmp_path: Path) -> None:
    bad = minute(1, close="12,5")
    parsed = klines(tmp_path, "\n".join([HEADER, minute(0), bad, minute(2)]))
    assert parsed.rows["open_time"].to_pylist() == [SPAN.start, SPAN.start + timedelta(minutes=2)]
    assert parsed.rejected.to_pylist() == [
        {"raw": bad.encode(), "reason": "has 13 columns, not 12", "origin": FILE.name, "line": 3}
    ]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"close": "12x5"}, "close '12x5' is not a number of at most 20 digits and 8 decimals"),
        ({"high": "NaN"}, "high 'NaN' is not a number of at most 20 digits and 8 decimals"),
        ({"low": ""}, "low '' is not a number of at most 20 digits and 8 decimals"),
        ({"volume": "1.123456789"}, "volume '1.123456789' is not a number of at most 20 digits and 8 decimals"),
        ({"count": "1.5"}, "count '1.5' is not a whole number"),
        ({"open_time": "1722470400"}, "open_time '1722470400' is not a time in ms or us"),
        ({"close_time": "1722470459999999999"}, "close_time '1722470459999999999' is not a time in ms or us"),
        ({"open_time": "2024-08-01"}, "open_time '2024-08-01' is not a time in ms or us"),
    ],
)
def test_a_value_that_does_not_parse_rejects_its_row(tmp_path: Path, changed: dict[str, str], reason: str) -> None:
    parsed = klines(tmp_path, "\n".join([minute(0), minute(1, **changed)]))
    assert parsed.rows.num_rows == 1
    assert reasons(parsed) == [reason]


@pytest.mark.parametrize("changed", [{"close": "-1"}, {"close": "0"}, {"high": "1", "low": "2"}, {"count": "-3"}])
def test_a_value_that_parses_is_left_to_the_cleaning(tmp_path: Path, changed: dict[str, str]) -> None:
    parsed = klines(tmp_path, minute(0, **changed))
    assert (parsed.rows.num_rows, parsed.rejected.num_rows) == (1, 0)


def test_duplicates_and_disorder_are_kept_as_they_are(tmp_path: Path) -> None:
    parsed = klines(tmp_path, "\n".join([minute(2), minute(0), minute(2), minute(2, close="1")]))
    assert parsed.rows["close"].to_pylist() == [Decimal("64005"), Decimal("64005"), Decimal("64005"), Decimal(1)]


def test_milliseconds_and_microseconds_may_stand_in_one_file(tmp_path: Path) -> None:
    opens = (START_MS + 60_000) * 1000
    mixed = minute(1, open_time=str(opens), close_time=str(opens + 59_999_999))
    parsed = klines(tmp_path, "\n".join([minute(0), mixed]))
    assert parsed.rows["open_time"].to_pylist() == [SPAN.start, SPAN.start + timedelta(minutes=1)]


def test_a_row_of_another_day_is_rejected_with_its_bytes(tmp_path: Path) -> None:
    other = minute(1440)
    parsed = klines(tmp_path, "\n".join([minute(1439), other]))
    assert parsed.rows.num_rows == 1
    assert parsed.rejected["raw"].to_pylist() == [other.encode()]
    assert reasons(parsed) == [
        "open_time 2024-08-02 00:00:00.000000+00:00 is of another day: "
        "the file covers 2024-08-01 00:00-2024-08-02 00:00"
    ]


def test_a_header_in_the_middle_costs_one_row(tmp_path: Path) -> None:
    parsed = klines(tmp_path, "\n".join([minute(0), HEADER, minute(1)]))
    assert parsed.rows.num_rows == 2
    assert parsed.rejected["line"].to_pylist() == [2]
    assert reasons(parsed) == ["open_time 'open_time' is not a time in ms or us"]


def test_a_monthly_file_gives_the_rows_of_one_day_without_rejecting_the_others(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path, ArchiveFile.spot_klines("BTCUSDT", "1m", "2024-08"), "\n".join([minute(0), minute(1440)])
    )
    parsed = parse_klines(path, timeframe="1m", start=SPAN.start, end=SPAN.end)
    assert parsed.rows["open_time"].to_pylist() == [SPAN.start]
    assert parsed.rejected.num_rows == 0


MONTH = ArchiveFile.funding_rate("BTCUSDT", "2024-08")
DAYS = [SPAN.start + timedelta(days=n) for n in range(31)]


def rejected_by_day(path: Path) -> dict[int, list[int]]:
    """Lines of the month's rejected rows, by the day of which they are told."""
    parsed = {
        day.day: parse_funding_rates(path, start=day, end=day + timedelta(days=1)).rejected["line"].to_pylist()
        for day in DAYS
    }
    return {day: lines for day, lines in parsed.items() if lines}


def test_a_bad_line_of_a_monthly_file_is_told_of_one_day(tmp_path: Path) -> None:
    moments = [START_MS + hours * 3_600_000 for hours in range(0, 31 * 24, 8)]
    lines = ["calc_time,funding_interval_hours,last_funding_rate", *(f"{at},8,0.0001" for at in moments), ""]
    assert rejected_by_day(write_zip(tmp_path, MONTH, "\n".join([*lines, "", ""]))) == {}
    lines[40] = lines[40].replace("0.0001", "much")  # the first of the fourteenth day
    lines[50] = "much,8,0.0001"
    lines[60] += ",1"
    lines += [f"{START_MS + 31 * 86_400_000},8,0.0001"]  # the month after, on the line after the blank one
    assert rejected_by_day(write_zip(tmp_path, MONTH, "\n".join(lines))) == {1: [51, 61, 96], 14: [41]}


@pytest.mark.parametrize("first", ["", "\n", "\r\n \n"])
def test_blank_lines_are_no_rows_and_hide_no_header(tmp_path: Path, first: str) -> None:
    header = HEADER.replace("open,high,low,close", "close,high,low,open")
    text = "\n\n".join([header, minute(0, open="1", close="2"), minute(1, open="1", close="2")])
    parsed = klines(tmp_path, f"{first}{text}\nbad\n\n \r\n")
    assert parsed.rows["open"].to_pylist() == [Decimal(2)] * 2
    assert parsed.rejected["line"].to_pylist() == [first.count("\n") + 6]


def test_blank_lines_may_fill_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = archive_zip.read_blocks
    monkeypatch.setattr("crypto_assets.binance.archive_tables.read_blocks", lambda path: read(path, block_bytes=100))
    parsed = klines(tmp_path, "\n" * 250 + minute(0) + "\n" + "\n" * 250 + "bad")
    assert (parsed.rows.num_rows, parsed.rejected["line"].to_pylist()) == (1, [502])


@pytest.mark.parametrize(
    ("csv", "reason"),
    [
        ("", "an empty file"),
        ("\n\r\n ", "an empty file"),
        (f"{KLINE},13", "has 13 columns, not 12"),
        (KLINE.removesuffix(",0"), "has 11 columns, not 12"),
        (HEADER.replace("count,", "") + "\n" + KLINE, "the header lacks count"),
        (HEADER + ",more\n" + KLINE, "unknown column more"),
    ],
)
def test_a_file_of_other_columns_is_refused_as_a_whole(tmp_path: Path, csv: str, reason: str) -> None:
    with pytest.raises(BadPayload, match=reason):
        klines(tmp_path, csv)


def test_a_file_of_another_timeframe_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path, FILE, KLINE)
    with pytest.raises(BadPayload, match="holds candles of 1m, not of 5m"):
        parse_klines(path, timeframe="5m", start=SPAN.start, end=SPAN.end)


def test_candles_of_a_month_are_called_otherwise_in_the_archive(tmp_path: Path) -> None:
    file = ArchiveFile.spot_klines("BTCUSDT", "1M", "2024-08")
    assert klines(tmp_path, KLINE, file=file).rows.num_rows == 1
    with pytest.raises(BadPayload, match=r"^BTCUSDT-1mo-2024-08\.zip holds candles of 1mo, not of 1m$"):
        parse_klines(tmp_path / file.name, timeframe="1m", start=SPAN.start, end=SPAN.end)


def test_a_file_with_a_header_and_no_row_is_an_empty_table(tmp_path: Path) -> None:
    parsed = klines(tmp_path, HEADER + "\n")
    assert (parsed.rows.num_rows, parsed.rejected.num_rows) == (0, 0)
    assert parsed.rows.schema.equals(BRONZE_KLINES["1m"].payload)


def test_a_file_of_many_blocks_is_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = klines(tmp_path, "\n".join([HEADER, *(minute(n) for n in range(200)), "bad", minute(200)]))
    read = archive_zip.read_blocks
    monkeypatch.setattr("crypto_assets.binance.archive_tables.read_blocks", lambda path: read(path, block_bytes=500))
    parts = klines(tmp_path, "\n".join([HEADER, *(minute(n) for n in range(200)), "bad", minute(200)]))
    assert parts.rows.equals(whole.rows)
    assert parts.rejected.equals(whole.rejected)
    assert parts.rejected["line"].to_pylist() == [202]


@pytest.mark.parametrize(
    ("file", "row"),
    [
        (ArchiveFile.spot_trades("BTCUSDT", DAY), "7,64000.10,0.5,32000.05,1722470400001,True,True"),
        (ArchiveFile.spot_trades("BTCUSDT", DAY), "7,64000.10,0.5,32000.05,1722470400001000,true,True"),
        (
            ArchiveFile.futures_trades("BTCUSDT", DAY),
            "id,price,qty,quote_qty,time,is_buyer_maker\n7,64000.10,0.5,32000.05,1722470400001,1",
        ),
        (ArchiveFile.futures_trades("BTCUSDT", DAY), "7,64000.10,0.5,32000.05,1722470400001,true"),
    ],
)
def test_trades_of_both_markets_and_all_spellings_are_the_same(tmp_path: Path, file: ArchiveFile, row: str) -> None:
    parsed = parse_trades(write_zip(tmp_path, file, row), start=SPAN.start, end=SPAN.end)
    assert parsed.rejected.num_rows == 0
    assert parsed.rows.schema.equals(BRONZE_TRADES.payload)
    assert parsed.rows.to_pylist() == [
        {
            "time": datetime(2024, 8, 1, 0, 0, 0, 1000, tzinfo=UTC),
            "trade_id": 7,
            "price": Decimal("64000.1"),
            "quantity": Decimal("0.5"),
            "quote_quantity": Decimal("32000.05"),
            "is_buyer_maker": True,
        }
    ]


@pytest.mark.parametrize(
    ("file", "csv"),
    [
        (ArchiveFile.spot_agg_trades("BTCUSDT", DAY), "5,64000.10,0.5,7,8,1722470400001,False,True"),
        (
            ArchiveFile.futures_agg_trades("BTCUSDT", DAY),
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
            "5,64000.10,0.5,7,8,1722470400001,false",
        ),
    ],
)
def test_aggregated_trades_of_both_markets_are_the_same(tmp_path: Path, file: ArchiveFile, csv: str) -> None:
    parsed = parse_agg_trades(write_zip(tmp_path, file, csv), start=SPAN.start, end=SPAN.end)
    assert parsed.rows.schema.equals(AGG_TRADES)
    assert [list(row.values()) for row in parsed.rows.to_pylist()] == [
        [datetime(2024, 8, 1, 0, 0, 0, 1000, tzinfo=UTC), 5, Decimal("64000.1"), Decimal("0.5"), 7, 8, False]
    ]


def test_a_flag_that_is_neither_true_nor_false_rejects_its_trade(tmp_path: Path) -> None:
    path = write_zip(tmp_path, ArchiveFile.spot_trades("BTCUSDT", DAY), "7,1,1,1,1722470400001,yes,True")
    assert reasons(parse_trades(path, start=SPAN.start, end=SPAN.end)) == [
        "is_buyer_maker 'yes' is neither true nor false"
    ]


METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


def metrics(folder: Path, day: date, *labels: str, symbol: str = "BTCUSDT") -> Parsed:
    rows = [f"{label},{symbol},81254.123,5200000000.1234567890123456,1.25,1.1,,0.9" for label in labels]
    path = write_zip(folder, ArchiveFile.metrics("BTCUSDT", day), "\n".join([METRICS_HEADER, *rows]))
    span = day_span(day)
    return parse_metrics(path, start=span.start, end=span.end + timedelta(days=1))


def test_metrics_keep_sixteen_decimals_and_their_blanks(tmp_path: Path) -> None:
    row = metrics(tmp_path, DAY, "2024-08-01 00:05:00").rows.to_pylist()[0]
    assert row["open_interest_value"] == Decimal("5200000000.1234567890123456")
    assert row["account_ratio"] is None


def test_metrics_were_known_at_their_label_until_the_labels_changed(tmp_path: Path) -> None:
    before = metrics(tmp_path, date(2026, 6, 24), "2026-06-24 00:05:00", "2026-06-25 00:00:00")
    after = metrics(tmp_path, date(2026, 6, 25), "2026-06-25 00:00:00", "2026-06-25 23:55:00")
    assert before.rows.schema.equals(BRONZE_OPEN_INTEREST.payload)
    assert before.rows["time"].to_pylist() == before.rows["label"].to_pylist()
    assert after.rows["time"].to_pylist() == [
        datetime(2026, 6, 25, 0, 5, tzinfo=UTC),
        datetime(2026, 6, 26, tzinfo=UTC),
    ]
    assert before.rejected.num_rows == after.rejected.num_rows == 0


def test_two_metrics_files_hold_every_row_known_on_a_day_once(tmp_path: Path) -> None:
    known: list[datetime] = []
    for file in (ArchiveFile.metrics("BTCUSDT", DAY - timedelta(days=n)) for n in (1, 0)):
        labels = [file.span.start + timedelta(minutes=5) * n for n in range(1, 289)]
        rows = [f"{label:%Y-%m-%d %H:%M:%S},BTCUSDT,1,1,1,1,1,1" for label in reversed(labels)]
        path = write_zip(tmp_path, file, "\n".join([METRICS_HEADER, *rows]))
        known += parse_metrics(path, start=SPAN.start, end=SPAN.end).rows["time"].to_pylist()
    assert sorted(known) == [SPAN.start + timedelta(minutes=5) * n for n in range(288)]


def test_metrics_of_another_symbol_or_day_are_rejected(tmp_path: Path) -> None:
    assert reasons(metrics(tmp_path, DAY, "2024-08-01 00:05:00", symbol="ETHUSDT")) == [
        "is of symbol ETHUSDT, not BTCUSDT"
    ]
    assert metrics(tmp_path, DAY, "2024-08-02 00:05:00", "2024-08-01 00:00:00").rejected.num_rows == 2
    assert "is not a time such as" in reasons(metrics(tmp_path, DAY, "01/08/2024 00:05"))[0]


def test_funding_rates_have_an_interval_and_no_mark_price(tmp_path: Path) -> None:
    file = ArchiveFile.funding_rate("BTCUSDT", "2024-08")
    csv = "calc_time,funding_interval_hours,last_funding_rate\n1722470400007,8,-0.00010000"
    parsed = parse_funding_rates(write_zip(tmp_path, file, csv), start=SPAN.start, end=SPAN.end)
    assert parsed.rows.schema.equals(BRONZE_FUNDING_RATE.payload)
    assert [list(row.values()) for row in parsed.rows.to_pylist()] == [
        [datetime(2024, 8, 1, 0, 0, 0, 7000, tzinfo=UTC), Decimal("-0.0001"), None, 8]
    ]


def test_book_depth_reads_both_spellings_of_a_band(tmp_path: Path) -> None:
    file = ArchiveFile.book_depth("BTCUSDT", DAY)
    csv = "timestamp,percentage,depth,notional\n2024-08-01 00:00:07,-5,1.5,9.25\n2024-08-01 00:00:07,-5.00,1.5,9.25"
    parsed = parse_book_depth(write_zip(tmp_path, file, csv), start=SPAN.start, end=SPAN.end)
    assert parsed.rows.schema.equals(BOOK_DEPTH)
    assert parsed.rows["percentage"].to_pylist() == [Decimal(-5), Decimal(-5)]


def recorded_days(real_data: Path) -> list[Path]:
    return sorted((real_data / "archive").rglob("*.zip"))


def test_every_recorded_day_of_the_exchange_is_read_without_a_rejected_row(real_data: Path) -> None:
    rows: dict[str, int] = {}
    for path in recorded_days(real_data):
        named = read_file_name(path.name)
        assert named is not None
        parsed = parse_klines(path, timeframe="1m", start=named.span.start, end=named.span.end)
        assert parsed.rejected.num_rows == 0, path.name
        rows[f"{named.span.start:%Y-%m-%d}"] = parsed.rows.num_rows
    short = {day: count for day, count in rows.items() if count != 1440}
    assert short == {"2018-02-08": 29, "2018-02-09": 840, "2018-02-10": 1425, "2018-02-11": 1406, "2020-12-21": 1188}
    assert len(rows) >= 40


def test_recorded_values_equal_an_independent_reading_of_the_text(real_data: Path, tmp_path: Path) -> None:
    for day in ("2024-12-31", "2025-01-01", "2018-02-08"):
        path = next(p for p in recorded_days(real_data) if day in p.name)
        text = b"".join(archive_zip.read_blocks(path)).decode().splitlines()
        named = read_file_name(path.name)
        assert named is not None
        rows = parse_klines(path, timeframe="1m", start=named.span.start, end=named.span.end).rows.to_pylist()
        for line, row in zip(text, rows, strict=True):
            fields = line.split(",")
            unit = 1000 if day < "2025" else 1
            assert row["open_time"] == from_us(int(fields[0]) * unit)
            assert row["close_time"] == from_us(int(fields[6]) * unit)
            assert [row["open"], row["close"], row["quote_volume"]] == [Decimal(fields[i]) for i in (1, 4, 7)]
            assert row["count"] == int(fields[8])


def test_a_recorded_futures_file_with_a_header_is_read(real_data: Path, tmp_path: Path) -> None:
    csv = (real_data / "samples" / "futures-um-kline-with-header.first3lines.csv").read_bytes()
    file = ArchiveFile.futures_klines("XXXUSDT", "1m", date(2025, 11, 1))
    parsed = klines(tmp_path, csv, file=file)
    assert (parsed.rows.num_rows, parsed.rejected.num_rows) == (2, 0)
    assert parsed.rows["open_time"].to_pylist()[0] == datetime(2025, 11, 1, tzinfo=UTC)


PARSERS: list[Callable[..., Parsed]] = [
    parse_trades,
    parse_agg_trades,
    parse_metrics,
    parse_funding_rates,
    parse_book_depth,
]


@pytest.mark.parametrize("parse", PARSERS)
def test_a_file_that_has_no_archive_name_is_refused(tmp_path: Path, parse: Callable[..., Parsed]) -> None:
    path = tmp_path / "trades.zip"
    path.write_bytes(b"")
    expected = r"^trades\.zip is not the name of an archive file, such as BTCUSDT-1m-2024-08-01\.zip$"
    with pytest.raises(BadPayload, match=expected):
        parse(path, start=SPAN.start, end=SPAN.end)
