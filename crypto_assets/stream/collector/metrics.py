"""The figures of a collector for Prometheus; they are taken when its page is asked for, not with every message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from crypto_assets.metrics.declared import family
from crypto_assets.stream.collector.states import CollectedState

SECONDS = {"kafka_latency_s": "kafka_latency_seconds"}
"""Figures of the heartbeat whose metric spells its unit out."""
BY_STREAM = "messages"
"""The figure that the page tells by stream."""


class Page:
    """What `prometheus_client` collects from."""

    def __init__(
        self, states: Iterable[CollectedState], figures: Callable[[], Mapping[str, float]], *, exchange: str
    ) -> None:
        self._states = tuple(states)
        self._figures = figures
        self._exchange = exchange

    def collect(self) -> Iterable[Metric]:
        """All metrics as of now."""
        messages, lag = family("collector_messages"), family("collector_lag_seconds")
        silent = family("collector_silent")
        for state in self._states:
            names = [self._exchange, state.stream.name]
            messages.add_metric(names, state.messages)
            silent.add_metric(names, float(state.silent))
            if state.lag_s is not None:
                lag.add_metric(names, state.lag_s)
        yield from (messages, lag, silent)
        for name, value in self._figures().items():
            if name == BY_STREAM:
                continue
            of_all = family(f"collector_{SECONDS.get(name, name)}")
            of_all.add_metric([self._exchange], value)
            yield of_all

    @property
    def registry(self) -> CollectorRegistry:
        """One that holds this page."""
        registry = CollectorRegistry()
        registry.register(self)  # pyright: ignore[reportArgumentType]  anything with `collect` does
        return registry
