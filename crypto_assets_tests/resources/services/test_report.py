"""The table of `make status`."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from rich.console import Console

from crypto_assets.spans import to_us
from crypto_assets.stream.heartbeat import Heartbeat, StreamState
from resources.services.manager import ServiceStatus
from resources.services.report import silent_streams, status_table

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def stream(topic: str, symbol: str, *, ago_s: float = 1.0, lag_s: float = 0.5, silent: bool = False) -> StreamState:
    moment = to_us(NOW - timedelta(seconds=ago_s))
    return StreamState(topic, symbol, 10, 2.5, moment, moment, lag_s, silent)


def collector(*streams: StreamState, state: Literal["running", "does not answer"] = "running") -> ServiceStatus:
    beat = Heartbeat(
        program="collector",
        instance="a",
        pid=7,
        host="here",
        started_at_us=0,
        beat_at_us=to_us(NOW),
        state="running",
        detail="metrics at [here]",
        streams=streams,
    )
    return ServiceStatus("collector", state, pid=7, since=NOW, beat=beat)


def lines(*statuses: ServiceStatus) -> list[str]:
    console = Console(file=io.StringIO(), width=200, record=True)
    console.print(status_table(statuses, now=NOW))
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_each_service_has_a_row_and_each_topic_of_its_heartbeat_another() -> None:
    shown = lines(
        ServiceStatus("redis", "running", address="127.0.0.1:20001", pid=5, since=NOW),
        collector(stream("trades", "BTCUSDT"), stream("klines", "BTCUSDT"), stream("trades", "ETHUSDT", lag_s=2)),
        ServiceStatus("processor", "down"),
        ServiceStatus("kafka", "elsewhere", detail="KAFKA_BOOTSTRAP_SERVERS is set"),
    )
    assert shown == [
        "service state address pid since msg/s lag last event",
        "redis running 127.0.0.1:20001 5 2026-01-02 03:04:05",
        "collector running metrics at [here] 7 2026-01-02 03:04:05",
        "flowing klines, 1 symbol 2.5 0.50 s 2026-01-02 03:04:04",
        "flowing trades, 2 symbols 5.0 2.00 s 2026-01-02 03:04:04",
        "processor down",
        "kafka elsewhere KAFKA_BOOTSTRAP_SERVERS is set",
    ]


def test_a_silent_stream_is_named_by_its_symbol_and_a_sparse_one_is_only_quiet() -> None:
    status = collector(
        stream("trades", "BTCUSDT"), stream("trades", "ETHUSDT", silent=True), stream("liquidations", "X", ago_s=999)
    )
    assert lines(status)[2:] == [
        "quiet liquidations, 1 symbol 2.5 0.50 s 2026-01-02 02:47:26",
        "silent ETHUSDT trades, 2 symbols 5.0 0.50 s 2026-01-02 03:04:04",
    ]
    assert [(stream.topic, stream.symbol) for stream in silent_streams([status])] == [("trades", "ETHUSDT")]


def test_streams_that_never_had_an_event_are_quiet() -> None:
    never = msgspec.structs.replace(stream("trades", "X"), last_event_us=None, last_received_us=None, lag_s=None)
    assert lines(collector(never))[2] == "quiet trades, 1 symbol 2.5"
