"""The declaration holds together: names, parts, modules."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from bench.declared import MEASURES, PARTS, Measure, Part, measures_of


def test_every_measure_has_a_name_of_its_own_that_begins_with_its_part() -> None:
    names = [measure.name for measure in MEASURES]
    assert len(set(names)) == len(names)
    assert {measure.part for measure in MEASURES} == {part.name for part in PARTS}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_has_its_module_and_measures(part: Part) -> None:
    assert find_spec(part.module) is not None
    assert measures_of(part.name)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.name)
def test_only_a_figure_of_its_own_stands_beside_nothing(measure: Measure) -> None:
    assert bool(measure.beside) == (measure.kind != "figure")


def test_a_figure_beside_nothing_is_what_was_measured() -> None:
    assert Measure("a.b", "what", "s").value(2.0, 4.0) == 2.0
    assert Measure("a.b", "what", "s", "less", kind="difference").value(2.0, 0.5) == 1.5
    assert Measure("a.b", "what", "s", "by", kind="ratio").value(2.0, 4.0) == 0.5
