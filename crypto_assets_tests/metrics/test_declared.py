"""The list of metrics is one that Prometheus takes."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from crypto_assets.metrics.declared import METRICS, Declared, counter, declared, family, gauge, histogram

ALL = [metric for metrics in METRICS.values() for metric in metrics]
UNITS = ("_seconds", "_bytes", "_ratio")


def test_every_name_is_declared_once_and_begins_with_its_program() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)
    assert [
        m.name for process, metrics in METRICS.items() for m in metrics if not m.name.startswith(f"{process}_")
    ] == []


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_declaration_makes_a_metric_of_its_kind(metric: Declared) -> None:
    make = {"counter": counter, "gauge": gauge, "histogram": histogram}[metric.kind]
    registry = CollectorRegistry()
    make(metric.name, registry)
    (told,) = registry.collect()
    assert (told.name, told.type, told.documentation) == (metric.name, metric.kind, metric.meaning)
    assert (metric.kind == "histogram") == bool(metric.buckets)
    if metric.kind == "histogram":
        assert metric.name.endswith(UNITS)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_a_counter_is_queried_with_total() -> None:
    assert declared("collector_messages").exposed == "collector_messages_total"
    assert declared("collector_silent").exposed == "collector_silent"


def test_what_nobody_declared_cannot_be_counted() -> None:
    with pytest.raises(KeyError):
        family("collector_unheard_of")
