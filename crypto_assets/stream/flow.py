"""How one stream of a program flows, counted where its messages are done with."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from crypto_assets.stream.heartbeat import StreamState


@dataclass(slots=True)
class Flow:
    """Messages of one symbol of a topic since the start; times in us UTC."""

    messages: int = 0
    last_event_us: int | None = None
    last_received_us: int | None = None
    lag_s: float | None = None
    _beats: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])
    """Moment and number of messages at the last beats, for the rate."""

    def state(self, topic: str, symbol: str, *, now_s: float, rate_over_s: float) -> StreamState:
        """As the heartbeat says it; to be asked once a beat, for the rate over the time before."""
        self._beats.append((now_s, self.messages))
        while now_s - self._beats[0][0] > rate_over_s:
            self._beats.popleft()
        since_s, before = self._beats[0]
        rate = (self.messages - before) / (now_s - since_s) if now_s > since_s else 0.0
        return StreamState(topic, symbol, self.messages, rate, self.last_event_us, self.last_received_us, self.lag_s)
