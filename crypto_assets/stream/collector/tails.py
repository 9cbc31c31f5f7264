"""What the run before delivered, read from the ends of Kafka's topics and from what still waits on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crypto_assets.errors import BadPayload
from crypto_assets.spans import EPOCH, to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, Headers, decode
from crypto_assets.stream.collector.spool import Lane, Spool
from crypto_assets.stream.collector.subscriptions import TIMEFRAME_US
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.topics import DEAD_LETTERS, GAPS, PREDICTIONS, TOPICS

DEPTH = 2_000  # messages read from the end of each partition; of those below more, as theirs are counted
COUNTED_DEPTH = {"trades": 20_000, "klines": 50_000}
NOT_COLLECTED = (GAPS, DEAD_LETTERS, PREDICTIONS)  # topics whose messages are none of the exchange

type StreamKey = tuple[str, str, str | None]
"""Topic, symbol, and the timeframe of candles."""


@dataclass(slots=True)
class Tail:
    """The end of one stream as it was delivered."""

    event_us: int | None = None
    received_us: int = 0
    numbers: set[int] = field(default_factory=set[int])
    """Trade ids, or numbers of candles that are closed."""
    first: int | None = None
    """The lowest number that came live, of candles also one that was still open: of earlier ones it does not tell."""

    def begin(self, number: int) -> None:
        """Note a number that came live."""
        self.first = number if self.first is None else min(self.first, number)


class Tails:
    """The ends of all streams."""

    def __init__(self) -> None:
        self.streams: dict[StreamKey, Tail] = {}

    def take(self, name: str, record: dict[str, Any]) -> None:
        """Note a delivered record of a topic."""
        key = (name, record["symbol"], record.get("timeframe"))
        tail = self.streams.setdefault(key, Tail())
        received_us = to_us(record["received_at"])
        if record["source"] == "live" and received_us >= tail.received_us:
            event: datetime | None = record["event_time"]
            tail.event_us, tail.received_us = received_us if event is None else to_us(event), received_us
        if name == "trades":
            if record["source"] == "live":
                tail.begin(record["trade_id"])
            tail.numbers.add(record["trade_id"])
        elif name == "klines":
            step = timedelta(microseconds=TIMEFRAME_US[record["timeframe"]])
            number = (record["open_time"] - EPOCH) // step
            if record["source"] == "live":
                tail.begin(number)
            if record["closed"]:
                tail.numbers.add(number)

    def read_topics(self, servers: str, names: Mapping[str, str]) -> None:
        """Note the last messages of each partition; raises KafkaException where Kafka does not answer."""
        depths = {topic: COUNTED_DEPTH.get(name, DEPTH) for topic, name in names.items()}
        for message in read_to_the_ends(servers, "collector-tails", depths):
            value, topic = message.value(), message.topic()
            if value is not None and topic is not None:
                self._take_value(names[topic], value, header_pairs(message))

    def read_spool(self, spool: Spool, names: Mapping[str, str]) -> None:
        """Note what an earlier run left on disk, where trades and candles are; not what is of another exchange."""
        for path in spool.segments(Lane.KEPT):
            for record in spool.read(path):
                if (name := names.get(record.topic)) is not None:
                    self._take_value(name, record.value, [(FINGERPRINT_HEADER, record.fingerprint)])

    def _take_value(self, name: str, value: bytes, headers: Headers) -> None:
        try:
            self.take(name, decode(name, value, headers))
        except BadPayload:
            return  # somebody else's message in our topic: it says nothing of what we delivered


def read_tails(servers: str, exchange: str, spool: Spool) -> Tails:
    """The ends of all streams; raises KafkaException where Kafka does not answer."""
    names = {topic.of(exchange): topic.name for topic in TOPICS if topic not in NOT_COLLECTED}
    tails = Tails()
    tails.read_topics(servers, names)
    tails.read_spool(spool, names)
    return tails


def delivered(tail: Tail) -> Sequence[int]:
    """Numbers that were delivered, from the first of which the tail tells all."""
    if tail.first is None:
        return sorted(tail.numbers)[-1:]
    return sorted(number for number in tail.numbers if number >= tail.first)
