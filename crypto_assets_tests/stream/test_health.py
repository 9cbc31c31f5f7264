"""What is said of a program by its last heartbeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis

from crypto_assets.stream.health import judge, read_health, unknown
from crypto_assets.stream.heartbeat import Heartbeat, StreamState
from crypto_assets_tests.services import service_settings

NOW_US = 1_700_000_000_000_000


def beat(*, ago_s: float = 1, state: Any = "running", detail: str = "", streams: tuple[StreamState, ...] = ()):
    return Heartbeat(
        program="collector",
        instance="one",
        pid=4711,
        host="here",
        started_at_us=NOW_US - 60_000_000,
        beat_at_us=NOW_US - int(ago_s * 1_000_000),
        state=state,
        detail=detail,
        streams=streams,
    )


def stream(symbol: str, *, rate: float, silent: bool = False) -> StreamState:
    return StreamState("simulator-7.trades", symbol, 10, rate, None, None, None, silent)


@pytest.mark.parametrize(
    ("given", "state", "sentence"),
    [
        (None, "absent", "collector: no heartbeat; it did not run in the last hour."),
        (beat(), "alive", "collector (pid 4711 on here) is running."),
        (beat(state="starting", detail="new"), "alive", "collector (pid 4711 on here) is starting (new)."),
        (
            beat(streams=(stream("BTCUSDT", rate=30.04), stream("ETHUSDT", rate=0, silent=True))),
            "alive",
            "collector (pid 4711 on here) is running: 30.0 messages/s of 2 streams, of which 1 are silent "
            "(simulator-7.trades ETHUSDT).",
        ),
        (
            beat(streams=(stream("BTCUSDT", rate=0.05),), detail="ETHUSDT: no model is promoted"),
            "alive",
            "collector (pid 4711 on here) is running: 0.1 messages/s of 1 streams (ETHUSDT: no model is promoted).",
        ),
        (
            beat(ago_s=47),
            "silent",
            "collector (pid 4711 on here) said nothing for 47 s, where 15 s are allowed; it was running.",
        ),
        (
            beat(ago_s=4, state="failed", detail="Kafka refused the password"),
            "ended",
            "collector (pid 4711 on here) is failed since 4 s: Kafka refused the password",
        ),
    ],
)  # fmt: skip
def test_a_heartbeat_is_judged_in_a_sentence_with_its_numbers(
    given: Heartbeat | None, state: str, sentence: str
) -> None:
    health = judge("collector", given, now_us=NOW_US)
    assert (health.state, health.sentence) == (state, sentence)
    assert health.is_alive is (state == "alive")
    assert health.standing == {"alive": "ok", "absent": "absent"}.get(state, "failed")


def answering(monkeypatch: pytest.MonkeyPatch, answer: bytes | Exception) -> None:
    def get(client: redis.Redis, key: str) -> bytes:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(redis.Redis, "get", get)


def test_a_heartbeat_of_another_version_leaves_the_program_unknown_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, b'{"program": 1}')
    (health,) = read_health(service_settings(tmp_path, redis_url="redis://here"), ["processor"], now_us=NOW_US)
    assert (health.state, health.is_alive, health.beat) == ("unknown", False, None)
    assert health.sentence.startswith("processor: its heartbeat is of another version of this project (")
    assert "$.program" in health.sentence


@pytest.mark.parametrize(
    ("url", "error"),
    [("redis://:secret-word@here", "BusyLoadingError"), ("nonsense://secret-word", "ValueError")],
)
def test_a_redis_that_does_not_answer_is_told_in_one_way_and_without_its_password(
    url: str, error: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, redis.BusyLoadingError("loading secret-word"))
    found = read_health(service_settings(tmp_path, redis_url=url), now_us=NOW_US)
    assert [health.sentence for health in found] == [
        f"{program}: Redis cannot be asked how it does: {error}. "
        "Start the embedded one with `make up`, or see that the one of REDIS_URL runs."
        for program in ("collector", "processor", "forecaster")
    ]


def test_without_redis_nothing_is_known() -> None:
    health = unknown("processor", "connection refused")
    assert not health.is_alive
    assert health.sentence == "processor: Redis cannot be asked how it does: connection refused"
