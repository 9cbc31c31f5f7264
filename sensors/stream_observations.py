"""What the heartbeats and Kafka say of each stream, as events of its asset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from crypto_assets.assets.streams import STREAMS, UNCHANGED
from crypto_assets.spans import from_us
from crypto_assets.stream.health import Health
from crypto_assets.stream.heartbeat import StreamState
from crypto_assets.stream.lag import TopicOffsets
from crypto_assets.stream.topics import Topic

type Events = list[dg.AssetObservation | dg.AssetMaterialization]
type Received = dict[str, int]
"""By asset: when the newest message known of came, in microseconds since 1970."""


def stream_events(
    health: Sequence[Health], offsets: Mapping[str, TopicOffsets], *, exchange: str, seen: Mapping[str, int]
) -> tuple[Events, Received]:
    """An observation of each stream that anything is known of, and a materialization of those that got messages.

    Dagster judges freshness by materializations alone; `seen` says up to when messages were recorded before.
    """
    events: Events = []
    received = dict(seen)
    for name, topic in STREAMS.items():
        states = {one.program: _states(one, topic) for one in health}
        collected = states.get("collector", [])
        kept = offsets.get(topic.of(exchange))
        if not collected and kept is None:
            continue
        metadata = _metadata(collected, states.get("processor", []), kept, topic=topic.of(exchange))
        events.append(dg.AssetObservation(name, metadata=metadata))
        newest = max((state.last_received_us for state in collected if state.last_received_us), default=0)
        if newest > seen.get(name, 0):
            received[name] = newest
            tags = {"dagster/data_version": UNCHANGED}
            events.append(dg.AssetMaterialization(name, metadata=_summary(collected), tags=tags))
    return events, received


def _states(health: Health, topic: Topic) -> list[StreamState]:
    """Streams of a topic in a program's heartbeat; none where it does not run: its last words are no longer true."""
    if health.beat is None or not health.is_alive:
        return []
    return [state for state in health.beat.streams if state.topic.rpartition(".")[2] == topic.name]


def _summary(states: Sequence[StreamState]) -> dict[str, Any]:
    return {
        "messages": sum(state.messages for state in states),
        "messages_per_second": round(sum(state.rate for state in states), 3),
    }


def _metadata(
    collected: Sequence[StreamState], processed: Sequence[StreamState], kept: TopicOffsets | None, *, topic: str
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"topic": topic, **_summary(collected)}
    lags = [state.lag_s for state in collected if state.lag_s is not None]
    if lags:
        metadata["lag_s"] = round(max(lags), 3)
    events = [state.last_event_us for state in collected if state.last_event_us]
    if events:
        metadata["last_event"] = dg.MetadataValue.timestamp(max(events) / 1_000_000)
    metadata["silent"] = sum(state.silent for state in collected)
    if collected:
        metadata["symbols"] = dg.MetadataValue.md(_table(collected, processed))
    if kept is not None:
        metadata["kafka_messages"] = kept.messages
        metadata["end_offsets"] = dg.MetadataValue.json(
            {str(number): end for number, (_, end) in enumerate(kept.bounds)}
        )
        metadata["behind"] = dg.MetadataValue.json(dict(sorted(kept.behind.items())))
        metadata["behind_most"] = max(kept.behind.values(), default=0)
    return metadata


def _table(collected: Sequence[StreamState], processed: Sequence[StreamState]) -> str:
    stored = {state.symbol: state.lag_s for state in processed}
    lines = [
        "| symbol | messages/s | messages | last event | lag to Kafka | lag to a row | |",
        "|---|--:|--:|---|--:|--:|---|",
    ]
    lines += [
        f"| {state.symbol} | {state.rate:,.1f} | {state.messages:,} | {_time(state.last_event_us)} "
        f"| {_seconds(state.lag_s)} | {_seconds(stored.get(state.symbol))} | {'silent' if state.silent else ''} |"
        for state in sorted(collected, key=lambda state: state.symbol)
    ]
    return "\n".join(lines)


def _time(us: int | None) -> str:
    return f"{from_us(us):%Y-%m-%d %H:%M:%S}" if us else "none"


def _seconds(lag_s: float | None) -> str:
    return "" if lag_s is None else f"{lag_s:.3f} s"
