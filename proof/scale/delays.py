"""How long a message takes on its way: from the exchange to Kafka, to a row in PostgreSQL, and to Redis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec
import redis

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, redis_url
from crypto_assets.stream.heartbeat import Heartbeat
from crypto_assets.stream.processor.last_prices import read_last_prices

GROWN_BY, GROWN_S = 2.0, 2.0
"""A delay whose last quarter is so many times its first, and so much longer, is taken to grow without bound."""


class Delay(msgspec.Struct, frozen=True):
    """Of many messages, in seconds."""

    samples: int
    p50_s: float
    p99_s: float
    grows: bool
    """Whether it was longer and longer."""


class Delays:
    """Delays by place, as they are seen in turn."""

    def __init__(self) -> None:
        self._seen: dict[str, list[float]] = {}

    def note(self, place: str, seconds: Iterable[float]) -> None:
        """Some delays of messages that reached a place just now."""
        self._seen.setdefault(place, []).extend(seconds)

    def all(self) -> dict[str, Delay]:
        """By place."""
        return {place: delay_of(seen) for place, seen in self._seen.items() if seen}


def delay_of(seen: Sequence[float]) -> Delay:
    """The delay of samples in the order in which they were seen."""
    ordered = sorted(seen)
    quarter = max(1, len(seen) // 4)
    first, last = (sorted(part)[quarter // 2] for part in (seen[:quarter], seen[-quarter:]))
    return Delay(
        samples=len(seen),
        p50_s=ordered[len(ordered) // 2],
        p99_s=ordered[math.ceil(len(ordered) * 0.99) - 1],
        grows=last > GROWN_BY * first and last - first > GROWN_S,
    )


def behind(beat: Heartbeat | None, *, topic: str, now: datetime, speed: float) -> list[float]:
    """Seconds of this machine by which each symbol's newest event of a topic is behind the exchange's clock.

    Until the next heartbeat nothing newer is known, which is part of it.
    """
    if beat is None:
        return []
    now_us = now.timestamp() * 1e6
    found = (s.last_event_us for s in beat.streams if s.topic.rpartition(".")[2] == topic)
    return [max(0.0, (now_us - event_us) / 1e6 / speed) for event_us in found if event_us is not None]


class RedisLook:
    """The tickers in Redis: how old each was when it was first seen there. For a market at the pace of the clock."""

    def __init__(self, settings: Settings) -> None:
        self._client = redis.Redis.from_url(redis_url(settings))
        self._exchange, self._symbols = exchange_name(settings), settings.symbols
        self._seen: Mapping[str, datetime] = {}

    def new(self) -> list[float]:
        """Of those that changed since the last look, in seconds; the first look only remembers."""
        held = read_last_prices(self._client, self._exchange, self._symbols)
        now = datetime.now(UTC)
        times = {symbol: prices.ticker.at for symbol, prices in held.items() if prices.ticker is not None}
        fresh = [(now - at).total_seconds() for symbol, at in times.items() if self._seen.get(symbol, at) != at]
        self._seen = times
        return fresh
