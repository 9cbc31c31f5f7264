"""The example board asks for metrics that there are."""

from __future__ import annotations

import json
import re
from typing import Any

from crypto_assets.metrics.declared import METRICS
from tools.grafana_board import board

OF_EVERY_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in json.loads(board())["panels"] if panel["type"] != "row"]


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def test_every_query_asks_for_a_declared_metric() -> None:
    known = {metric.exposed for metrics in METRICS.values() for metric in metrics} | OF_EVERY_PROCESS
    histograms = {f"{m.name}_bucket" for metrics in METRICS.values() for m in metrics if m.kind == "histogram"}
    asked = {name for query in queries() for name in re.findall(r"\b[a-z]+_[a-z_]+(?=[\[{\s)/]|$)", query)}
    asked -= {"histogram_quantile"}
    assert asked - known - histograms == set()
    assert {name.partition("_")[0] for name in asked} >= {"collector", "processor", "forecaster", "platform"}


def test_counters_are_asked_for_as_rates() -> None:
    assert [query for query in queries() if "_total" in query and "rate(" not in query] == []


def test_panels_lie_beside_each_other_and_have_numbers_of_their_own() -> None:
    placed = [panel["gridPos"] for panel in panels()]
    cells = [(x, y) for p in placed for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    numbers = [panel["id"] for panel in json.loads(board())["panels"]]
    assert len(numbers) == len(set(numbers))
