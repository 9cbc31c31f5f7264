"""The asset and its checks, on a graph of its own: what a run of it does, says and never shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crypto_assets.assets.health import health_assets
from crypto_assets.checks.health import health_checks
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.health.publishing import path_of
from crypto_assets.health.rows import EVERY, HEALTH_REPORT
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol
from crypto_assets.run_tags import PARTITION_TAG
from crypto_assets_tests.health.small_lake import DAY, SYMBOL, gold, put_silver
from resources.lake import LakeResource

DAYS = DaySymbol(DAY, (SYMBOL,))
SECRET = "redis-pass-word"


@dataclass
class Reporting:
    """The group on a lake of its own."""

    lake: Lake
    instance: dg.DagsterInstance
    definitions: dg.Definitions

    def run(self, tags: dict[str, str] | None = None) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def("health")
        given = {PARTITION_TAG: DAY.isoformat()} if tags is None else tags
        return job.execute_in_process(instance=self.instance, tags=given, raise_on_error=False)

    def metadata(self) -> dict[str, Any]:
        (record,) = self.instance.fetch_materializations(dg.AssetKey(HEALTH_REPORT.name), limit=1).records
        materialization = record.asset_materialization
        assert materialization is not None
        assert materialization.partition == DAY.isoformat()
        return {name: value.value for name, value in materialization.metadata.items()}


@pytest.fixture
def reporting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reporting]:
    """With a Redis that does not answer."""
    variables = {
        "DATA_DIR": str(tmp_path / "data"),
        "SYMBOLS": SYMBOL,
        "PARTITIONS_START": DAY.isoformat(),
        "REDIS_URL": f"redis://:{SECRET}@127.0.0.1:1/0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    definitions = dg.Definitions(
        assets=health_assets(DAYS),
        asset_checks=health_checks(DAYS),
        resources={"lake": LakeResource(uri=str(tmp_path / "lake"))},
        jobs=[dg.define_asset_job("health", selection=dg.AssetSelection.groups("health"))],
        executor=dg.in_process_executor,
    )
    with dg.DagsterInstance.ephemeral() as instance:
        yield Reporting(Lake(str(tmp_path / "lake")), instance, definitions)


def found(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {e.check_name: (e.passed, e.description) for e in result.get_asset_check_evaluations()}


def test_a_day_is_reported_with_picture_verdict_and_sentences(reporting: Reporting) -> None:
    put_silver(reporting.lake, minutes=range(1430))
    reporting.lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=1430))
    result = reporting.run()
    assert result.success
    metadata = reporting.metadata()
    assert metadata["picture"].startswith("![health of 2024-08-05](data:image/png;base64,")
    assert metadata["verdict"].startswith("1 failure, ")
    assert "- **silver**: 0 of 1 symbols are complete: BTCUSDT 1,430/1,440" in metadata["in_short"]
    assert (metadata["figures_failed"], metadata["figures_unknown"]) == (1, 3)
    table = reporting.lake.read(HEALTH_REPORT, EVERY, DAY)
    assert table is not None
    assert metadata["dagster/row_count"] == table.num_rows
    checks = found(result)
    assert checks["no_failures"] == (
        False,
        "2024-08-05: 1 figures are failures. silver_klines_1m 2024-08-05 BTCUSDT: 1,430/1,440 minutes, missing "
        "2024-08-05 23:50-2024-08-06 00:00. Run: dagster job execute -m crypto_assets.definitions -j medallion --tags "
        '\'{"dagster/partition": "2024-08-05|BTCUSDT"}\'',
    )
    assert checks["complete"][0] is False
    assert "3 parts could not be looked at. collector: Redis cannot be asked" in str(checks["complete"][1])
    said = [str(entry.message) for entry in reporting.instance.all_logs(result.run_id)]
    assert not any(SECRET in text for text in (*said, str(metadata), str(table.to_pylist())))


def test_checks_started_alone_look_at_the_newest_report_and_say_what_it_lacks(reporting: Reporting) -> None:
    job = reporting.definitions.resolve_implicit_global_asset_job_def()
    keys = [dg.AssetCheckKey(dg.AssetKey("health_report"), name) for name in ("complete", "no_failures")]

    def check() -> dict[str, tuple[bool, str | None]]:
        only = job.get_subset(asset_selection=frozenset(), asset_check_selection=frozenset(keys))
        return found(only.execute_in_process(instance=reporting.instance))

    absent = check()
    assert not any(passed for passed, _ in absent.values())
    assert "health_report.parquet, health_report.md, health_report.png is not there. Run:" in str(absent["complete"])
    put_silver(reporting.lake)
    reporting.lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold())
    assert reporting.run().success
    passed, sentence = check()["no_failures"]
    assert passed
    assert str(sentence).startswith("2024-08-05: ")
    reporting.lake.files.remove(path_of(DAY, "health_report.png"))
    assert "health_report.png is not there" in str(check()["complete"][1])


def test_a_run_without_a_day_says_which_tag_to_give(reporting: Reporting) -> None:
    result = reporting.run(tags={})
    assert not result.success
    (failure,) = [e for e in result.all_events if e.event_type is dg.DagsterEventType.STEP_FAILURE]
    assert "Which day?" in str(failure.step_failure_data)
