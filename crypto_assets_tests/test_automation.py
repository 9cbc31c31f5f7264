"""What runs by itself after a change, asked tick by tick as the sensor does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.automation import is_over
from crypto_assets.cleaning.gaps import GapCause, gaps_from_json
from crypto_assets.config import Settings
from crypto_assets.endpoints import write_endpoint
from crypto_assets.errors import Unavailable
from crypto_assets.schemas import BRONZE, BRONZE_TRADES, SILVER
from crypto_assets.simulator.process import start_simulator
from crypto_assets_tests.assets.small_exchange import SmallPlatform, checks_of, day, make_platform, time
from crypto_assets_tests.convergence.archive_folder import put_klines
from resources.exchange import exchange_now

BRONZE_KLINES = ("bronze_klines_1m", "bronze_klines_5m", "bronze_klines_15m")
SILVER_KLINES = ("silver_klines_1m", "silver_klines_5m", "silver_klines_15m")
ALL_SILVER = tuple(dataset.name for dataset in SILVER)

Requested = dict[str, set[str]]


class Ticks:
    """Evaluates the conditions again and again, each time from where the last one ended."""

    def __init__(self, platform: SmallPlatform) -> None:
        self._platform = platform
        self._cursor: object = None

    def next(self, *, at: datetime | None = None) -> Requested:
        """Partitions requested of each asset at a moment, by default now."""
        result = dg.evaluate_automation_conditions(
            self._platform.definitions,
            self._platform.instance,
            evaluation_time=at,
            cursor=self._cursor,  # pyright: ignore[reportArgumentType]
        )
        self._cursor = result.cursor
        asked = {name: result.get_requested_partitions(dg.AssetKey(name)) for name in (*ALL_SILVER, "gold_features")}
        return {name: {str(key) for key in keys} for name, keys in asked.items() if keys}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[SmallPlatform]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield make_platform(tmp_path, instance)


@pytest.fixture
def ticks(platform: SmallPlatform) -> Ticks:
    ticks = Ticks(platform)
    assert ticks.next() == {}  # the first look only remembers
    return ticks


def test_a_bronze_day_is_followed_by_silver_and_gold_of_that_day_only(platform: SmallPlatform, ticks: Ticks) -> None:
    assert platform.run(day(3), assets=[*BRONZE_KLINES]).success
    assert ticks.next() == {name: {day(3).key} for name in SILVER_KLINES}
    assert ticks.next() == {}

    assert platform.run(day(3), assets=SILVER_KLINES).success
    assert ticks.next() == {}, "gold waits for the book and the perpetual of its day"

    others = ("orderbook", "funding_rate", "open_interest", "mark_price", "liquidations")
    assert platform.run(day(3), assets=[f"bronze_{name}" for name in others]).success
    assert ticks.next() == {name: {day(3).key} for name in ("silver_orderbook", "silver_perpetual")}
    assert platform.run(day(3), assets=["silver_orderbook", "silver_perpetual"]).success
    assert ticks.next() == {"gold_features": {day(3).key}}


def test_a_run_of_all_layers_leaves_nothing_to_do(platform: SmallPlatform, ticks: Ticks) -> None:
    assert platform.run(day(1), day(3)).success
    assert ticks.next() == {}


def test_a_repaired_day_is_followed_through_to_the_gold_that_reads_it(platform: SmallPlatform, ticks: Ticks) -> None:
    platform.rest.holes = [(time(2, 4), time(2, 5))]
    assert platform.run(day(1), day(6)).success
    assert ticks.next() == {}
    platform.rest.holes = []

    assert platform.run(day(2), assets=["bronze_klines_1m"]).success
    assert ticks.next() == {name: {day(2).key} for name in SILVER_KLINES}
    assert platform.run(day(2), assets=SILVER_KLINES).success
    assert ticks.next() == {"gold_features": {day(n).key for n in range(2, 7)}}


def test_bronze_that_was_converged_again_without_news_is_followed_by_nothing(
    platform: SmallPlatform, ticks: Ticks
) -> None:
    assert platform.run(day(2)).success
    assert ticks.next() == {}

    assert platform.run(day(2), assets=["bronze_klines_1m"]).success

    assert ticks.next() == {}


def test_a_halt_that_is_confirmed_after_silver_was_made_is_followed_by_silver(
    platform: SmallPlatform, ticks: Ticks
) -> None:
    names = ("bronze_klines_1m", "silver_klines_1m")
    silver = next(dataset for dataset in SILVER if dataset.name == "silver_klines_1m")

    def cause_and_verdict(result: dg.ExecuteInProcessResult) -> tuple[GapCause, bool]:
        outline = platform.lake.lake.outline(silver, "BTCUSDT", day(2).day)
        assert outline is not None
        (gap,) = gaps_from_json(outline.notes["gaps"])
        return gap.cause, checks_of(result, "silver_klines_1m")["completeness"].passed

    put_klines(platform.folder / "archive", day(2).day, set(range(1440)) - set(range(240, 300)))
    platform.rest.holes = [(time(2, 4), time(2, 5))]
    platform.rest.errors = {day(2).day: [Unavailable("the exchange answers 503")]}
    assert cause_and_verdict(platform.run(day(2), assets=names)) == (GapCause.NOT_RECEIVED, False)
    assert ticks.next() == {}

    assert platform.run(day(2), assets=["bronze_klines_1m"]).success
    assert ticks.next() == {"silver_klines_1m": {day(2).key}}
    result = platform.run(day(2), assets=["silver_klines_1m"])
    assert cause_and_verdict(result) == (GapCause.EXCHANGE_HALT, True)
    assert ticks.next() == {}

    platform.rest.errors = {day(2).day: [Unavailable("the exchange answers 503")]}
    assert platform.run(day(2), assets=["bronze_klines_1m"]).success
    assert ticks.next() == {}, "the halt is still known"


def test_gold_that_lacked_days_is_made_again_when_they_come(platform: SmallPlatform, ticks: Ticks) -> None:
    assert platform.run(day(3)).success
    assert ticks.next() == {}

    assert platform.run(day(2), assets=[*BRONZE_KLINES, *SILVER_KLINES]).success

    assert ticks.next() == {"gold_features": {day(3).key}}


def test_the_day_that_runs_is_followed_when_it_has_ended_and_its_last_flush_is_done(platform: SmallPlatform) -> None:
    ticks = Ticks(platform)
    assert ticks.next(at=time(3, 11)) == {}
    platform.rest.holes = [(time(3, 12), time(4))]
    assert platform.run(day(3), assets=BRONZE_KLINES).success
    assert ticks.next(at=time(3, 12)) == {}, "a flush at noon"
    platform.rest.holes = [(time(3, 18), time(4))]
    assert platform.run(day(3), assets=BRONZE_KLINES).success
    assert ticks.next(at=time(3, 18)) == {}, "a flush in the evening"
    assert ticks.next(at=time(4, 0, 19)) == {}, "what came before midnight is still being flushed"

    assert ticks.next(at=time(4, 0, 21)) == {name: {day(3).key} for name in SILVER_KLINES}
    assert ticks.next(at=time(4, 0, 22)) == {}


def test_a_past_day_is_followed_while_another_one_runs(platform: SmallPlatform) -> None:
    ticks = Ticks(platform)
    assert ticks.next(at=time(3, 11)) == {}
    assert platform.run(day(2), assets=BRONZE_KLINES).success
    assert platform.run(day(3), assets=BRONZE_KLINES).success
    assert ticks.next(at=time(3, 12)) == {name: {day(2).key} for name in SILVER_KLINES}


def test_silver_of_the_day_that_runs_made_on_demand_asks_for_no_gold(platform: SmallPlatform) -> None:
    ticks = Ticks(platform)
    assert ticks.next(at=time(3, 11)) == {}
    assert platform.run(day(3), assets=[d.name for d in (*BRONZE, *SILVER) if d is not BRONZE_TRADES]).success
    assert ticks.next(at=time(3, 12)) == {}
    assert ticks.next(at=time(4, 0, 21)) == {"gold_features": {day(3).key}}


@pytest.mark.parametrize(
    ("key", "moment", "over"),
    [
        ("2024-08-03|BTCUSDT", time(4, 0, 19), False),
        ("2024-08-03|BTCUSDT", time(4, 0, 20), True),
        ("2024-08-04|BTCUSDT", time(4, 12), False),
        ("2024-08-02", time(4, 0, 1), True),
    ],
)
def test_a_day_is_over_twenty_minutes_after_midnight_utc(key: str, moment: datetime, over: bool) -> None:
    assert is_over(key, now=moment) is over


def test_a_market_that_is_played_faster_says_itself_what_day_it_is(tmp_path: Path) -> None:
    wall = datetime(2026, 11, 20, 12, tzinfo=UTC)
    given = {"data_dir": tmp_path, "simulator_speed": 10}
    fast = Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert exchange_now(fast, wall=wall) == wall, "none runs: nothing is started to ask it"
    with start_simulator(now=time(5, 12)) as exchange:
        write_endpoint(tmp_path, "simulator", {"url": exchange.url})
        assert time(5, 12) <= exchange_now(fast, wall=wall) < time(5, 13)
        usual = Settings(_env_file=None, data_dir=tmp_path)  # pyright: ignore[reportCallIssue]
        assert exchange_now(usual, wall=wall) == wall


def test_every_sensor_of_the_definitions_runs_without_being_switched_on(platform: SmallPlatform) -> None:
    sensors = {sensor.name: sensor.default_status for sensor in platform.definitions.get_repository_def().sensor_defs}
    assert {"follow_changes", "market_stream"} <= set(sensors)
    assert set(sensors.values()) == {dg.DefaultSensorStatus.RUNNING}


def test_the_sensor_requests_what_the_conditions_say(platform: SmallPlatform) -> None:
    sensor = platform.definitions.get_repository_def().get_sensor_def("follow_changes")

    def tick(cursor: str | None):
        context = dg.build_sensor_context(
            platform.instance, cursor=cursor, definitions=platform.definitions, sensor_name=sensor.name
        )
        return sensor.evaluate_tick(context)

    first = tick(None)
    assert not first.run_requests
    assert platform.run(day(3), assets=BRONZE_KLINES).success

    second = tick(first.cursor)

    requests = second.run_requests or []
    assert {request.partition_key for request in requests} == {day(3).key}
    assert {key.to_user_string() for r in requests for key in r.asset_selection or []} == set(SILVER_KLINES)
