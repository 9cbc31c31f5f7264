"""The figures of a collector as a Prometheus page; they are taken when it is asked for, not with every message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from crypto_assets.stream.collector.states import StreamState

HOST = "127.0.0.1"
_COUNTERS = {
    "bytes": "bytes received",
    "reconnects": "connections that ended or were replaced",
    "dead_letters": "messages that could not be used",
    "dropped": "messages given up because the disk was full",
    "duplicates": "copies that were not forwarded",
    "repaired": "rows that came from REST",
    "kafka_failures": "deliveries that failed and were tried again",
    "topics_lost": "topics that were deleted and made again",
}


class Page:
    """What `prometheus_client` collects from."""

    def __init__(
        self, states: Iterable[StreamState], figures: Callable[[], Mapping[str, float]], *, exchange: str
    ) -> None:
        self._states = tuple(states)
        self._figures = figures
        self._exchange = exchange

    def collect(self) -> Iterable[Metric]:
        """All metrics as of now."""
        labels = ["exchange", "stream"]
        messages = CounterMetricFamily("collector_messages", "messages forwarded", labels=labels)
        lag = GaugeMetricFamily("collector_lag_seconds", "from event to receipt, of the last message", labels=labels)
        silent = GaugeMetricFamily("collector_silent", "1 where a stream is quieter than is normal", labels=labels)
        for state in self._states:
            names = [self._exchange, state.stream.name]
            messages.add_metric(names, state.messages)
            silent.add_metric(names, float(state.silent))
            if state.messages and state.event_us is not None and state.received_us is not None:
                lag.add_metric(names, (state.received_us - state.event_us) / 1e6)
        yield from (messages, lag, silent)
        for name, value in self._figures().items():
            kind = CounterMetricFamily if name in _COUNTERS else GaugeMetricFamily
            family = kind(f"collector_{name}", _COUNTERS.get(name, name.replace("_", " ")), labels=["exchange"])
            family.add_metric([self._exchange], value)
            yield family


def serve_metrics(page: Page, *, port: int) -> tuple[str, Callable[[], None]]:
    """Serve the page on 127.0.0.1; its address, and what ends it. Port 0 takes a free one."""
    registry = CollectorRegistry()
    registry.register(page)  # pyright: ignore[reportArgumentType]  anything with `collect` does
    server, thread = start_http_server(port, addr=HOST, registry=registry)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return f"http://{HOST}:{server.server_port}/metrics", end
