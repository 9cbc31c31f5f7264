"""A container's health check by heartbeat."""

from __future__ import annotations

import socket
import time
from uuid import uuid4

import pytest
import redis

from crypto_assets.stream.health import Health, judge, unknown
from crypto_assets.stream.heartbeat import Heartbeat, State, write_heartbeat
from crypto_assets.stream.probe import is_well, main

NOW_US = 1_800_000_000_000_000
OLD_US = NOW_US - 60_000_000


def beat(*, state: State = "running", at_us: int = NOW_US, host: str = "here") -> Heartbeat:
    return Heartbeat(
        program="collector", instance="a", pid=1, host=host, started_at_us=at_us, beat_at_us=at_us, state=state
    )


def judged(found: Heartbeat | None) -> Health:
    return judge("collector", found, now_us=NOW_US)


@pytest.mark.parametrize(
    ("health", "well"),
    [
        pytest.param(judged(beat()), True, id="it runs here"),
        pytest.param(judged(beat(state="starting")), True, id="it starts"),
        pytest.param(judged(beat(host="there")), True, id="another one runs, for which this one waits"),
        pytest.param(judged(beat(host="there", state="stopped")), True, id="another one has just ended"),
        pytest.param(judged(beat(at_us=OLD_US)), False, id="it hangs"),
        pytest.param(judged(beat(host="there", at_us=OLD_US)), False, id="another one hung, and none took its place"),
        pytest.param(judged(beat(state="failed")), False, id="it failed"),
        pytest.param(judged(beat(state="stopped")), False, id="it stopped"),
        pytest.param(judged(None), False, id="it never ran"),
        pytest.param(unknown("collector", "ConnectionError"), True, id="Redis is away: starting again would not help"),
    ],
)
def test_a_container_is_started_again_only_where_that_helps(health: Health, well: bool) -> None:
    assert is_well(health, host="here") is well


def test_the_check_says_how_the_program_does_and_ends_accordingly(
    redis_server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = str(uuid4().int % 1_000_000)
    monkeypatch.setenv("REDIS_URL", redis_server)
    monkeypatch.setenv("SIMULATOR_SEED", seed)
    monkeypatch.setenv("EXCHANGE", "simulator")
    assert main(["collector"]) == 1
    assert capsys.readouterr().out == "collector: no heartbeat; it did not run in the last hour.\n"
    alive = beat(at_us=time.time_ns() // 1000, host=socket.gethostname())
    write_heartbeat(redis.Redis.from_url(redis_server), f"simulator-{seed}", alive)
    assert main(["collector"]) == 0
    assert "is running" in capsys.readouterr().out


def test_a_redis_that_is_away_is_no_fault_of_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret-of-redis@127.0.0.1:9/0")
    assert main(["forecaster"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("forecaster: Redis cannot be asked how it does: ConnectionError. Start the embedded one")
    assert "secret-of-redis" not in said.out + said.err


def test_settings_that_cannot_be_used_end_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE", "binnance")
    assert main(["collector"]) == 2
