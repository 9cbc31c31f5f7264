"""What was given up when the disk was full: how many messages, of which streams, from when to when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from crypto_assets.stream.collector.spool import Record


@dataclass(frozen=True, slots=True)
class DroppedStream:
    """Messages of one topic and key."""

    topic: str
    key: bytes
    messages: int
    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Messages of one segment, by topic and key."""

    streams: tuple[DroppedStream, ...]

    @property
    def messages(self) -> int:
        """All of them."""
        return sum(stream.messages for stream in self.streams)


def count_messages(records: Iterable[Record]) -> Dropped:
    """The account of these messages."""
    found: dict[tuple[str, bytes], tuple[int, int, int]] = {}
    for record in records:
        at = record.timestamp_ms
        count, first, last = found.get((record.topic, record.key), (0, at, at))
        found[record.topic, record.key] = (count + 1, min(first, at), max(last, at))
    return Dropped(tuple(DroppedStream(topic, key, *figures) for (topic, key), figures in found.items()))
