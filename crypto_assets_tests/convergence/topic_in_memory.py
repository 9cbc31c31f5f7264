"""A topic whose messages lie in lists: what a day takes of it is known without a broker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crypto_assets.stream.avro import encode, fingerprint
from crypto_assets.stream.columns import Raw
from crypto_assets.stream.topic_states import TopicState
from crypto_assets.stream.topics import Topic

EXCHANGE = "simulator-7"


@dataclass
class TopicInMemory:
    """What `drain` asks of LiveTopics, for one topic; `chunk` offsets are given at a time."""

    name: str = "trades"
    partitions: int = 1
    topic_id: str = "first"
    chunk: int = 3
    exchange: str = EXCHANGE
    lows: dict[int, int] = field(default_factory=dict[int, int])
    """Offset of the first message that is kept, by partition; 0 where none is named."""
    messages: dict[int, list[tuple[str, bytes]]] = field(default_factory=dict[int, list[tuple[str, bytes]]])
    """Symbol and value of each message by partition; its offset is its place."""
    committed: list[tuple[str, str, dict[int, int]]] = field(default_factory=list[tuple[str, str, dict[int, int]]])
    refusal: Exception | None = None
    """What a commit raises."""

    def put(self, *records: dict[str, Any] | bytes, partition: int = 0, symbol: str = "BTCUSDT") -> None:
        """Append records, or bytes that are none."""
        values = [record if isinstance(record, bytes) else encode(self.name, record) for record in records]
        self.messages.setdefault(partition, []).extend((symbol, value) for value in values)

    def state(self, topic: Topic) -> TopicState | None:
        """What it holds; None where nothing was ever sent."""
        if topic.name != self.name or not self.messages:
            return None
        numbers = range(self.partitions)
        bounds = tuple((self.lows.get(n, 0), len(self.messages.get(n, []))) for n in numbers)
        return TopicState(topic.of(self.exchange), self.topic_id, bounds)

    def read(
        self, state: TopicState, partition: int, start: int, end: int, *, symbol: str
    ) -> Iterator[tuple[int, list[Raw]]]:
        """Messages of a symbol with offsets in [start, end) in pieces, each with the offset where it ends."""
        assert state == TopicState(f"{self.exchange}.{self.name}", self.topic_id, state.bounds)
        for begin in range(start, end, self.chunk):
            until = min(begin + self.chunk, end)
            yield until, [raw for owner, raw in self._between(partition, begin, until) if owner == symbol]

    def first(self, state: TopicState) -> list[Raw]:
        """The oldest message of each partition."""
        return [
            raw for partition, (low, _) in enumerate(state.bounds) for _, raw in self._between(partition, low, low + 1)
        ]

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Remember it."""
        if self.refusal is not None:
            raise self.refusal
        self.committed.append((group, topic, dict(offsets)))

    def _between(self, partition: int, start: int, end: int) -> list[tuple[str, Raw]]:
        held = list(enumerate(self.messages.get(partition, [])))[start:end]
        return [(symbol, Raw(offset, value, fingerprint(self.name))) for offset, (symbol, value) in held]
