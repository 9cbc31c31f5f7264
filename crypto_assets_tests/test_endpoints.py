"""Where the parts of the platform find each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crypto_assets.config import Settings
from crypto_assets.endpoints import (
    embedded_endpoint,
    exchange_urls,
    kafka_servers,
    missing_for_streams,
    postgres_url,
    redis_url,
    remove_endpoint,
    service_folder,
    write_endpoint,
)
from crypto_assets.errors import ConfigurationError


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make(tmp_path)


def make(folder: Path, **given: Any) -> Settings:
    return Settings(_env_file=None, data_dir=folder, **given)


@pytest.mark.parametrize(
    ("find", "variable"),
    [(kafka_servers, "KAFKA_BOOTSTRAP_SERVERS"), (redis_url, "REDIS_URL"), (postgres_url, "POSTGRES_URL")],
)
def test_a_service_that_does_not_run_is_missed_with_what_to_do(find: Any, variable: str, settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=f"make up.*{variable}"):
        find(settings)


def test_an_embedded_service_is_found_until_it_is_stopped(settings: Settings) -> None:
    write_endpoint(settings.data_dir, "redis", {"url": "redis://:secret@127.0.0.1:1"})
    assert redis_url(settings) == "redis://:secret@127.0.0.1:1"
    remove_endpoint(settings.data_dir, "redis")
    remove_endpoint(settings.data_dir, "redis")
    assert embedded_endpoint(settings.data_dir, "redis") is None


def test_a_variable_goes_before_what_runs_embedded(tmp_path: Path) -> None:
    settings = make(
        tmp_path, kafka_bootstrap_servers="kafka.example.com:9092", postgres_url="postgresql://db.example.com/x"
    )
    write_endpoint(tmp_path, "kafka", {"url": "127.0.0.1:1"})
    assert kafka_servers(settings) == "kafka.example.com:9092"
    assert postgres_url(settings) == "postgresql://db.example.com/x"


def test_only_its_owner_reads_where_a_service_listens(tmp_path: Path) -> None:
    write_endpoint(tmp_path, "postgres", {"url": "postgresql://user:secret@127.0.0.1:1/x"})
    files = list(service_folder(tmp_path, "postgres").iterdir())
    assert [path.name for path in files] == ["endpoint.json"]
    assert files[0].stat().st_mode & 0o077 == 0


def test_the_simulator_of_a_running_platform_gives_every_address_of_the_exchange(settings: Settings) -> None:
    write_endpoint(settings.data_dir, "simulator", {"url": "http://127.0.0.1:1", "streams": "ws://127.0.0.1:2"})
    urls = exchange_urls(settings)
    assert {urls.archive, urls.spot_rest, urls.futures_rest} == {"http://127.0.0.1:1"}
    assert {urls.spot_ws, urls.futures_ws} == {"ws://127.0.0.1:2"}
    assert urls.captures == "http://127.0.0.1:1/recordings"


def test_one_named_address_of_the_exchange_leaves_the_others(tmp_path: Path) -> None:
    write_endpoint(tmp_path, "simulator", {"url": "http://127.0.0.1:1", "streams": "ws://127.0.0.1:2"})
    urls = exchange_urls(make(tmp_path, binance_spot_ws_url="ws://127.0.0.1:3"))
    assert (urls.spot_ws, urls.futures_ws) == ("ws://127.0.0.1:3", "ws://127.0.0.1:2")


def test_binance_needs_nothing_embedded(tmp_path: Path) -> None:
    urls = exchange_urls(make(tmp_path, exchange="binance"))
    assert urls.spot_ws.startswith("wss://stream.binance.com")
    assert urls.captures is None


def test_the_market_stream_misses_services_that_neither_run_nor_are_named(settings: Settings, tmp_path: Path) -> None:
    assert missing_for_streams(settings) == ["kafka", "redis", "postgres"]
    for service in ("kafka", "redis", "postgres"):
        write_endpoint(tmp_path, service, {"url": "x"})
    assert missing_for_streams(settings) == []
    remove_endpoint(tmp_path, "redis")
    assert missing_for_streams(settings) == ["redis"]
    assert missing_for_streams(make(tmp_path, redis_url="redis://127.0.0.1:1")) == []
