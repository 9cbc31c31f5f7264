"""Services that start when batch work first needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_assets.endpoints import s3_endpoint
from crypto_assets.errors import ServiceFailed
from crypto_assets_tests.services import service_settings
from resources.services.manager import Services
from resources.services.on_demand import ensure_services
from resources.services.service import ALWAYS, NAMES

type MakeServices = Callable[..., Services]


@pytest.fixture
def detached(tmp_path: Path) -> Iterator[Services]:
    """Services of a folder of its own, for a look at what others started there."""
    services = Services(service_settings(tmp_path))
    yield services
    services.stop()


def test_the_first_use_starts_it_and_the_second_says_nothing(detached: Services) -> None:
    told: list[str] = []
    ensure_services(detached.settings, ["s3"], tell=told.append)
    assert told[0] == "s3 preparing"
    assert told[-1] == f"s3 ready {detached.status(['s3'])[0].address}"
    assert len(told) == len(set(told))
    first = detached.process("s3")
    ensure_services(detached.settings, ["s3"], tell=told.append)
    assert told[-1].startswith("s3 ready")
    assert detached.process("s3") == first
    assert s3_endpoint(detached.settings).url


def test_one_that_crashed_is_started_again(detached: Services) -> None:
    ensure_services(detached.settings, ["s3"])
    detached.kill("s3")
    ensure_services(detached.settings, ["s3"])
    assert [status.state for status in detached.status(["s3"])] == ["running"]


def test_what_is_named_elsewhere_is_left_alone(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(
        tmp_path,
        landing_uri="hdfs://127.0.0.1:1/landing",
        warehouse_s3_uri="s3://mine/warehouse",
        warehouse_url="postgresql://127.0.0.1:1/x",
        postgres_url="postgresql://127.0.0.1:1/x",
    )
    told: list[str] = []
    ensure_services(services.settings, ["datanode", "s3", "redshift"], tell=told.append)
    assert told == []
    assert services.missing(["datanode", "s3", "redshift"]) == []


def test_what_does_not_come_up_is_told_in_a_sentence(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path)
    (tmp_path / "services" / "s3" / "s3proxy.properties").mkdir(parents=True)  # cannot be written then
    with pytest.raises(ServiceFailed, match=r"(?s)s3 did not start: .*What else was started runs on"):
        ensure_services(services.settings, ["s3"])


def test_a_start_without_names_leaves_batch_work_for_later() -> None:
    assert set(NAMES) - set(ALWAYS) >= {"namenode", "datanode", "s3", "redshift"}
    assert set(ALWAYS) == {"postgres", "redis", "kafka", "simulator", "collector", "processor", "forecaster", "daemon"}
