"""The platform's metrics and where the programs' are, from a lake, a Redis and a Dagster instance that are there."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import redis
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from starlette.testclient import TestClient

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.exporter.__main__ import create_app
from crypto_assets.exporter.parts import Part, Sample
from crypto_assets.exporter.platform import Platform
from crypto_assets.exporter.targets import targets
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.stream.heartbeat import Heartbeat, StreamState, write_heartbeat
from crypto_assets_tests.metrics.pages import declared_of, told_by
from crypto_assets_tests.services import service_settings

DAY = date(2026, 3, 4)
NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, redis_server: str) -> Settings:
    return service_settings(
        tmp_path, symbols=("BTCUSDT",), redis_url=redis_server, simulator_seed=time.time_ns() % 10**9
    )


def beat_of(settings: Settings, now: datetime, *, port: int = 4711, host: str = "elsewhere") -> None:
    moment = int(now.timestamp() * 1e6)
    stream = StreamState("trades", "BTCUSDT", 10, 5.0, moment, moment, 0.25)
    beat = Heartbeat(
        program="collector",
        instance="one",
        pid=1,
        host=host,
        started_at_us=moment,
        beat_at_us=moment,
        state="running",
        streams=(stream,),
        figures={"metrics_port": float(port)},
    )
    assert settings.redis_url is not None
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        write_heartbeat(client, exchange_name(settings), beat)


def page_of(platform: Platform) -> str:
    registry = CollectorRegistry()
    registry.register(platform)  # pyright: ignore[reportArgumentType]
    return generate_latest(registry).decode()


def test_programs_disk_and_lake_are_told_by_the_names_that_are_declared(settings: Settings) -> None:
    dataset = SILVER_KLINES["1m"]
    Lake(settings.lake).publish(dataset, "BTCUSDT", DAY, dataset.schema.empty_table())
    beat_of(settings, NOW)
    platform = Platform(settings, now=lambda: NOW)
    platform.refresh()
    with TestClient(create_app(settings, platform)) as client:
        page = client.get("/metrics").text
    assert 'platform_program_up{program="collector"} 1.0' in page
    assert 'platform_program_up{program="processor"} 0.0' in page
    assert 'platform_stream_lag_seconds{dataset="trades",program="collector",symbol="BTCUSDT"} 0.25' in page
    assert 'platform_completeness_ratio{dataset="silver_klines_1m",symbol="BTCUSDT"} 0.0' in page
    assert 'platform_lake_bytes{dataset="silver/klines_1m"}' in page
    assert 'platform_last_write_timestamp_seconds{dataset="silver_klines_1m",symbol="BTCUSDT"}' in page
    assert 'platform_unread_parts{part="writes"} 0.0' in page
    assert "platform_disk_free_bytes " in page
    assert told_by(page) == declared_of("platform")


def test_a_part_that_cannot_be_read_is_told_drops_what_it_said_and_leaves_the_others(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    broken = False

    def moody(_settings: Settings, _now: datetime) -> Iterable[Sample]:
        if broken:
            raise OSError("the disk is gone")
        return [Sample("platform_disk_free_bytes", (), 7.0)]

    def steady(_settings: Settings, _now: datetime) -> Iterable[Sample]:
        return [Sample("platform_disk_size_bytes", (), 9.0)]

    now = NOW
    parts = [Part("disk", timedelta(seconds=10), moody), Part("size", timedelta(seconds=10), steady)]
    platform = Platform(settings, parts=parts, now=lambda: now)
    platform.refresh()
    assert "platform_disk_free_bytes 7.0" in page_of(platform)
    broken = True
    platform.refresh()
    assert "platform_disk_free_bytes 7.0" in page_of(platform), "it is read again only when it is due"
    now += timedelta(seconds=10)
    platform.refresh()
    page = page_of(platform)
    assert "platform_disk_free_bytes 7.0" not in page
    assert 'platform_unread_parts{part="disk"} 1.0' in page
    assert "platform_disk_size_bytes 9.0" in page
    now += timedelta(seconds=10)
    platform.refresh()
    assert caplog.text.count("the disk is gone") == 1, "said once, not with every look"


def test_prometheus_finds_the_programs_that_live(settings: Settings) -> None:
    now = datetime.now(UTC)
    beat_of(settings, now)
    assert targets(settings, now=now) == [{"targets": ["elsewhere:4711"], "labels": {"job": "collector"}}]
    assert targets(settings, now=now, host="elsewhere")[0]["targets"] == ["127.0.0.1:4711"]
    with TestClient(create_app(settings, Platform(settings))) as client:
        assert client.get("/targets").json() == targets(settings, now=now)
    assert targets(settings, now=now + timedelta(minutes=1)) == []
    open_to_all = settings.model_copy(update={"metrics_host": "0.0.0.0"})
    assert targets(open_to_all, now=now, host="elsewhere")[0]["targets"] == ["elsewhere:4711"]
