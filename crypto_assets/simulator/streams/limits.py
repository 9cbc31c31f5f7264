"""What a connection may do, and how long it lives; seconds are real ones, whatever the exchange's clock shows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """The exchange's limits; tests shorten them."""

    streams: int = 1024
    """Streams of a connection."""
    spot_messages: int = 5
    """Messages a second from a client, pings and pongs included."""
    futures_messages: int = 10
    connections: int = 300
    """Connections that may be opened within `connections_window_s`."""
    connections_window_s: float = 300.0
    spot_ping_s: float = 20.0
    spot_pong_s: float = 60.0
    """A client that has not answered a ping for so long is disconnected."""
    futures_ping_s: float = 180.0
    futures_pong_s: float = 600.0
    life_s: float = 86_400.0
    """After this a connection is cut."""
    notice_s: float = 600.0
    """So long before, at most a tenth of the life, spot connections are told."""
    outbox_bytes: int = 64 << 20
    """What may wait for a client that does not read; with more it is disconnected."""


class Window:
    """Counts happenings within the last seconds."""

    def __init__(self, limit: int, *, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def exceeded(self, now_s: float) -> bool:
        """Count one more; whether there are now more than the limit."""
        self._times.append(now_s)
        while self._times[0] <= now_s - self._seconds:
            self._times.popleft()
        return len(self._times) > self._limit
