"""What becomes of requests to train again: one run for each, once there is something to train on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.retraining import RetrainRequest, RetrainRequests
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol
from resources.lake import LakeResource
from sensors.retraining import retraining_sensor

DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT", "ETHUSDT"))


@dataclass
class Requests:
    """A lake with requests, and the sensor that reads them."""

    folder: Path
    instance: dg.DagsterInstance
    yesterday: date

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder))

    def leave(self, day: date, *, symbol: str = "BTCUSDT", model_id: str = "a model") -> None:
        RetrainRequests(self.lake.files).ask(
            RetrainRequest(symbol=symbol, day=day, model_id=model_id, reasons=("wild in 97%",))
        )

    def is_open(self, symbol: str = "BTCUSDT") -> bool:
        return RetrainRequests(self.lake.files).of(symbol) is not None

    def publish_features(self, day: date, *, symbol: str = "BTCUSDT") -> None:
        self.lake.publish(GOLD_FEATURES, symbol, day, GOLD_FEATURES.schema.empty_table())

    def train(self, day: date, *, symbol: str = "BTCUSDT") -> None:
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization("lstm_checkpoint", partition=f"{day}|{symbol}")
        )

    def tick(self) -> dg.SensorResult:
        context = dg.build_sensor_context(
            instance=self.instance, resources={"lake": LakeResource(uri=str(self.folder))}
        )
        found = list(retraining_sensor(DAYS)(context))  # pyright: ignore[reportArgumentType]  a generator by its function
        runs = [one for one in found if isinstance(one, dg.RunRequest)]
        reasons = [one for one in found if isinstance(one, dg.SkipReason)]
        return dg.SensorResult(run_requests=runs, skip_reason=reasons[0] if reasons else None)


@pytest.fixture
def requests(tmp_path: Path) -> Iterator[Requests]:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Requests(tmp_path, instance, yesterday)


def test_without_a_request_nothing_runs(requests: Requests) -> None:
    found = requests.tick()
    assert not found.run_requests
    assert "2 symbols: 0 requests to train again were answered, 0 wait" in str(found.skip_reason)


def test_a_request_asks_for_a_run_of_yesterday_and_the_same_one_each_time(requests: Requests) -> None:
    requests.leave(requests.yesterday)
    requests.publish_features(requests.yesterday)

    (run,) = requests.tick().run_requests or []
    (again,) = requests.tick().run_requests or []

    assert run.partition_key == f"{requests.yesterday}|BTCUSDT"
    assert run.run_key == again.run_key == f"retrain BTCUSDT {requests.yesterday} a model"
    assert requests.is_open()


def test_each_symbol_has_a_run_of_its_own(requests: Requests) -> None:
    for symbol in DAYS.symbols:
        requests.leave(requests.yesterday, symbol=symbol)
        requests.publish_features(requests.yesterday, symbol=symbol)
    assert [run.partition_key for run in requests.tick().run_requests or []] == [
        f"{requests.yesterday}|{symbol}" for symbol in DAYS.symbols
    ]


def test_a_run_waits_until_yesterday_has_features(requests: Requests) -> None:
    requests.leave(requests.yesterday)
    found = requests.tick()
    assert not found.run_requests
    assert f"1 wait (BTCUSDT of {requests.yesterday})" in str(found.skip_reason)


def test_what_is_seen_of_the_day_that_runs_waits_for_its_end(requests: Requests) -> None:
    requests.leave(requests.yesterday + timedelta(days=1))
    requests.publish_features(requests.yesterday)
    assert not requests.tick().run_requests


def test_a_training_of_a_later_day_answers_the_request(requests: Requests) -> None:
    requests.leave(requests.yesterday - timedelta(days=2))
    requests.publish_features(requests.yesterday)
    requests.train(requests.yesterday - timedelta(days=3))
    assert requests.tick().run_requests
    requests.train(requests.yesterday, symbol="ETHUSDT")
    assert requests.tick().run_requests

    requests.train(requests.yesterday - timedelta(days=1))

    found = requests.tick()
    assert not found.run_requests
    assert "1 requests to train again were answered, 0 wait" in str(found.skip_reason)
    assert not requests.is_open()


def test_a_request_that_cannot_be_read_is_told_of(requests: Requests) -> None:
    requests.lake.files.publish("forecast/retraining/symbol=BTCUSDT.json", b"{")
    assert "is no request to train" in str(requests.tick().skip_reason)


def test_the_sensor_asks_for_the_job_of_forecasts() -> None:
    assert retraining_sensor(DAYS).job_name == "forecast"
    assert retraining_sensor(DAYS).default_status is dg.DefaultSensorStatus.RUNNING
