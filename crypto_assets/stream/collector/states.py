"""What is known of each stream while connections come and go."""

from __future__ import annotations

from crypto_assets.spans import TIMEFRAME_US
from crypto_assets.stream.avro import encode_key
from crypto_assets.stream.collector.encoding import AvroText, text
from crypto_assets.stream.collector.sink import Outlet
from crypto_assets.stream.collector.subscriptions import Stream
from crypto_assets.stream.collector.tracks import Track

RATE_WEIGHT = 0.1  # of the newest beat in the mean rate, so that it covers some twenty seconds


type StreamKey = tuple[str, str, str | None]
"""Topic, symbol, and the timeframe of candles."""


class CollectedState:
    """One stream of one symbol: counters, newest times, and which of its numbers have come."""

    __slots__ = (
        "duplicates",
        "event_us",
        "first_event_us",
        "head",
        "key",
        "messages",
        "messages_seen",
        "outlet",
        "rate",
        "received_us",
        "shared",
        "silent",
        "since_s",
        "step_us",
        "stream",
        "stream_key",
        "symbol",
        "token",
        "track",
    )

    def __init__(self, stream: Stream, outlet: Outlet) -> None:
        self.stream = stream
        self.outlet = outlet
        self.symbol = stream.symbol
        self.stream_key: StreamKey = (outlet.name, stream.symbol, stream.kind.timeframe)
        self.key: bytes = encode_key(stream.symbol)
        self.head: AvroText = text(stream.symbol)
        self.messages = 0
        self.duplicates = 0
        self.event_us: int | None = None
        """Time of the newest event, the receive time where messages have none; of the last run before the first."""
        self.first_event_us: int | None = None
        """An early event of this run, the newest of the first beat."""
        self.received_us: int | None = None
        self.token = -1
        """Event time or update id of the newest message: where two connections overlap, the second copy has it too."""
        self.shared = False
        """Whether two connections bring it now."""
        self.silent = False
        self.since_s = 0.0
        """Monotonic time at which the present connection opened."""
        self.track = Track()
        """Trade ids, or numbers of closed candles."""
        self.step_us = TIMEFRAME_US.get(stream.kind.timeframe or "", 0)
        self.rate = 0.0
        self.messages_seen = 0

    @property
    def lag_s(self) -> float | None:
        """From the newest event to its receipt; None before the first message of this run."""
        if not self.messages or self.event_us is None or self.received_us is None:
            return None
        return (self.received_us - self.event_us) / 1e6

    def measure_rate(self, *, seconds: float) -> None:
        """Bring the mean rate up to date, that many seconds after the last time."""
        newest = (self.messages - self.messages_seen) / seconds if seconds > 0 else self.rate
        weight = RATE_WEIGHT if self.messages_seen else 1.0
        self.rate += weight * (newest - self.rate)
        self.messages_seen = self.messages
        self.first_event_us = self.first_event_us or self.event_us

    def silent_after_s(self, *, scale: float) -> float:
        """How long it may be quiet: twenty of its own mean intervals, but not less than is normal for its kind."""
        kind = self.stream.kind
        own = 20 / self.rate if kind.pace_s is None and self.rate > 0 else 0.0
        return max(kind.silent_after_s, own) * scale
