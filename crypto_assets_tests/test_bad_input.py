"""What the exchange's files can hold that they should not, from the archive to silver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.assets.silver_days import KlinesDays
from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.errors import BadPayload, ChecksumMismatch
from crypto_assets.partitions import Partition
from crypto_assets.schemas import FLAGS, SILVER_KLINES
from crypto_assets_tests.convergence.archive_folder import DAY, kline_line, put_file, put_klines
from crypto_assets_tests.convergence.place import KLINES, LATER, START, Place, make_place

FILE = ArchiveFile.spot_klines("BTCUSDT", "1m", DAY)
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
MIDDAY = 720


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


@dataclass(frozen=True)
class Outcome:
    """Silver of the day, and the rows that bronze could not use."""

    silver: pl.DataFrame
    rejected: pl.DataFrame

    def candle(self, minute: int) -> dict[str, object]:
        opened = START.timestamp() * 1000 + minute * 60_000
        row = self.silver.filter(pl.col("open_time").dt.epoch("ms") == opened)
        assert row.height == 1
        return row.row(0, named=True)

    def flags(self, minute: int) -> set[str]:
        value = self.candle(minute)["flags"]
        assert isinstance(value, int)
        return {name for name, bit in FLAGS.items() if value & bit}


def run(place: Place, lines: Sequence[str], *, lacks: int = 0) -> Outcome:
    """Publish a file of these lines, converge, clean; `lacks` minutes of the day may not be found anywhere."""
    put_file(place.archive, FILE, lines)
    place.converge()
    silver = KlinesDays(place.lake, timeframe="1m", now=LATER)
    silver.write(Partition("BTCUSDT", DAY))
    table = place.lake.read(SILVER_KLINES["1m"], "BTCUSDT", DAY)
    assert table is not None
    assert table.num_rows == 1440 - lacks
    kept = list((Path(place.lake.uri) / KLINES.rejected_path(DAY)).glob("*.parquet"))
    rejected = pl.concat([pl.read_parquet(path) for path in kept]) if kept else pl.DataFrame()
    return Outcome(pl.DataFrame(pl.from_arrow(table)), rejected)


def day(change: Callable[[list[str]], None] | None = None) -> list[str]:
    lines = [kline_line(DAY, minute) for minute in range(1440)]
    if change:
        change(lines)
    return lines


def fields(minute: int, **values: str) -> str:
    names = HEADER.split(",")
    row = dict(zip(names, kline_line(DAY, minute).split(","), strict=True)) | values
    return ",".join(row.values())


def test_a_good_day_has_no_flag(place: Place) -> None:
    outcome = run(place, day())
    assert outcome.silver["flags"].to_list() == [0] * 1440
    assert outcome.rejected.is_empty()


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("open", "sixty", "open 'sixty' is not a number"),
        ("volume", "NaN", "volume 'NaN' is not a number"),
        ("close", "inf", "close 'inf' is not a number"),
        ("count", "1.5", "count '1.5' is not a whole number"),
        ("open_time", "yesterday", "open_time 'yesterday' is not a time"),
    ],
)
def test_a_value_that_is_no_number_costs_its_row_and_is_kept(place: Place, column: str, text: str, reason: str) -> None:
    bad = fields(MIDDAY, **{column: text})
    place.rest.minutes = set()

    outcome = run(place, day(lambda lines: lines.__setitem__(MIDDAY, bad)))

    assert outcome.rejected["raw"].to_list() == [bad.encode()]
    assert reason in outcome.rejected["reason"][0]
    assert outcome.rejected["line"].to_list() == [MIDDAY + 1]
    assert outcome.flags(MIDDAY) == {"filled"}


@pytest.mark.parametrize(
    ("values", "flag"),
    [
        ({"low": "-60990.00"}, "out_of_range"),
        ({"open": "0.00", "low": "0.00"}, "out_of_range"),
        ({"volume": "-1.5"}, "out_of_range"),
        ({"high": "60980.00"}, "ohlc_violation"),
        ({"close": "61020.00"}, "ohlc_violation"),
        ({"taker_buy_volume": "1.50000001"}, "ohlc_violation"),
        ({"low": "1.00"}, "outlier"),
        ({"count": "0", "volume": "0", "quote_volume": "0", "taker_buy_volume": "0", "taker_buy_quote_volume": "0"},
         "no_trades"),
    ],
)  # fmt: skip
def test_a_candle_that_cannot_be_believed_is_flagged_and_stays(place: Place, values: dict[str, str], flag: str) -> None:
    bad = fields(MIDDAY, **values)

    outcome = run(place, day(lambda lines: lines.__setitem__(MIDDAY, bad)))

    assert flag in outcome.flags(MIDDAY)
    for column, text in values.items():
        assert Decimal(str(outcome.candle(MIDDAY)[column])) == Decimal(text)
    assert outcome.silver.filter(pl.col("flags") != 0).height == 1


def test_duplicates_that_agree_are_dropped_and_counted(place: Place) -> None:
    outcome = run(place, day(lambda lines: lines.insert(MIDDAY, lines[MIDDAY])))
    assert outcome.flags(MIDDAY) == {"duplicate_dropped"}


def test_of_duplicates_that_differ_the_first_is_kept_and_the_difference_is_told(place: Place) -> None:
    outcome = run(place, day(lambda lines: lines.insert(MIDDAY + 1, fields(MIDDAY, close="61009.00"))))

    assert outcome.flags(MIDDAY) == {"duplicate_dropped", "sources_disagree"}
    assert outcome.candle(MIDDAY)["close"] == Decimal("61000.20")


def test_the_order_of_rows_means_nothing(place: Place) -> None:
    outcome = run(place, day(lambda lines: lines.reverse()))
    assert outcome.silver["open_time"].is_sorted()
    assert outcome.silver["flags"].to_list() == [0] * 1440


def test_a_row_of_another_day_is_kept_aside(place: Place) -> None:
    outcome = run(place, day(lambda lines: lines.append(kline_line(DAY, 1440))))
    assert "is of another day" in outcome.rejected["reason"][0]


def test_a_candle_off_the_grid_does_not_stand_for_its_minute(place: Place) -> None:
    opened = int(kline_line(DAY, MIDDAY).split(",")[0])
    late = fields(MIDDAY, open_time=str(opened + 7_000))

    outcome = run(place, day(lambda lines: lines.insert(MIDDAY, late)), lacks=-1)

    assert outcome.flags(MIDDAY) == set()
    off_grid = outcome.silver.filter(pl.col("flags") & FLAGS["off_grid"] != 0)
    assert off_grid["open_time"].dt.epoch("ms").to_list() == [opened + 7_000]


def test_a_header_in_the_middle_is_one_rejected_row(place: Place) -> None:
    outcome = run(place, day(lambda lines: lines.insert(MIDDAY, HEADER)))
    assert outcome.rejected["raw"].to_list() == [HEADER.encode()]


def test_a_header_at_the_start_is_one(place: Place) -> None:
    assert run(place, [HEADER, *day()]).rejected.is_empty()


def test_milliseconds_and_microseconds_in_one_file_are_told_apart(place: Place) -> None:
    def in_us(line: str) -> str:
        values = line.split(",")
        return ",".join([values[0] + "000", *values[1:6], values[6] + "999", *values[7:]])

    outcome = run(place, day(lambda lines: lines.__setitem__(slice(MIDDAY, None), map(in_us, lines[MIDDAY:]))))
    assert outcome.silver["flags"].to_list() == [0] * 1440


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([line + ",1" for line in day()], "13"),
        ([line.rpartition(",")[0] for line in day()], "11"),
        ([], "empty"),
    ],
    ids=["a column more", "a column less", "nothing"],
)
def test_a_file_of_another_shape_is_refused_and_the_former_day_stays(
    place: Place, lines: Sequence[str], reason: str
) -> None:
    put_klines(place.archive, DAY, range(1440))
    place.converge()
    before = place.contents()
    put_file(place.archive, FILE, lines)

    with pytest.raises(BadPayload, match=reason):
        place.converge()
    assert place.contents() == before


def test_a_zip_that_is_none_is_refused(place: Place) -> None:
    path = put_klines(place.archive, DAY, range(1440))
    whole = path.read_bytes()
    put_file(place.archive, FILE, day(), checksum=None)
    path.write_bytes(whole[: len(whole) // 2])
    path.with_name(f"{path.name}.CHECKSUM").unlink()

    with pytest.raises(BadPayload, match=r"BTCUSDT-1m-2024-08-05\.zip"):
        place.converge()


def test_a_wrong_checksum_names_both_sums_and_keeps_the_file(place: Place, tmp_path: Path) -> None:
    put_file(place.archive, FILE, day(), checksum="0" * 64)

    with pytest.raises(ChecksumMismatch) as raised:
        place.converge()

    assert raised.value.expected == "0" * 64
    assert raised.value.expected in str(raised.value)
    assert raised.value.actual in str(raised.value)
    assert "ACCEPT_CHECKSUM_MISMATCH" in str(raised.value)
    [evidence] = (tmp_path / "downloads").rglob("*.zip")
    assert "_evidence" in str(evidence)


def test_the_checksum_of_another_file_is_refused(place: Place) -> None:
    path = put_file(place.archive, FILE, day())
    path.with_name(f"{path.name}.CHECKSUM").write_text(f"{'0' * 64}  ETHUSDT-1m-2024-08-05.zip\n")

    with pytest.raises(BadPayload, match="is the checksum of another file, ETHUSDT-1m-2024-08-05"):
        place.converge()
