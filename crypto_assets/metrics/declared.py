"""Every Prometheus metric of every program, once: what it is called, what it counts, and by what it is told apart.

Programs make their metrics from these declarations and the documentation is written from them. A counter is declared
without the `_total` that its page shows. Names end in their unit, as Prometheus has it: seconds, bytes, ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

type Kind = Literal["counter", "gauge", "histogram"]
type Process = Literal["collector", "processor", "forecaster", "simulator", "platform"]

_STREAM = ("exchange", "stream")
_EXCHANGE = ("exchange",)
_DATASET = ("dataset", "symbol")
_LAGS_S = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 2.0, 5.0, 15.0, 60.0, 300.0, 3600.0)
_BATCH_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PREDICTION_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 15.0, 60.0, 300.0)


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, in the unit of its name."""

    @property
    def exposed(self) -> str:
        """The name that queries use."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


METRICS: Mapping[Process, tuple[Declared, ...]] = {
    "collector": (
        Declared("collector_messages", "counter", "messages forwarded to Kafka", _STREAM),
        Declared("collector_lag_seconds", "gauge", "from event to receipt, of the last message", _STREAM),
        Declared("collector_silent", "gauge", "1 where a stream is quieter than is normal for it", _STREAM),
        Declared("collector_received", "counter", "messages received, copies too", _EXCHANGE),
        Declared("collector_bytes", "counter", "bytes received", _EXCHANGE),
        Declared("collector_connections", "gauge", "connections that are open", _EXCHANGE),
        Declared("collector_reconnects", "counter", "connections that ended or were replaced", _EXCHANGE),
        Declared("collector_duplicates", "counter", "copies that were not forwarded", _EXCHANGE),
        Declared("collector_dead_letters", "counter", "messages that could not be used", _EXCHANGE),
        Declared("collector_buffered", "gauge", "messages that wait for Kafka", _EXCHANGE),
        Declared("collector_buffered_bytes", "gauge", "bytes of them on disk", _EXCHANGE),
        Declared("collector_dropped", "counter", "messages given up because the disk was full", _EXCHANGE),
        Declared("collector_kafka_failures", "counter", "deliveries that failed and were tried again", _EXCHANGE),
        Declared("collector_kafka_latency_seconds", "gauge", "from sending to Kafka's answer", _EXCHANGE),
        Declared("collector_open_gaps", "gauge", "gaps that are not repaired", _EXCHANGE),
        Declared("collector_repaired", "counter", "rows that came from REST", _EXCHANGE),
        Declared("collector_topics_lost", "counter", "topics that were deleted and made again", _EXCHANGE),
    ),
    "processor": (
        Declared("processor_batches", "counter", "batches committed"),
        Declared("processor_prices", "counter", "rows written to staging.raw_prices"),
        Declared("processor_trades", "counter", "rows written to trades"),
        Declared("processor_repeated", "counter", "messages whose row was there already"),
        Declared("processor_late", "counter", "tickers older than one that was committed before"),
        Declared("processor_behind_watermark", "counter", "messages more than a minute behind the newest event"),
        Declared("processor_contradictions", "counter", "trades that differ from the one of the same id"),
        Declared("processor_dead_letters", "counter", "messages that could not be used"),
        Declared("processor_batch_seconds", "histogram", "a batch, read to committed", buckets=_BATCH_S),
        Declared("processor_lag_seconds", "histogram", "received to committed", buckets=_LAGS_S),
        Declared("processor_watermark_seconds", "gauge", "event time of the watermark, seconds since 1970"),
    ),
    "forecaster": (
        Declared("forecaster_candles", "counter", "candles of a minute that were taken"),
        Declared("forecaster_predictions", "counter", "predictions published"),
        Declared("forecaster_unforetold", "counter", "candles of which nothing could be foretold though a model was"),
        Declared("forecaster_rejected", "counter", "messages that could not be used"),
        Declared("forecaster_models", "gauge", "symbols with a promoted model"),
        Declared(
            *("forecaster_close_to_published_seconds", "histogram"),
            "a candle's close to its published prediction, where the market keeps time",
            buckets=_PREDICTION_S,
        ),
        Declared(
            *("forecaster_received_to_published_seconds", "histogram"),
            "the collector's receipt of a candle to its published prediction",
            buckets=_PREDICTION_S,
        ),
        Declared(
            *("forecaster_computing_seconds", "histogram"),
            "candles to features to prediction",
            buckets=_PREDICTION_S,
        ),
    ),
    "simulator": (
        Declared("simulator_requests", "counter", "requests answered", ("status",)),
        Declared("simulator_connections", "gauge", "stream connections that are open"),
        Declared("simulator_faults", "gauge", "scripted faults in force"),
    ),
    "platform": (
        Declared("platform_program_up", "gauge", "1 where a program's heartbeat is fresh", ("program",)),
        Declared("platform_stream_lag_seconds", "gauge", "lag of a stream at a program", ("program", *_DATASET)),
        Declared("platform_last_write_timestamp_seconds", "gauge", "when the newest day was last written", _DATASET),
        Declared("platform_completeness_ratio", "gauge", "minutes of yesterday that silver holds", _DATASET),
        Declared("platform_lake_bytes", "gauge", "bytes of a dataset in the lake", ("dataset",)),
        Declared("platform_disk_free_bytes", "gauge", "free bytes of the disk that holds DATA_DIR"),
        Declared("platform_disk_size_bytes", "gauge", "size of the disk that holds DATA_DIR"),
        Declared("platform_failed_checks", "gauge", "asset checks whose last result failed", ("severity",)),
        Declared("platform_runs", "gauge", "Dagster runs that ended or began in the last day", ("job", "status")),
        Declared("platform_open_alerts", "gauge", "alerts that are not resolved", ("rule",)),
        Declared("platform_unread_parts", "gauge", "1 where a part of this page could not be read", ("part",)),
    ),
}

_BY_NAME = {metric.name: metric for metrics in METRICS.values() for metric in metrics}


def declared(name: str) -> Declared:
    """The declaration of a name; KeyError where a program counts what was never declared."""
    return _BY_NAME[name]


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """The declared counter, on a registry."""
    return Counter(name, declared(name).meaning, labelnames=declared(name).labels, registry=registry)


def gauge(name: str, registry: CollectorRegistry) -> Gauge:
    """The declared gauge, on a registry."""
    return Gauge(name, declared(name).meaning, labelnames=declared(name).labels, registry=registry)


def histogram(name: str, registry: CollectorRegistry) -> Histogram:
    """The declared histogram, on a registry."""
    found = declared(name)
    return Histogram(name, found.meaning, labelnames=found.labels, buckets=found.buckets, registry=registry)


def family(name: str) -> CounterMetricFamily | GaugeMetricFamily:
    """The declared metric as a family that a page fills when it is asked for."""
    found = declared(name)
    kind = CounterMetricFamily if found.kind == "counter" else GaugeMetricFamily
    return kind(name, found.meaning, labels=found.labels)
