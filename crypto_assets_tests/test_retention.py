from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec
import pyarrow as pa
import pytest

from crypto_assets.assets.silver_days import KlinesDays, PerpetualDays
from crypto_assets.convergence.converge import converge
from crypto_assets.convergence.delivery import stored_rows
from crypto_assets.errors import InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import MANIFEST_FILE, Manifest
from crypto_assets.partitions import Partition
from crypto_assets.retention import Swept, sweep
from crypto_assets.schemas import (
    BRONZE_FUNDING_RATE,
    BRONZE_KLINES,
    BRONZE_LIQUIDATIONS,
    BRONZE_TRADES,
    SILVER_KLINES,
    SILVER_PERPETUAL,
    Dataset,
)
from crypto_assets.spans import day_span
from crypto_assets_tests.assets.small_exchange import SmallRest, failures, make_platform, open_exchange
from crypto_assets_tests.convergence.archive_folder import DAY

SYMBOL = "BTCUSDT"
KLINES = BRONZE_KLINES["1m"]
PARTITION = Partition(SYMBOL, DAY)
WRITTEN = datetime(2024, 8, 7, tzinfo=UTC)
LONG_AFTER = datetime(2024, 9, 1, tzinfo=UTC)


@pytest.fixture
def rest() -> SmallRest:
    return SmallRest()


@pytest.fixture
def lake(tmp_path: Path, rest: SmallRest) -> Lake:
    """A day of candles in bronze, converged from REST, with its silver."""
    made = Lake(str(tmp_path / "lake"))
    fill(made, tmp_path, rest, KLINES)
    KlinesDays(made, timeframe="1m", now=LONG_AFTER).write(PARTITION)
    return made


def fill(lake: Lake, folder: Path, rest: SmallRest, dataset: Dataset) -> None:
    converge(dataset, symbol=SYMBOL, day=DAY, lake=lake, sources=open_exchange(folder, rest).sources)
    age(lake, dataset)


def age(lake: Lake, dataset: Dataset, *, at: datetime = WRITTEN) -> None:
    """Let the day be last written at a moment."""
    manifest = Path(lake.uri_of(dataset, SYMBOL, DAY).removeprefix("file://")) / MANIFEST_FILE
    os.utime(manifest, (at.timestamp(), at.timestamp()))


def swept(lake: Lake, *, now: datetime = LONG_AFTER, keep_days: int = 7) -> Swept:
    return sweep(lake, SYMBOL, keep_days=keep_days, now=now, wall=LONG_AFTER)


def reasons(found: Swept) -> str:
    return " ".join(found.kept.values())


def test_an_old_day_goes_once_its_silver_is_whole_and_silver_stays(lake: Lake) -> None:
    silver = lake.read(SILVER_KLINES["1m"], SYMBOL, DAY)

    found = swept(lake)

    assert (found.days, found.kept) == (1, {})
    assert lake.read(KLINES, SYMBOL, DAY) is None
    assert list(Path(lake.uri).glob("bronze/klines/**/*.parquet")) == []
    assert lake.read(SILVER_KLINES["1m"], SYMBOL, DAY) == silver
    retired = lake.retired(KLINES, SYMBOL, DAY)
    assert retired is not None
    assert (retired.rows, retired.keys) == (1440, 1440)
    assert swept(lake).days == 0


def test_a_day_stays_while_it_or_a_day_that_reads_it_is_young(lake: Lake) -> None:
    end = day_span(DAY).end

    assert swept(lake, now=end + timedelta(days=7 + 4) - timedelta(seconds=1)).days == 0
    assert swept(lake, now=end + timedelta(days=7 + 4)).days == 1


def test_a_day_that_was_written_not_long_ago_stays(lake: Lake) -> None:
    age(lake, KLINES, at=LONG_AFTER - timedelta(days=6))

    found = swept(lake)

    assert (found.days, reasons(found)) == (0, "it was written not long ago")


def test_a_day_whose_silver_was_made_from_something_else_stays(lake: Lake) -> None:
    manifest = lake.manifest(KLINES, SYMBOL, DAY)
    assert manifest is not None
    parts = tuple(msgspec.structs.replace(part, version="another") for part in manifest.parts)
    lake.publish_manifest(KLINES, SYMBOL, DAY, msgspec.structs.replace(manifest, parts=parts))
    age(lake, KLINES)

    found = swept(lake)

    assert found.days == 0
    assert "was not made from what bronze_klines_1m holds now" in reasons(found)


def test_a_day_without_silver_or_with_half_of_it_stays(lake: Lake, tmp_path: Path) -> None:
    silver = lake.read(SILVER_KLINES["1m"], SYMBOL, DAY)
    assert silver is not None
    stored = lake.outline(SILVER_KLINES["1m"], SYMBOL, DAY)
    assert stored is not None
    lake.publish(SILVER_KLINES["1m"], SYMBOL, DAY, silver.slice(0, 1400), footer=stored.notes)
    half = swept(lake)
    assert (half.days, "fails its check completeness" in reasons(half)) == (0, True)

    Path(lake.uri_of(SILVER_KLINES["1m"], SYMBOL, DAY).removeprefix("file://")).unlink()
    none = swept(lake)
    assert (none.days, "silver_klines_1m is not there" in reasons(none)) == (0, True)


def test_silver_of_a_running_day_verifies_nothing(lake: Lake) -> None:
    KlinesDays(lake, timeframe="1m", now=day_span(DAY).start + timedelta(hours=12)).write(PARTITION)

    found = swept(lake)

    assert (found.days, "before the day had ended" in reasons(found)) == (0, True)


def test_silver_refuses_to_be_made_anew_from_what_was_deleted(lake: Lake) -> None:
    before = lake.read(SILVER_KLINES["1m"], SYMBOL, DAY)
    swept(lake)

    with pytest.raises(InputIncomplete, match=r"deleted by retention on 2024-09-01.*silver_klines_1m stays"):
        KlinesDays(lake, timeframe="1m", now=LONG_AFTER).write(PARTITION)
    assert lake.read(SILVER_KLINES["1m"], SYMBOL, DAY) == before


def test_bronze_that_was_deleted_comes_back_whole_or_not_at_all(lake: Lake, tmp_path: Path, rest: SmallRest) -> None:
    swept(lake)
    rest.holes = [(day_span(DAY).start, day_span(DAY).start + timedelta(hours=1))]

    with pytest.raises(InputIncomplete, match=r"sources give 1,380 of 1,440"):
        fill(lake, tmp_path, rest, KLINES)
    assert lake.manifest(KLINES, SYMBOL, DAY) is None

    rest.holes = []
    fill(lake, tmp_path, rest, KLINES)
    assert lake.retired(KLINES, SYMBOL, DAY) is None
    table = lake.read(KLINES, SYMBOL, DAY)
    assert table is not None
    assert table.num_rows == 1440


def test_inputs_of_the_perpetual_go_together_and_what_lacks_one_of_them_is_not_made_anew(
    lake: Lake, tmp_path: Path, rest: SmallRest
) -> None:
    fill(lake, tmp_path, rest, BRONZE_FUNDING_RATE)
    fill(lake, tmp_path, rest, BRONZE_LIQUIDATIONS)
    days = PerpetualDays(lake, now=LONG_AFTER)
    days.write(PARTITION)
    age(lake, BRONZE_LIQUIDATIONS, at=LONG_AFTER)
    assert lake.inputs(SILVER_PERPETUAL, SYMBOL, DAY).keys() == {"bronze_funding_rate", "bronze_liquidations"}

    assert swept(lake).days == 1, "the candles"
    age(lake, BRONZE_LIQUIDATIONS)
    assert swept(lake).days == 2

    fill(lake, tmp_path, rest, BRONZE_FUNDING_RATE)
    with pytest.raises(InputIncomplete, match="bronze_liquidations of this day was deleted by retention"):
        PerpetualDays(lake, now=LONG_AFTER).write(PARTITION)


def test_trades_go_when_the_minutes_count_them_all(lake: Lake) -> None:
    payload = BRONZE_TRADES.payload
    columns: dict[str, list[object]] = {name: [1] * 144_000 for name in payload.names}
    columns |= {"time": [day_span(DAY).start] * 144_000, "trade_id": list(range(144_000))}
    columns |= {"is_buyer_maker": [True] * 144_000}
    rows = stored_rows(
        pa.table(columns, schema=payload), BRONZE_TRADES, source="archive", exchange="simulator-0", received_at=WRITTEN
    )
    for table, days in ((rows.slice(1), 0), (rows, 1)):
        parts = lake.write_part(BRONZE_TRADES, SYMBOL, DAY, table, source="archive", origin="a", version=f"{days}")
        lake.publish_manifest(BRONZE_TRADES, SYMBOL, DAY, Manifest(parts=tuple(parts)))
        age(lake, BRONZE_TRADES)
        age(lake, KLINES, at=LONG_AFTER)
        found = swept(lake)
        assert found.days == days, found.kept


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.mark.parametrize("keep_days", [7, 0])
def test_the_job_sweeps_as_the_setting_says(
    lake: Lake, tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, keep_days: int
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SYMBOLS", SYMBOL)
    monkeypatch.setenv("BRONZE_RETENTION_DAYS", str(keep_days))
    job = make_platform(tmp_path, instance, symbols=(SYMBOL,)).definitions.resolve_job_def("bronze_retention")

    result = job.execute_in_process(instance=instance, raise_on_error=False)

    assert failures(result) == {}
    assert lake.has(KLINES, SYMBOL, DAY) is (keep_days == 0)
