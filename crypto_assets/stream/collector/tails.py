"""What the run before delivered, read from the ends of Kafka's topics and from what still waits on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from crypto_assets.errors import BadPayload
from crypto_assets.spans import EPOCH, TIMEFRAME_US, to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, Headers, decode
from crypto_assets.stream.collector.spool import Lane, Spool
from crypto_assets.stream.collector.states import StreamKey
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.topics import DEAD_LETTERS, GAPS, PREDICTIONS, TOPICS

DEPTH = 2_000  # messages read from the end of each partition; of those below more, as theirs are counted
COUNTED_DEPTH = {"trades": 20_000, "klines": 50_000}
NOT_COLLECTED = (GAPS, DEAD_LETTERS, PREDICTIONS)  # topics whose messages are none of the exchange


@dataclass(slots=True)
class Tail:
    """The end of one stream as it was delivered."""

    event_us: int | None = None
    received_us: int = 0
    numbers: set[int] = field(default_factory=set[int])
    """Trade ids, or numbers of candles that are closed."""
    first: int | None = None
    """The lowest number that came live, of candles also one that was still open: of earlier ones it does not tell."""

    @property
    def delivered(self) -> Sequence[int]:
        """Numbers that were delivered, from the first of which the tail tells all."""
        if self.first is None:
            return sorted(self.numbers)[-1:]
        return sorted(number for number in self.numbers if number >= self.first)

    def take(self, record: Mapping[str, Any], *, number: int | None, is_whole: bool) -> None:
        """Note a delivered record, and its number where its stream has some; of a candle it counts once it is whole."""
        is_live = record["source"] == "live"
        received_us = to_us(record["received_at"])
        if is_live and received_us >= self.received_us:
            event: datetime | None = record["event_time"]
            self.event_us, self.received_us = received_us if event is None else to_us(event), received_us
        if number is None:
            return
        if is_live:
            self.first = number if self.first is None else min(self.first, number)
        if is_whole:
            self.numbers.add(number)


def read_tails(servers: str, exchange: str, spool: Spool) -> dict[StreamKey, Tail]:
    """The ends of all streams, in Kafka and on disk; raises KafkaException where Kafka does not answer."""
    names = _topics_of(exchange)
    return tails_of(chain(_in_kafka(servers, names), _on_disk(spool)), exchange)


def tails_of(messages: Iterable[tuple[str, bytes, Headers]], exchange: str) -> dict[StreamKey, Tail]:
    """The ends of all streams of an exchange by messages of any topics, each with its value and headers."""
    names = _topics_of(exchange)
    tails: dict[StreamKey, Tail] = {}
    for topic, value, headers in messages:
        if (name := names.get(topic)) is None:  # on disk: of another exchange
            continue
        try:
            record = decode(name, value, headers)
        except BadPayload:
            continue  # somebody else's message in our topic: it says nothing of what we delivered
        timeframe: str | None = record.get("timeframe")
        number: int | None = record.get("trade_id")
        if timeframe is not None:
            number = (record["open_time"] - EPOCH) // timedelta(microseconds=TIMEFRAME_US[timeframe])
        tail = tails.setdefault((name, record["symbol"], timeframe), Tail())
        tail.take(record, number=number, is_whole=record.get("closed", True))
    return tails


def _topics_of(exchange: str) -> Mapping[str, str]:
    return {topic.of(exchange): topic.name for topic in TOPICS if topic not in NOT_COLLECTED}


def _in_kafka(servers: str, names: Mapping[str, str]) -> Iterator[tuple[str, bytes, Headers]]:
    """The last messages of each partition."""
    depths = {topic: COUNTED_DEPTH.get(name, DEPTH) for topic, name in names.items()}
    for message in read_to_the_ends(servers, "collector-tails", depths):
        yield message.topic() or "", message.value() or b"", header_pairs(message)


def _on_disk(spool: Spool) -> Iterator[tuple[str, bytes, Headers]]:
    """What an earlier run left where trades and candles are."""
    for path in spool.segments(Lane.KEPT):
        for record in spool.read(path):
            yield record.topic, record.value, [(FINGERPRINT_HEADER, record.fingerprint)]
