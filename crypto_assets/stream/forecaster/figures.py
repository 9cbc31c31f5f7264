"""What the forecaster counts: for its heartbeat, for Prometheus, and for a line in its log now and then."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from crypto_assets.metrics.declared import counter, gauge, histogram
from crypto_assets.stream.flow import Flow
from crypto_assets.stream.heartbeat import StreamState
from crypto_assets.stream.topics import PREDICTIONS

KEPT = 1_000
"""Candles whose times the percentiles of the heartbeat are of."""
RATE_OVER_S = 300.0
COUNTED = ("candles", "predictions", "unforetold", "rejected")
"""Candles of a minute that were taken, rows published, candles of which nothing could be foretold though there was a
model, messages that could not be used."""


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
        self._streams: dict[str, Flow] = {}
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
            flow = self._streams.setdefault(symbol, Flow())
            flow.messages += rows
            flow.last_event_us, flow.last_received_us = as_of_us, published_us
            flow.lag_s = close_s if self._with_the_clock else None

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
            streams = sorted(self._streams.items(), key=lambda entry: entry[0])
            return tuple(
                flow.state(PREDICTIONS.name, symbol, now_s=now, rate_over_s=RATE_OVER_S) for symbol, flow in streams
            )


def _share(ordered: Sequence[float], percent: int) -> float:
    return ordered[len(ordered) * percent // 100]
