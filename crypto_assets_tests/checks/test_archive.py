"""Checks of seconds: whole, unique, and what the minutes of bronze say, once there are any."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from crypto_assets.archive.raw import file_of
from crypto_assets.archive.seconds import CleanedSeconds, clean_seconds, minutes_of_seconds, read_seconds
from crypto_assets.checks.archive import BRONZE, archive_checks
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import KLINES_1S
from crypto_assets_tests.archive.second_files import lines_of, zipped
from resources.lake import LakeResource

SYMBOL, DAY = "BTCUSDT", date(2024, 8, 1)
DAYS = DaySymbol(DAY, (SYMBOL,))
PARTITION = Partition(SYMBOL, DAY)

type Checked = dict[str, dg.AssetCheckEvaluation]


@pytest.fixture(scope="module")
def seconds() -> CleanedSeconds:
    """A whole day but for ten seconds."""
    text = lines_of(DAY, range(600)) + lines_of(DAY, range(610, 86_400))
    return clean_seconds(read_seconds(zipped(file_of(SYMBOL, DAY), text), symbol=SYMBOL, day=DAY), day=DAY)


@pytest.fixture
def lake(tmp_path: Path, seconds: CleanedSeconds) -> Lake:
    """A lake that holds the day, and no minutes."""
    lake = Lake(str(tmp_path))
    publish_seconds(lake, seconds)
    return lake


def publish_seconds(lake: Lake, seconds: CleanedSeconds, table: pa.Table | None = None) -> None:
    lake.publish(KLINES_1S, SYMBOL, DAY, seconds.table if table is None else table, footer=seconds.notes())


def publish_minutes(lake: Lake, minutes: pa.Table) -> None:
    """Candles as bronze keeps them; none makes a day of no parts."""
    received_at = datetime(2024, 8, 2, tzinfo=UTC)
    constants = {"source": "archive", "exchange": "binance", "received_at": received_at}
    given = {name: minutes[name] for name in minutes.column_names}
    columns = [
        given[field.name].cast(field.type)
        if field.name in given
        else pa.array([constants.get(field.name)] * minutes.num_rows, field.type)
        for field in BRONZE.schema
    ]
    table = pa.table(columns, schema=BRONZE.schema)
    parts = lake.write_part(BRONZE, SYMBOL, DAY, table, source="archive", origin="file", version="a" * 64)
    lake.publish_manifest(BRONZE, SYMBOL, DAY, Manifest(tuple(parts) if minutes.num_rows else ()))


def check(lake: Lake, *assets: dg.AssetsDefinition) -> tuple[dg.ExecuteInProcessResult, Checked]:
    checks = archive_checks(DAYS)
    result = dg.materialize(
        [*assets, *checks],
        selection=dg.AssetSelection.checks(*checks) | dg.AssetSelection.assets(*assets),
        tags={"dagster/partition": PARTITION.key},
        resources={"lake": LakeResource(uri=lake.uri)},
        raise_on_error=False,
    )
    return result, {found.check_name: found for found in result.get_asset_check_evaluations()}


def asset(name: str, write: Callable[[], object], *, after: tuple[str, ...] = ()) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=after, partitions_def=DAYS.definition)
    def written() -> None:
        write()

    return written


def test_minutes_that_the_same_run_writes_are_waited_for(tmp_path: Path, seconds: CleanedSeconds) -> None:
    lake = Lake(str(tmp_path))
    result, found = check(
        lake,
        asset(KLINES_1S.name, lambda: publish_seconds(lake, seconds)),
        asset("first", lambda: None),
        asset("then", lambda: None, after=("first",)),
        asset(BRONZE.name, lambda: publish_minutes(lake, minutes_of_seconds(seconds.table)), after=("then",)),
    )
    assert result.success
    assert found["minutes"].passed
    assert "1,440 minutes are what their seconds add up to" in str(found["minutes"].description)


@pytest.mark.parametrize("bronze_has_a_day", [False, True])
def test_without_a_candle_of_a_minute_it_warns_and_does_not_pass(lake: Lake, *, bronze_has_a_day: bool) -> None:
    if bronze_has_a_day:
        publish_minutes(lake, pa.table({}))
    _, found = check(lake)
    minutes = found["minutes"]
    assert (minutes.passed, minutes.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "Not compared: bronze_klines_1m has no candle of this day yet. Materialise it" in str(minutes.description)
    assert all(found[name].passed for name in ("slots", "unique", "schema"))


def test_a_digit_that_differs_is_an_error_that_names_minute_and_both_values(
    lake: Lake, seconds: CleanedSeconds
) -> None:
    rows = minutes_of_seconds(seconds.table)
    changed = rows.to_pylist()
    changed[750]["quote_volume"] += Decimal("0.00000001")
    publish_minutes(lake, pa.Table.from_pylist(changed, rows.schema))
    _, found = check(lake)
    minutes = found["minutes"]
    assert (minutes.passed, minutes.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "1 of 1,440 minutes are not what their seconds add up to; the first: at 12:30 quote_volume is" in str(
        minutes.description
    )


def test_whoever_reads_the_seconds_does_not_run_where_they_contradict_the_minutes(
    lake: Lake, seconds: CleanedSeconds
) -> None:
    publish_minutes(lake, minutes_of_seconds(seconds.table).slice(1))
    ran: list[str] = []
    result, _ = check(
        lake,
        asset(KLINES_1S.name, lambda: None),
        asset("reader", lambda: ran.append("reader"), after=(KLINES_1S.name,)),
    )
    assert not result.success
    assert ran == []


def test_a_second_that_is_neither_row_nor_gap_is_missed_and_one_twice_is_found(
    lake: Lake, seconds: CleanedSeconds
) -> None:
    publish_seconds(lake, seconds, seconds.table.slice(1))
    _, found = check(lake)
    assert "86,389 rows and 10 seconds of gaps are not 86,400" in str(found["slots"].description)
    publish_seconds(lake, seconds, pa.concat_tables([seconds.table, seconds.table.slice(0, 2)]))
    _, found = check(lake)
    assert "2 rows repeat an open time" in str(found["unique"].description)
