"""The figures of the page are those of a real lake and of a real Dagster."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.config import Settings
from crypto_assets.dagster_home import prepare_dagster_home
from crypto_assets.dashboard.health.figures import (
    CALENDAR_DAYS,
    read_calendar,
    read_events,
    read_lake,
    read_losses,
    read_storage,
)
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.health import dagster_events
from crypto_assets.lake.lake import Lake
from crypto_assets.stream.gap_table import GAP_LEDGER, gap_table
from crypto_assets.stream.gaps import Gap
from crypto_assets_tests.dashboard.features.days import CANDLES, DAY, candle_table, gold_table, publish_day

NOW = datetime(2024, 8, 6, 12, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A day of one symbol, whole, and candles of the day before that lack the last hour."""
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    publish_day(lake, "BTCUSDT")
    lake.publish(
        CANDLES, "BTCUSDT", DAY - timedelta(days=2), candle_table(DAY - timedelta(days=2), minutes=range(1380))
    )
    return lake


def test_an_empty_lake_has_no_figures(tmp_path: Path) -> None:
    empty = Lake(str(tmp_path))
    assert read_lake(empty, SYMBOLS, now=NOW).is_empty
    assert {day.state for day in read_calendar(empty, SYMBOLS, now=NOW).days} == {"absent"}
    assert read_losses(empty, "simulator-7", now=NOW).ledger_at is None
    assert read_storage(empty, tmp_path, now=NOW).bytes == 0


def test_silver_is_counted_from_its_first_day_of_the_week_to_its_newest(lake: Lake) -> None:
    figures = read_lake(lake, SYMBOLS, now=NOW)
    assert not figures.is_empty
    assert [(count.symbol, count.day, count.rows) for count in figures.silver] == [
        ("BTCUSDT", DAY - timedelta(days=2), 1_380),
        ("BTCUSDT", DAY - timedelta(days=1), None),
        ("BTCUSDT", DAY, 1_440),
    ]


def test_gold_is_judged_by_each_symbols_newest_day(lake: Lake) -> None:
    (found,) = read_lake(lake, SYMBOLS, now=NOW).gold
    assert (found.symbol, found.day, found.features, found.is_good) == ("BTCUSDT", DAY, len(FEATURES), True)


def test_the_calendar_ends_with_the_newest_day(lake: Lake) -> None:
    calendar = read_calendar(lake, SYMBOLS, now=NOW + timedelta(days=900))
    assert (calendar.start, calendar.end) == (DAY - timedelta(days=CALENDAR_DAYS - 1), DAY + timedelta(days=1))
    states = {day.day: day.state for day in calendar.days if (day.dataset, day.symbol) == (CANDLES.name, "BTCUSDT")}
    assert (states[DAY], states[DAY - timedelta(days=1)]) == ("complete", "absent")
    assert states[DAY - timedelta(days=2)] == "partial"


def test_storage_weighs_each_dataset_and_prices_the_month_in_each_store(lake: Lake) -> None:
    storage = read_storage(lake, Path("/"), now=NOW)
    size = lake.files.size(GOLD_FEATURES.partition_path("BTCUSDT", DAY))
    assert size in {each.bytes for each in storage.sizes if each.layer == "gold"}
    assert storage.bytes == sum(each.bytes for each in storage.sizes)
    assert len({cost.prices.name for cost in storage.costs}) == len(storage.costs) >= 3
    assert 0 < storage.fullest.free <= storage.fullest.total


def test_losses_are_those_of_the_exchanges_ledger(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    start = NOW - timedelta(hours=3)
    gap = Gap(
        gap_id="one", dataset="orderbook", symbol="BTCUSDT", start=start, end=start + timedelta(minutes=5),
        cause="disconnect", state="unrecoverable", detail="", noticed_at=NOW, changed_at=NOW,
    )  # fmt: skip
    lake.publish(GAP_LEDGER, "simulator-7", DAY, gap_table([gap]))
    losses = read_losses(lake, "simulator-7", now=NOW)
    assert [(found.dataset, found.symbol, found.lost) for found in losses.gaps] == [("orderbook", "BTCUSDT", 5.0)]
    assert losses.ledger_at is not None


def test_a_dagster_that_never_ran_has_no_events(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    assert read_events(settings, environment={}, now=NOW) is None
    assert list(tmp_path.iterdir()) == []


def test_checks_and_runs_are_those_of_the_home_that_the_environment_names(tmp_path: Path) -> None:
    home = prepare_dagster_home(tmp_path, environment={"DAGSTER_HOME": str(tmp_path / "home")})
    run_a_failing_check(home)
    settings = Settings.model_validate({"data_dir": tmp_path / "elsewhere"})
    events = read_events(settings, environment={"DAGSTER_HOME": str(home)}, now=datetime.now(UTC))
    assert events is not None
    assert [(check.check, check.passed, check.sentence) for check in events.checks] == [
        ("range", False, "3 rows <b>leave</b> their range.")
    ]
    assert [run.status for run in events.runs] == ["SUCCESS"]


def test_where_there_are_too_many_runs_it_is_said_how_far_back_they_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = prepare_dagster_home(tmp_path, environment={})
    run_a_failing_check(home)
    run_a_failing_check(home)
    settings, now = Settings.model_validate({"data_dir": tmp_path}), datetime.now(UTC)
    events = read_events(settings, environment={"DAGSTER_HOME": str(home)}, now=now)
    assert events is not None
    assert (len(events.runs), events.reach) == (2, "the last 7 days")

    monkeypatch.setattr(dagster_events, "MOST_RUNS", 1)
    cut = read_events(settings, environment={"DAGSTER_HOME": str(home)}, now=now)
    assert cut is not None
    (newest,) = cut.runs
    assert cut.cut_at == newest.started_at
    assert cut.reach == f"all since {newest.started_at:%Y-%m-%d %H:%M}"


def run_a_failing_check(home: Path) -> None:
    """A run of an asset whose check does not pass, in the Dagster of a folder."""

    @dg.asset(name="gold_features")
    def gold_features() -> None: ...

    @dg.asset_check(asset=gold_features, name="range")
    def in_range() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="3 rows <b>leave</b> their range.")

    with dg.DagsterInstance.from_config(str(home)) as instance:
        dg.materialize([gold_features, in_range], instance=instance)


def test_a_day_of_features_with_a_bad_value_is_not_good(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    values = {"rsi_14_1m": [float("nan"), 120.0]}
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table(minutes=range(2), values=values))
    (found,) = read_lake(lake, SYMBOLS, now=NOW).gold
    assert (found.bad_cells, len(found.out_of_range)) == (1, 1)
