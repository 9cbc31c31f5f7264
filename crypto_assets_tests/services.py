"""Fixtures of the embedded services: started once a session on free ports of a temporary folder, ended with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from crypto_assets.config import Settings
from crypto_assets.endpoints import (
    S3Endpoint,
    SheetsEndpoint,
    hdfs_url,
    kafka_servers,
    postgres_url,
    redis_url,
    s3_endpoint,
    sheets_endpoint,
    warehouse_url,
)
from crypto_assets_tests.security.listening import open_to_others
from resources.services.folder import ServiceFolder
from resources.services.manager import Services
from resources.services.process import family
from resources.services.service import NAMES

NAMED = frozenset(Settings.model_fields)
"""Variables that would point a test's services at somebody else's."""


def service_settings(data_dir: Path, **settings: object) -> Settings:
    """Settings of embedded services in a folder, whatever the environment says."""
    return Settings.model_validate({"data_dir": data_dir, **settings})


@pytest.fixture(scope="session")
def live_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of the session's services."""
    return service_settings(tmp_path_factory.mktemp("services"))


@pytest.fixture(scope="session")
def services(live_settings: Settings) -> Iterator[Services]:
    """The session's services, of which none has been started; all are stopped at the end.

    Whatever the tests did with them: none was open to other machines.
    """
    services = _attached(live_settings)
    yield services
    opened = open_to_others(chain.from_iterable(family(ServiceFolder.of(live_settings.data_dir, n)) for n in NAMES))
    services.stop()
    assert opened == [], "a service of the tests listens where other machines reach it"


@pytest.fixture(scope="session")
def kafka(services: Services, live_settings: Settings) -> str:
    """Address of a Kafka broker; each test takes topics of its own."""
    services.start(["kafka"])
    return kafka_servers(live_settings)


@pytest.fixture(scope="session")
def redis_server(services: Services, live_settings: Settings) -> str:
    """URL of a Redis; each test takes keys of its own."""
    services.start(["redis"])
    return redis_url(live_settings)


@pytest.fixture(scope="session")
def postgres(services: Services, live_settings: Settings) -> str:
    """URL of a PostgreSQL database; each test takes a schema or rows of its own."""
    services.start(["postgres"])
    return postgres_url(live_settings)


@pytest.fixture(scope="session")
def hdfs(services: Services, live_settings: Settings) -> str:
    """URL of an HDFS; each test takes a folder of its own."""
    services.start(["datanode"])
    return hdfs_url(live_settings)


@pytest.fixture(scope="session")
def s3_server(services: Services, live_settings: Settings) -> S3Endpoint:
    """A server of the S3 protocol that keeps files and refuses wrong keys; each test takes a bucket or prefix."""
    services.start(["s3"])
    return s3_endpoint(live_settings)


@pytest.fixture(scope="session")
def redshift(services: Services, live_settings: Settings) -> str:
    """URL of the stand-in of Redshift, which reads from `s3_server`; each test takes a schema of its own."""
    services.start(["redshift"])
    return warehouse_url(live_settings)


@pytest.fixture(scope="session")
def sheets(services: Services, live_settings: Settings) -> SheetsEndpoint:
    """A stand-in of Google Sheets in a process of its own; each test takes tabs of its own."""
    services.start(["sheets"])
    return sheets_endpoint(live_settings)


@pytest.fixture
def make_services() -> Iterator[Callable[..., Services]]:
    """`make_services(data_dir, **settings)`: services of a test's own, none started, which it may kill and restart."""
    made: list[Services] = []

    def make(data_dir: Path, **settings: object) -> Services:
        made.append(_attached(service_settings(data_dir, **settings)))
        return made[-1]

    yield make
    for services in made:
        services.stop()


def _attached(settings: Settings) -> Services:
    environment = {name: value for name, value in os.environ.items() if name.lower() not in NAMED}
    return Services(settings, environment=environment, attached=True)
