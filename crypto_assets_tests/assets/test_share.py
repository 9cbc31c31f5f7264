"""The share group: what a run of it publishes, says, and refuses; with a real Spark, Hive and Kafka."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crypto_assets.assets.share import HIVE_PRICE_AGGREGATES, live_minutes, share_assets
from crypto_assets.checks.share import share_checks
from crypto_assets.config import read_settings
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.run_tags import PARTITION_TAG
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.windows import price_windows
from crypto_assets.spark.launch import launch
from crypto_assets.spark.session import end_session
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets_tests.share.facts import facts, minute
from crypto_assets_tests.stream.processor import harness
from crypto_assets_tests.stream.processor.samples import BEGIN, trade
from resources.lake import LakeResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource

DAY = WholeDay(date(2025, 9, 10))
MINUTES = [minute(number, str(100 + number)) for number in range(0, 200, 3)]


@dataclass
class Share:
    """The group on a lake and a warehouse of its own."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    warehouse: WarehouseStore
    store: WarehouseStore

    def run(self, *assets: str, day: WholeDay = DAY) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(asset) for asset in assets],
            tags={PARTITION_TAG: day.key},
            raise_on_error=False,
        )

    def metadata(self, asset: str, day: WholeDay) -> dict[str, Any]:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[day.key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}

    def publish_facts(self, *minutes: dict[str, Any], day: WholeDay = DAY) -> None:
        self.warehouse.publish(FACT_TRADES, day.day, facts(*minutes))


@pytest.fixture(scope="module", autouse=True)
def _session_of_this_module() -> Iterator[None]:
    end_session()
    yield
    end_session()


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the module: a session of Spark keeps the metastore it began with."""
    return tmp_path_factory.mktemp("share")


@pytest.fixture
def share(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Share]:
    environment = {
        "DATA_DIR": str(data_dir),
        "WAREHOUSE_S3_URI": str(tmp_path / "warehouse"),
        "EXCHANGE": "simulator",
        "PARTITIONS_START": "2025-09-01",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    days = DaySymbol(date(2025, 9, 1), ("BTCUSDT",))
    definitions = dg.Definitions(
        assets=share_assets(days),
        asset_checks=share_checks(days),
        resources={
            "lake": LakeResource(uri=str(tmp_path / "lake")),
            "warehouse": WarehouseResource(),
            "spark": SparkResource(),
        },
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Share(
            definitions,
            instance,
            WarehouseStore(str(tmp_path / "warehouse")),
            WarehouseStore(str(tmp_path / "lake" / "share")),
        )


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {e.check_name: (e.passed, e.description) for e in result.get_asset_check_evaluations()}


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.is_step_failure]
    data = event.step_failure_data
    return (data.user_failure_data.description if data.user_failure_data else None) or str(data.error)


def test_a_past_day_is_made_from_its_facts_and_shared_through_hive(share: Share) -> None:
    share.publish_facts(minute(-2, "80"), day=WholeDay(DAY.day - timedelta(days=1)))
    share.publish_facts(*MINUTES)
    result = share.run(PRICE_AGGREGATES.name, HIVE_PRICE_AGGREGATES)
    assert result.success
    assert checks_of(result) == {
        "adds_up_to_facts": (True, f"{DAY}: 112 windows of 1 symbols add up to the facts."),
        "live_equals_facts": (
            True,
            f"{DAY}: No live minutes are kept of this day, so there is nothing to compare.",
        ),
        "reads_what_was_published": (True, f"{DAY}: Hive reads 112 rows with the sums of the published file."),
    }
    stored = share.store.read(PRICE_AGGREGATES, DAY.day)
    assert stored == price_windows(facts(*MINUTES), previous_close={"BTCUSDT": Decimal(80)})
    assert stored is not None
    assert stored.to_pylist()[0]["price_return"] == pytest.approx(0.25)
    picture = share.metadata(PRICE_AGGREGATES.name, DAY)["candles"]
    assert picture.startswith("**BTCUSDT**\n\n![price 100 to 298, and volume](data:image/png;base64,")


def test_facts_that_changed_change_the_day_in_hive_too(share: Share) -> None:
    share.publish_facts(*MINUTES)
    both = (PRICE_AGGREGATES.name, HIVE_PRICE_AGGREGATES)
    assert share.run(*both).success
    share.publish_facts(*MINUTES, minute(1000, "1"))
    passed, sentence = checks_of(share.run(HIVE_PRICE_AGGREGATES))["reads_what_was_published"]
    assert passed, sentence
    result = share.run(*both)
    assert all(passed for passed, _ in checks_of(result).values())
    assert "115 rows" in (checks_of(result)["reads_what_was_published"][1] or "")


def test_a_past_day_without_facts_says_what_to_do_first(share: Share) -> None:
    sentence = failure_of(share.run(PRICE_AGGREGATES.name))
    assert sentence == (
        f"price_aggregates {DAY}: there is no fact_trades of the day. What there is of it stays. Materialise "
        "fact_trades first (job warehouse)."
    )


def test_hive_is_given_no_day_that_was_never_published(share: Share) -> None:
    assert "Materialise price_aggregates first" in failure_of(share.run(HIVE_PRICE_AGGREGATES))


def test_the_day_that_runs_is_shared_by_one_spark_and_equals_its_facts_later(
    share: Share, kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.combine(datetime.now(UTC).date(), time(12), UTC)
    exchange = f"simulator-{uuid.uuid4().int % 10**9}"
    begun = counted_sessions(monkeypatch)
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SIMULATOR_SEED": exchange.rpartition("-")[2],
    }.items():
        monkeypatch.setenv(name, value)
    market = harness.Market(exchange, kafka=kafka, redis_server="redis://x", postgres="")
    market.make_topics()
    later = (today - BEGIN).total_seconds()
    market.send([trade(n, seconds=later + n * 20, price=f"{60_000 + n}.5") for n in range(270)])  # 12:00 to 13:30
    day = WholeDay(today.date())

    clock(monkeypatch, today + timedelta(minutes=90))
    alone = share.run(PRICE_AGGREGATES.name, day=day)
    assert alone.success, failure_of(alone)
    assert not list(tmp_path.rglob("metastore"))  # of the live windows alone, nobody is kept from Hive
    metadata = share.metadata(PRICE_AGGREGATES.name, day)
    assert metadata["made_from"] == "stream"
    assert (metadata["messages"], metadata["late_today"], metadata["unusable"]) == (270, 0, 0)
    counted = {name: metadata[f"windows_{name}"] for name in ("1m", "5m", "1h", "1d")}
    assert counted == {"1m": 79, "5m": 15, "1h": 1, "1d": 0}
    so_far = share.store.read(PRICE_AGGREGATES, day.day)
    assert so_far is not None

    both = share.run(PRICE_AGGREGATES.name, HIVE_PRICE_AGGREGATES, day=day)
    assert both.success, failure_of(both)
    assert checks_of(both)["reads_what_was_published"][0]
    assert [configuration.get("spark.sql.catalogImplementation") for configuration in begun] == ["hive"]

    share.publish_facts(*live_minutes(read_settings()).read(day.day).minutes.to_pylist(), day=day)
    clock(monkeypatch, today + timedelta(days=1))
    after = share.run(PRICE_AGGREGATES.name, day=day)
    assert all(passed for passed, _ in checks_of(after).values()), checks_of(after)
    whole = share.store.read(PRICE_AGGREGATES, day.day)
    assert whole is not None
    assert [row for row in whole.to_pylist() if row in so_far.to_pylist()] == so_far.to_pylist()


def counted_sessions(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, str]]:
    """Configurations of the sessions of Spark that are begun from here on."""
    end_session()
    begun: list[Mapping[str, str]] = []

    def noted(configuration: Mapping[str, str], *given: Any, **named: Any) -> Any:
        begun.append(configuration)
        return launch(configuration, *given, **named)

    monkeypatch.setattr("crypto_assets.spark.session.launch", noted)
    return begun


def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    """Set the exchange's."""
    monkeypatch.setattr("crypto_assets.assets.share.exchange_now", lambda *_, **__: now)
