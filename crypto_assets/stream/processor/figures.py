"""What the processor counts: for its heartbeat, for Prometheus, and for a line in its log now and then."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry

from crypto_assets.metrics.declared import counter, gauge, histogram
from crypto_assets.spans import to_us
from crypto_assets.stream.flow import Flow
from crypto_assets.stream.heartbeat import StreamState
from crypto_assets.stream.processor.messages import Batch
from crypto_assets.stream.processor.store import Written
from crypto_assets.stream.topics import TICKERS, TRADES

WATERMARK_BEHIND_US = 60_000_000
"""The watermark follows the newest event at this distance: what is older than it came later than is normal."""
LAGS_KEPT = 100_000
LAGS_OVER_US = 30_000_000
"""Percentiles are those of the messages committed in this time before the last ones."""
RATE_OVER_S = 60.0
COUNTED = ("batches", "prices", "trades", "repeated", "late", "behind_watermark", "contradictions", "dead_letters")


class Figures:
    """Counters since the start; written by the thread of the batches, read by that of the heartbeat."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counts: dict[str, float] = dict.fromkeys(COUNTED, 0.0)
        self._last: dict[str, float] = {}
        self._lags: deque[tuple[int, float]] = deque(maxlen=LAGS_KEPT)
        """When a message was committed (us), and how long that was after it was received (s)."""
        self._streams: dict[tuple[str, str], Flow] = {}
        self._newest_event_us = 0
        self._totals = {name: counter(f"processor_{name}", self.registry) for name in COUNTED}
        self._batch_s = histogram("processor_batch_seconds", self.registry)
        self._lag_s = histogram("processor_lag_seconds", self.registry)
        self._watermark = gauge("processor_watermark_seconds", self.registry)

    def note(self, batch: Batch, written: Written, *, took_s: float, committed_us: int) -> None:
        """Count a committed batch."""
        with self._lock:
            watermark_us = self._newest_event_us - WATERMARK_BEHIND_US
            events = [
                *((TICKERS.name, t.symbol, t.event_us, to_us(t.received_at)) for t in batch.tickers),
                *((TRADES.name, t.symbol, t.trade_us, to_us(t.received_at)) for t in batch.trades),
            ]
            self._note_events(events, committed_us)
            counted = {
                "batches": 1,
                "prices": written.prices,
                "trades": written.trades,
                "repeated": written.repeated,
                "late": written.late,
                "behind_watermark": sum(event_us < watermark_us for _, _, event_us, _ in events),
                "contradictions": written.contradictions,
                "dead_letters": len(batch.rejected),
            }
            for name, count in counted.items():
                self._counts[name] += count
                self._totals[name].inc(count)
            self._last = {"batch_messages": len(events) + len(batch.rejected), "batch_ms": took_s * 1_000}
            self._batch_s.observe(took_s)
            self._watermark.set((self._newest_event_us - WATERMARK_BEHIND_US) / 1_000_000)

    def figures(self) -> dict[str, float]:
        """Counters, size and time of the last batch, lag of the last messages and the watermark (us)."""
        with self._lock:
            lags = sorted(lag_s for _, lag_s in self._lags)
            found = self._counts | self._last
            if lags:
                found["lag_p50_ms"] = lags[len(lags) // 2] * 1_000
                found["lag_p99_ms"] = lags[len(lags) * 99 // 100] * 1_000
            if self._newest_event_us:
                found["watermark_us"] = self._newest_event_us - WATERMARK_BEHIND_US
            return found

    def streams(self) -> tuple[StreamState, ...]:
        """How each symbol of each topic flows; called once a beat, for the rates."""
        now = self._monotonic()
        with self._lock:
            streams = sorted(self._streams.items(), key=lambda entry: entry[0])
            return tuple(flow.state(*key, now_s=now, rate_over_s=RATE_OVER_S) for key, flow in streams)

    def _note_events(self, events: Iterable[tuple[str, str, int, int]], committed_us: int) -> None:
        while self._lags and committed_us - self._lags[0][0] > LAGS_OVER_US:
            self._lags.popleft()
        for topic, symbol, event_us, received_us in events:
            stream = self._streams.setdefault((topic, symbol), Flow())
            stream.messages += 1
            stream.last_event_us = max(event_us, stream.last_event_us or event_us)
            stream.last_received_us = received_us
            stream.lag_s = (committed_us - event_us) / 1_000_000
            self._newest_event_us = max(self._newest_event_us, event_us)
            lag_s = (committed_us - received_us) / 1_000_000
            self._lags.append((committed_us, lag_s))
            self._lag_s.observe(lag_s)
