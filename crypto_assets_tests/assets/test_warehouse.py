"""The warehouse group whole: trades in PostgreSQL, Spark, Parquet on S3, the gate, COPY into the stand-in."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import dagster as dg
import pytest

from crypto_assets.partitions import WholeDay, range_tags
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets_tests.assets.warehouse_world import DAY, WarehouseWorld, said
from crypto_assets_tests.waiting import wait_for
from resources.postgres import PostgresResource
from sensors.trade_observations import trade_observations

pytestmark = pytest.mark.usefixtures("one_spark")

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def world(make_warehouse_world: Callable[..., WarehouseWorld]) -> WarehouseWorld:
    return make_warehouse_world()


def test_a_day_goes_from_trades_to_redshift_and_a_repeat_changes_nothing(world: WarehouseWorld) -> None:
    world.simple_day(DAY)

    first = world.run()

    assert first.success, said(first)
    assert {e.check_name for e in first.get_asset_check_evaluations() if not e.passed} == set()
    assert world.redshift(
        "SELECT symbol, trade_minute, open_price, close_price, total_quantity, total_trade_value, trade_count, "
        "avg_price, vwap FROM fact_trades JOIN dim_symbol USING (symbol) JOIN dim_time ON datetime = trade_minute "
        "WHERE base_asset = 'ETH' AND hour = 12 ORDER BY trade_minute"
    ) == [
        (
            *("ETHUSDT", datetime(2024, 8, 8, 12), Decimal("60000.01"), Decimal("60000.03")),  # noqa: DTZ001
            *(Decimal(1), Decimal("60000.02"), 2, Decimal("60000.02"), Decimal("60000.02")),
        ),
        (
            *("ETHUSDT", datetime(2024, 8, 8, 12, 1), Decimal("60000.01"), Decimal("60000.01")),  # noqa: DTZ001
            *(Decimal("0.5"), Decimal("30000.005"), 1, Decimal("60000.01"), Decimal("60000.01")),
        ),
    ]
    assert world.redshift("SELECT COUNT(*) FROM dim_time") == [(1440,)]
    version = latest_version(world, "redshift_fact_trades")

    again = world.run()

    assert again.success
    assert world.metadata("redshift_fact_trades")["changed"] is False
    assert latest_version(world, "redshift_fact_trades") == version
    assert world.redshift("SELECT COUNT(*) FROM warehouse_loads") == [(3,)]


def latest_version(world: WarehouseWorld, asset: str) -> str:
    wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[DAY.isoformat()])
    (record,) = world.instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return (record.asset_materialization.tags or {})["dagster/data_version"]


def test_a_late_trade_makes_another_day_which_replaces_the_loaded_one(world: WarehouseWorld) -> None:
    world.simple_day(DAY)
    world.run()
    world.trade(("BTCUSDT", 1, NOON + timedelta(hours=1), "61000"))
    world.candles("BTCUSDT", DAY, [(720, "60000.01"), (720, "60000.03")], [(721, "60000.01")], [(780, "61000")])

    assert world.run().success
    assert world.loaded_days() == {"2024-08-08": 5}


def test_late_trades_load_the_day_again_without_anyone_asking(world: WarehouseWorld) -> None:
    world.simple_day(DAY)
    world.report_silver(DAY)
    follow, observe = Follow(world), Observe(world)
    assert follow.next() == set(), "the first look only remembers"
    assert observe.until_told() == {DAY.isoformat()}
    assert {"dim_time", "dim_symbol", "fact_trades"} <= follow.next()
    assert world.run().success
    assert world.loaded_days() == {"2024-08-08": 4}
    assert follow.next() == set()

    world.trade(("BTCUSDT", 1, NOON + timedelta(hours=1), "61000"))
    world.candles("BTCUSDT", DAY, [(720, "60000.01"), (720, "60000.03")], [(721, "60000.01")], [(780, "61000")])
    assert observe.until_told() == {DAY.isoformat()}
    asked = follow.next()
    assert {"fact_trades", "redshift_fact_trades"} <= asked
    assert world.run(select=sorted(asked)).success
    assert world.loaded_days() == {"2024-08-08": 5}


class Follow:
    """Asks what is to run, as the sensor of the conditions does, each time from where it was."""

    def __init__(self, world: WarehouseWorld) -> None:
        self._world = world
        self._cursor: object = None

    def next(self) -> set[str]:
        """Assets of the group of which DAY is requested."""
        result = dg.evaluate_automation_conditions(
            self._world.definitions,
            self._world.instance,
            asset_selection=dg.AssetSelection.groups("warehouse").materializable(),
            cursor=self._cursor,  # pyright: ignore[reportArgumentType]
        )
        self._cursor = result.cursor
        keys = self._world.group
        return {name for name in keys if DAY.isoformat() in result.get_requested_partitions(dg.AssetKey(name))}


class Observe:
    """Looks for trades, as their sensor does, and records what it finds."""

    def __init__(self, world: WarehouseWorld) -> None:
        self._world = world
        self._cursor: str | None = None

    def until_told(self) -> set[str | None]:
        """Days of the first tick that tells of any: the server's statistics lag by a second or so."""
        return wait_for(self._tick, until=bool, deadline_s=60)

    def _tick(self) -> set[str | None]:
        resources = {"postgres": PostgresResource()}
        context = dg.build_sensor_context(self._world.instance, cursor=self._cursor, resources=resources)
        result = trade_observations()(context)
        assert isinstance(result, dg.SensorResult)
        self._cursor = result.cursor
        for event in result.asset_events:
            assert isinstance(event, dg.AssetMaterialization)
            self._world.instance.report_runless_asset_event(event)
        return {event.partition for event in result.asset_events}


def test_a_day_that_contradicts_its_candles_never_reaches_redshift(world: WarehouseWorld) -> None:
    world.simple_day(DAY)
    assert world.run().success
    world.trade(("BTCUSDT", 1, NOON + timedelta(seconds=30), "1"))  # no candle knows of it

    failed = world.run()

    assert not failed.success
    (wrong,) = [e for e in failed.get_asset_check_evaluations() if e.check_name == "minutes_equal_candles"]
    assert (wrong.passed, wrong.severity, wrong.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert "BTCUSDT 12:00" in (wrong.description or "")
    assert world.loaded_days() == {"2024-08-08": 4}
    assert world.redshift("SELECT MIN(min_price) FROM fact_trades") == [(Decimal("60000.01"),)]

    alone = world.run(select=["redshift_fact_trades"])  # without the checks

    assert not alone.success
    assert "redshift_fact_trades 2024-08-08: fact_trades 2024-08-08 did not pass the gate" in said(alone)
    assert "BTCUSDT 12:00" in said(alone)
    assert world.loaded_days() == {"2024-08-08": 4}


def test_of_several_days_the_good_ones_are_loaded_and_the_run_fails_naming_the_others(world: WarehouseWorld) -> None:
    for day in (DAY, NEXT, NEXT + timedelta(days=1)):
        world.simple_day(day)
    world.trade(("ETHUSDT", 1, NOON + timedelta(days=1), "1"))

    result = world.run(range_tags(WholeDay(DAY), WholeDay(NEXT + timedelta(days=1))))

    assert not result.success
    assert world.loaded_days() == {"2024-08-08": 4, "2024-08-10": 4}
    assert "redshift_fact_trades: 1 of 3 days failed. The other 2 are done and stay.\n2024-08-09:" in said(result)
    assert "ETHUSDT 12:00" in said(result)
    assert [e.metadata["partitions_failed"].value for e in result.get_asset_check_evaluations() if not e.passed]
    materialized = world.instance.get_materialized_partitions(dg.AssetKey("redshift_fact_trades"))
    assert materialized == {"2024-08-08", "2024-08-10"}


def test_a_day_whose_facts_cannot_be_made_keeps_no_other_day_of_the_run_from_redshift(world: WarehouseWorld) -> None:
    last = NEXT + timedelta(days=1)
    for day in (DAY, NEXT, last):
        world.simple_day(day)
    huge = Decimal(10**12)
    world.put([("ETHUSDT", 1, NOON + timedelta(days=1), huge, huge, True, "live", NOON)])

    result = world.run(range_tags(WholeDay(DAY), WholeDay(last)))

    assert not result.success
    assert world.loaded_days() == {"2024-08-08": 4, "2024-08-10": 4}
    assert said(result) == (
        "redshift_fact_trades: 1 of 3 days failed. The other 2 are done and stay.\n"
        "2024-08-09: fact_trades of the day failed in this run, which says why in its step. What was there stays."
    )
    logged = "\n".join(entry.user_message for entry in world.instance.all_logs(result.run_id))
    assert "fact_trades 2024-08-09: The facts of 2024-08-09 could not be made: Trades are too large" in logged
    for asset in ("fact_trades", "redshift_fact_trades"):
        assert world.instance.get_materialized_partitions(dg.AssetKey(asset)) == {"2024-08-08", "2024-08-10"}

    alone = world.run(range_tags(WholeDay(DAY), WholeDay(last)), select=["fact_trades"])

    assert not alone.success
    assert "fact_trades: 1 of 3 days failed. The other 2 are done and stay." in said(alone)


def test_a_day_without_trades_is_loaded_empty_with_a_warning(world: WarehouseWorld) -> None:
    result = world.run()

    assert result.success, said(result)
    assert world.loaded_days() == {}
    assert world.metadata("fact_trades")["dagster/row_count"] == 0
    warned = [entry.user_message for entry in world.instance.all_logs(result.run_id) if entry.level == logging.WARNING]
    (told,) = [
        text for text in warned if text.startswith("fact_trades 2024-08-08: PostgreSQL has no trades of 2024-08-08")
    ]
    assert "materialise bronze_trades of 2024-08-08, then this day again with WAREHOUSE_SOURCE=lake" in told
    manifest = world.store.manifest(FACT_TRADES, DAY)
    assert manifest is not None
    assert manifest.rows == 0


def test_trades_without_candles_to_compare_with_are_not_loaded(world: WarehouseWorld) -> None:
    world.trade(("BTCUSDT", 1, NOON, "60000"))

    failed = world.run()

    assert not failed.success
    (wrong,) = [e for e in failed.get_asset_check_evaluations() if not e.passed]
    assert wrong.check_name == "candles_present"
    assert "materialise silver_klines_1m of 2024-08-08|BTCUSDT" in (wrong.description or "")


def test_a_run_without_a_day_says_how_to_name_one(world: WarehouseWorld) -> None:
    assert "Which day?" in said(world.run({}))


def test_no_password_is_in_anything_that_dagster_keeps(world: WarehouseWorld) -> None:
    world.simple_day(DAY)
    result = world.run()
    passwords = {
        url.partition("://")[2].partition("@")[0].partition(":")[2] for url in (world.database, world.warehouse)
    }
    kept = "\n".join(str(entry) for entry in world.instance.all_logs(result.run_id))
    assert "COPY fact_trades_staging" in kept
    assert [password for password in passwords if password in kept] == []


@pytest.mark.parametrize("first", [date(2024, 8, 1)])
def test_facts_follow_the_silver_candles_of_every_symbol(world: WarehouseWorld, first: date) -> None:
    graph = world.definitions.resolve_asset_graph()
    facts = graph.get(dg.AssetKey("fact_trades"))
    assert {key.to_user_string() for key in facts.parent_keys} == {
        "trades", "dim_time", "dim_symbol", "silver_klines_1m",
    }  # fmt: skip
    assert facts.partitions_def is not None
    assert facts.partitions_def.get_first_partition_key() == first.isoformat()
