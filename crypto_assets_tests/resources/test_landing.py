"""The landing zone that assets get: the one that is named, else the embedded one, with as many copies as asked for."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hdfs_native import Client

from crypto_assets.errors import ConfigurationError
from crypto_assets_tests.services import NAMED
from resources.landing import LandingResource
from resources.services.manager import Services


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment that names nothing, and a folder without a `.env`."""
    for name in NAMED:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return monkeypatch


def test_a_zone_that_is_named_is_used_and_nothing_is_started(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.setenv("LANDING_URI", "hdfs://127.0.0.1:1/mine")
    told: list[str] = []
    zone = LandingResource().open(tell=told.append)
    assert (zone.uri, told) == ("hdfs://127.0.0.1:1/mine", [])
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_it_is_the_embedded_one_told_of_while_it_starts(
    environment: pytest.MonkeyPatch, services: Services
) -> None:
    environment.setenv("DATA_DIR", str(services.settings.data_dir))
    was_down = bool(services.missing(["datanode"]))
    told: list[str] = []
    zone = LandingResource().open(tell=told.append)
    assert zone.uri.endswith("/landing")
    assert any(line.startswith("datanode ready") for line in told) == was_down
    path = f"{uuid4().hex}/file"
    assert zone.land(path, b"content").replication == 1
    assert zone.read(path) == b"content"
    LandingResource().open(tell=told.append)
    assert sum(line.startswith("datanode ready") for line in told) == was_down


def test_hdfs_keeps_as_many_copies_as_the_variable_says(environment: pytest.MonkeyPatch, hdfs: str) -> None:
    folder = f"/landing-{uuid4().hex[:12]}"
    environment.setenv("LANDING_URI", f"{hdfs}{folder}")
    environment.setenv("LANDING_REPLICATION", "3")
    assert LandingResource().open().land("file", b"content").replication == 3
    assert Client(hdfs).get_file_info(f"{folder}/file").replication == 3
    environment.delenv("LANDING_REPLICATION")
    assert LandingResource().open().land("other", b"content").replication == 1


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LANDING_URI", "s3://bucket/landing", "is no address on HDFS"),
        ("LANDING_REPLICATION", "0", "LANDING_REPLICATION"),
    ],
)
def test_a_variable_that_cannot_be_is_named(
    environment: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    environment.setenv("LANDING_URI", "hdfs://127.0.0.1:1/mine")
    environment.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=said):
        LandingResource().open()
