"""Ticks of the sensor that looks for what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from crypto_assets.alerts.ledger import read_alerts
from crypto_assets.alerts.observe import days_looked_at
from crypto_assets.alerts.store import ledger_file
from crypto_assets.config import Settings
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.alerts.hook import SECRET, hook_server
from crypto_assets_tests.health.small_lake import gold
from crypto_assets_tests.services import NAMED, service_settings
from sensors.alerts import alerts_sensor


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in NAMED:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SYMBOLS", "BTCUSDT")
    return service_settings(tmp_path / "data", symbols="BTCUSDT")


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> str:
    """What a tick says; it starts nothing."""
    found = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    assert found.run_requests == []
    return found.skip_message or ""


def test_a_tick_tells_of_a_fault_once_over_instances_that_come_and_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = days_looked_at(settings.partitions_start, now=datetime.now(UTC))[-1]
    bad = gold(rows=2, columns={"rsi_14_1m": [50.0, float("nan")]})
    Lake(settings.lake).publish(GOLD_FEATURES, "BTCUSDT", day, bad)
    sensor = alerts_sensor()
    with hook_server() as hook:
        monkeypatch.setenv("ALERT_WEBHOOK_URL", hook.url)
        said: list[str] = []
        for _ in range(2):
            with dg.DagsterInstance.ephemeral() as instance:
                said.append(tick(sensor, instance))
        assert len(hook.taken) == 1
    assert "1 alert lasts" in said[0]
    assert "webhook: 1 notice in one message." in said[0]
    assert "webhook" not in said[1]
    assert SECRET not in " ".join(said)
    assert [(one.rule, one.count) for one in read_alerts(settings)] == [("gold", 1)]


def test_a_failed_run_is_seen_in_the_instance_of_the_tick(settings: Settings) -> None:
    @dg.op
    def fail() -> None:
        raise dg.Failure("no")

    @dg.job
    def doomed() -> None:
        fail()

    settings.data_dir.mkdir()
    with dg.DagsterInstance.local_temp(str(settings.data_dir)) as instance:
        doomed.execute_in_process(instance=instance, raise_on_error=False)
        assert "run of doomed failed" in tick(alerts_sensor(), instance)


def test_a_tick_leaves_it_to_another_program_that_looks(settings: Settings) -> None:
    lock = ledger_file(settings.data_dir).with_name("look.lock")
    lock.parent.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance, FileLock(lock):
        assert tick(alerts_sensor(), instance).startswith("0 looks: another program")


def test_a_ledger_that_cannot_be_kept_is_told_in_the_tick(settings: Settings) -> None:
    settings.data_dir.mkdir()
    ledger_file(settings.data_dir).parent.write_text("a file where a folder is needed")
    with dg.DagsterInstance.ephemeral() as instance:
        assert tick(alerts_sensor(), instance).startswith("0 alerts could be told: ")


def test_the_sensor_runs_unless_it_is_turned_off() -> None:
    sensor = alerts_sensor()
    assert (sensor.name, sensor.minimum_interval_seconds) == ("alerts", 30)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
