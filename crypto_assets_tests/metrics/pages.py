"""Reading a page of metrics as Prometheus does."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from crypto_assets.metrics.declared import METRICS, Process

type Told = set[tuple[str, str, str]]
"""Name, kind and meaning."""


def told_by(page: str) -> Told:
    """What a page tells; figures of the process itself, which every page has, are left out."""
    found = {(family.name, family.type, family.documentation) for family in text_string_to_metric_families(page)}
    own = {one for one in found if one[0].startswith("process_")}
    assert own, "memory and processor time of the process are told too"
    return {one for one in found - own if not one[0].endswith("_created")}


def declared_of(process: Process) -> Told:
    return {(metric.name, metric.kind, metric.meaning) for metric in METRICS[process]}
