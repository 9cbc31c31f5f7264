"""What the forecaster counts: for its heartbeat, for Prometheus, and for a line in its log now and then."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from crypto_assets.metrics.declared import counter, gauge, histogram
from crypto_assets.stream.heartbeat import StreamState
from crypto_assets.stream.topics import PREDICTIONS

KEPT = 1_000
"""Candles whose times the percentiles of the heartbeat are of."""
RATE_OVER_S = 300.0
COUNTED = ("candles", "predictions", "unforetold", "rejected")
"""Candles of a minute that were taken, rows published, candles of which nothing could be foretold though there was a
model, messages that could not be used."""


@dataclass(slots=True)
class _Stream:
    predictions: int = 0
    as_of_us: int | None = None
    published_us: int | None = None
    close_s: float | None = None
    beats: deque[tuple[float, int]] = field(default_factory=deque)


class Figures:
    """Counters since the start; written by the thread that foretells, read by that of the heartbeat."""

    def __init__(self, *, with_the_clock: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._with_the_clock = with_the_clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counts: dict[str, float] = dict.fromkeys(COUNTED, 0.0)
        self._models = 0
        self._times: dict[str, deque[float]] = {
            name: deque(maxlen=KEPT) for name in ("close_to_published", "received_to_published", "computing")
        }
        self._streams: dict[str, _Stream] = {}
        self._totals = {name: counter(f"forecaster_{name}", self.registry) for name in COUNTED}
        self._histograms = {name: histogram(f"forecaster_{name}_seconds", self.registry) for name in self._times}
        self._with_model = gauge("forecaster_models", self.registry)

    def count(self, name: str, number: int = 1) -> None:
        """Count something of COUNTED."""
        with self._lock:
            self._counts[name] += number
            self._totals[name].inc(number)

    def note_models(self, number: int) -> None:
        """Say how many symbols have a model."""
        self._models = number
        self._with_model.set(number)

    def note_published(
        self, symbol: str, *, rows: int, as_of_us: int, received_us: int, published_us: int, computing_s: float
    ) -> None:
        """Note the predictions of a candle, with when the collector received it; times in us UTC."""
        self.count("predictions", rows)
        close_s = (published_us - as_of_us) / 1_000_000
        times = {"received_to_published": (published_us - received_us) / 1_000_000, "computing": computing_s}
        if self._with_the_clock:
            times["close_to_published"] = close_s
        with self._lock:
            for name, seconds in times.items():
                self._times[name].append(seconds)
                self._histograms[name].observe(seconds)
            stream = self._streams.setdefault(symbol, _Stream())
            stream.predictions += rows
            stream.as_of_us, stream.published_us = as_of_us, published_us
            stream.close_s = close_s if self._with_the_clock else None

    def figures(self) -> dict[str, float]:
        """Counters, symbols with a model, and percentiles of the last candles, such as close_to_published_p99_s."""
        with self._lock:
            found = self._counts | {"models": float(self._models)}
            for name, times in self._times.items():
                if times:
                    ordered = sorted(times)
                    found[f"{name}_p50_s"] = _share(ordered, 50)
                    found[f"{name}_p99_s"] = _share(ordered, 99)
            return found

    def streams(self) -> tuple[StreamState, ...]:
        """The predictions of each symbol that has some; called once a beat, for the rates."""
        now = self._monotonic()
        with self._lock:
            return tuple(self._state(symbol, stream, now) for symbol, stream in sorted(self._streams.items()))

    def _state(self, symbol: str, stream: _Stream, now: float) -> StreamState:
        beats = stream.beats
        beats.append((now, stream.predictions))
        while now - beats[0][0] > RATE_OVER_S:
            beats.popleft()
        since, before = beats[0]
        rate = (stream.predictions - before) / (now - since) if now > since else 0.0
        return StreamState(
            PREDICTIONS.name, symbol, stream.predictions, rate, stream.as_of_us, stream.published_us, stream.close_s
        )


def _share(ordered: Sequence[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100]
