"""Seconds cleaned, and the minutes that they add up to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from crypto_assets.archive.raw import file_of
from crypto_assets.archive.seconds import (
    CleanedSeconds,
    clean_seconds,
    compare_with_minutes,
    gaps_of,
    minutes_of_seconds,
    read_seconds,
)
from crypto_assets.flags import count_flags
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.spans import Span
from crypto_assets_tests.archive.second_files import SYMBOL, line, lines_of, second, zipped

DAY = date(2024, 8, 1)


def cleaned(text: str, *, day: date = DAY) -> CleanedSeconds:
    content = zipped(file_of(SYMBOL, day), text)
    return clean_seconds(read_seconds(content, symbol=SYMBOL, day=day), day=day)


def moment(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2024, 8, 1, hour, minute, second, tzinfo=UTC)


def stored(minutes: pa.Table) -> pa.Table:
    """Candles as bronze keeps them."""
    constants = {"source": "archive", "exchange": "binance", "received_at": moment(12, 0)}
    columns = {name: minutes[name] for name in minutes.column_names}
    schema = BRONZE_KLINES["1m"].schema
    for field in schema:
        if field.name not in columns:
            columns[field.name] = pa.array([constants.get(field.name)] * minutes.num_rows, field.type)
    return pa.table([columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema)


@pytest.mark.parametrize(("day", "unit_us"), [(date(2024, 12, 31), 1000), (date(2025, 1, 1), 1), (DAY, 1)])
def test_a_sound_day_has_a_row_a_second_whatever_the_unit_of_its_times(day: date, unit_us: int) -> None:
    found = cleaned(lines_of(day, unit_us=unit_us), day=day)
    assert (found.table.num_rows, found.gaps, found.rejected.num_rows) == (86_400, (), 0)
    times = found.table["open_time"]
    assert times[0].as_py() == datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert times[-1].as_py() == datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=UTC)
    assert count_flags(found.table)["no_trades"] == 28_800


def test_seconds_without_a_row_are_gaps_and_even_a_single_one_is_not_filled() -> None:
    text = lines_of(DAY, range(10)) + lines_of(DAY, range(11, 3600)) + lines_of(DAY, range(7200, 86_400))
    found = cleaned(text)
    spans = (Span(moment(0, 0, 10), moment(0, 0, 11)), Span(moment(1, 0), moment(2, 0)))
    assert tuple(gap.span for gap in found.gaps) == spans
    assert gaps_of(found.notes()) == spans
    assert found.table.num_rows + 3601 == 86_400


def test_of_two_rows_of_a_second_the_first_is_kept_and_the_difference_flagged() -> None:
    first, other = line(second(DAY, 3)), line(second(DAY, 3), close="59999.00")
    found = cleaned(first + other + line(second(DAY, 2)))
    assert found.table["open_time"].to_pylist() == [moment(0, 0, 2), moment(0, 0, 3)]
    assert found.table["close"].to_pylist()[1] == Decimal("60000.00000000")
    flags = count_flags(found.table)
    assert (flags["duplicate_dropped"], flags["sources_disagree"]) == (1, 1)
    assert found.steps["deduplicate"].affected == 1


def test_what_is_no_candle_of_the_day_is_rejected_with_its_bytes_and_reason() -> None:
    other = line(second(date(2024, 8, 2), 0))
    found = cleaned(line(second(DAY, 0)) + "1722470401000,oops\n" + other)
    assert [raw.decode() for raw in found.rejected["raw"].to_pylist()] == ["1722470401000,oops", other.strip()]
    assert found.table.num_rows == 1
    assert found.steps["load"].affected == 2


def test_a_row_that_contradicts_itself_is_flagged_and_not_deleted() -> None:
    fields = line(second(DAY, 0)).split(",")
    fields[2] = "1.00"
    found = cleaned(",".join(fields) + line(second(DAY, 1)))
    assert found.table.num_rows == 2
    assert count_flags(found.table)["ohlc_violation"] == 1


def test_a_minute_opens_with_its_first_trade_not_with_the_former_close() -> None:
    quiet = line(second(DAY, 60), close="1.00", traded=False)
    text = quiet + line(second(DAY, 61), close="5.00") + line(second(DAY, 70), close="3.00")
    (minute,) = minutes_of_seconds(cleaned(text).table).to_pylist()
    prices = [minute[name] for name in ("open", "high", "low", "close")]
    assert prices == [Decimal(5), Decimal(5), Decimal(3), Decimal(3)]
    assert (minute["volume"], minute["count"], minute["open_time"]) == (Decimal(1), 14, moment(0, 1))


def test_seconds_agree_with_the_minutes_they_add_up_to_and_a_digit_is_seen() -> None:
    seconds = cleaned(lines_of(DAY, range(180))).table
    bronze = stored(minutes_of_seconds(seconds))
    assert compare_with_minutes(seconds, bronze).num_rows == 0
    changed = bronze.to_pylist()
    changed[1]["volume"] += Decimal("0.00000001")
    (difference,) = compare_with_minutes(seconds, pa.Table.from_pylist(changed, bronze.schema)).to_pylist()
    assert (difference["open_time"], difference["field"]) == (moment(0, 1), "volume")


def test_a_minute_that_one_side_lacks_differs_unless_nothing_was_traded_in_it() -> None:
    seconds = cleaned(lines_of(DAY, range(180))).table
    bronze = stored(minutes_of_seconds(seconds))
    only_seconds = compare_with_minutes(seconds, bronze.slice(1)).to_pylist()
    assert [(row["open_time"], row["other_source"]) for row in only_seconds] == [(moment(0, 0), "bronze_klines_1m")]
    only_minutes = compare_with_minutes(seconds.slice(60), bronze).to_pylist()
    assert [(row["open_time"], row["kept_source"]) for row in only_minutes] == [(moment(0, 0), "bronze_klines_1m")]
    quiet = "".join(line(second(DAY, n), traded=False) for n in range(60))
    halted = stored(minutes_of_seconds(cleaned(quiet + lines_of(DAY, range(60, 180))).table))
    assert compare_with_minutes(seconds.slice(60), halted).num_rows == 0
