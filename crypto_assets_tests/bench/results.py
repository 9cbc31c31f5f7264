"""Results that no machine took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bench.declared import MEASURES, Measure
from bench.machine import Machine
from bench.measuring import Rounds
from bench.results import SCHEMA, Document, Missing, result_of

MACHINE = Machine("Model 1", 2, 23, "Linux 6", "3.12.1", {"polars": "1.0"})


def declared(name: str) -> Measure:
    """A measure of the bench."""
    (found,) = (measure for measure in MEASURES if measure.name == name)
    return found


def document(
    rounds: Mapping[str, Rounds],
    *,
    machine: Machine = MACHINE,
    hour: int = 10,
    missing: Mapping[str, Missing] | None = None,
    load: float = 0.0,
) -> Document:
    """A run of an hour of a day that took these rounds."""
    return Document(
        schema=SCHEMA,
        began=datetime(2024, 8, 5, hour, tzinfo=UTC),
        ended=datetime(2024, 8, 5, hour, 40, tzinfo=UTC),
        commit="0123abc",
        machine=machine,
        load_at_begin=load,
        load_at_end=1.5,
        rounds=None,
        parts={"query": 61.5},
        measures={name: result_of(declared(name), each) for name, each in rounds.items()},
        missing=dict(missing or {}),
    )
