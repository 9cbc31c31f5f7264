from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.health.lag import StreamLag, program_health, stream_lags
from crypto_assets.spans import to_us
from crypto_assets.stream.heartbeat import Heartbeat, State, StreamState, write_heartbeat
from crypto_assets_tests.services import service_settings

NOW = datetime(2024, 8, 5, 12, tzinfo=UTC)


def settings(tmp_path: Path, url: str | None) -> Settings:
    return service_settings(tmp_path, redis_url=url, simulator_seed=4711)


def beat(*streams: StreamState, state: State = "running", at: datetime = NOW) -> Heartbeat:
    return Heartbeat(
        program="collector",
        instance="a",
        pid=1,
        host="here",
        started_at_us=0,
        beat_at_us=to_us(at),
        state=state,
        streams=streams,
    )


def stream(symbol: str, *, lag_s: float | None = 0.2, silent: bool = False) -> StreamState:
    return StreamState("trades", symbol, 10, 3.5, to_us(NOW), to_us(NOW), lag_s, silent)


def test_lag_of_each_stream_is_what_its_program_says(redis_server: str, tmp_path: Path) -> None:
    given = settings(tmp_path, redis_server)
    with redis.Redis.from_url(redis_server) as client:
        write_heartbeat(client, exchange_name(given), beat(stream("ETHUSDT", lag_s=61), stream("BTCUSDT")))
    programs = program_health(given, now=NOW + timedelta(seconds=1))
    assert {health.program: health.state for health in programs} == {
        "collector": "alive",
        "processor": "absent",
        "forecaster": "absent",
    }
    well, late = stream_lags(programs)
    assert well == StreamLag("collector", "trades", "BTCUSDT", 0.2, 3.5, NOW, silent=False)
    assert (well.is_well, late.symbol, late.is_well) == (True, "ETHUSDT", False)
    assert late.sentence == "collector, trades ETHUSDT: 61.0 s behind, 3.5 messages/s."
    silent = program_health(given, now=NOW + timedelta(seconds=20))
    assert silent[0].state == "silent"
    assert stream_lags(silent) == []


@pytest.mark.parametrize(("lag_s", "silent", "is_well"), [(60, False, True), (None, False, True), (0.1, True, False)])
def test_a_stream_is_well_unless_it_is_late_or_silent(lag_s: float | None, *, silent: bool, is_well: bool) -> None:
    lag = StreamLag("processor", "trades", "BTCUSDT", lag_s, 0.0, None, silent)
    assert lag.is_well is is_well
    assert ("silent for longer than is normal" in lag.sentence) is silent


def test_without_redis_the_streams_do_not_run_here(tmp_path: Path) -> None:
    programs = program_health(settings(tmp_path, None), now=NOW)
    assert {health.state for health in programs} == {"absent"}
    assert "`make up`" in programs[0].sentence


@pytest.mark.parametrize("url", ["redis://:secret-word@127.0.0.1:1/0", "nonsense://secret-word"])
def test_a_redis_that_does_not_answer_is_told_without_its_password(url: str, tmp_path: Path) -> None:
    programs = program_health(settings(tmp_path, url), now=NOW)
    assert {health.state for health in programs} == {"unknown"}
    assert "REDIS_URL" in programs[0].sentence
    assert "secret-word" not in programs[0].sentence


def test_a_heartbeat_of_another_version_is_unknown(redis_server: str, tmp_path: Path) -> None:
    given = service_settings(tmp_path, redis_url=redis_server, simulator_seed=4712)
    with redis.Redis.from_url(redis_server) as client:
        write_heartbeat(client, exchange_name(given), beat())
        (key,) = client.keys(f"*{exchange_name(given)}*")
        client.set(key, b'{"program": 1}')
    states = {health.program: health.state for health in program_health(given, now=NOW)}
    assert states == dict.fromkeys(states, "absent") | {beat().program: "unknown"}
