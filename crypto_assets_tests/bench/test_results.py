"""Results on disk, and which former one a run is held against."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from bench.measuring import Absent, Rounds
from bench.results import (
    Missing,
    UnreadableResult,
    former_of,
    held_against,
    kept,
    path_of,
    read,
    result_of,
    settle,
    write,
)
from crypto_assets_tests.bench.results import MACHINE, declared, document

YEAR = Rounds([0.5, 0.6, 0.55, 0.52, 0.58, 0.51])
AGAINST_DUCKDB = Rounds([0.5, 0.6], [0.25, 0.2])
OTHER = msgspec.structs.replace(MACHINE, cores=64)


def test_a_ratio_is_that_of_the_two_sides_of_each_round() -> None:
    assert result_of(declared("query.year_duckdb"), AGAINST_DUCKDB).figure.median == pytest.approx(2.5)


def test_a_difference_is_taken_round_by_round_and_keeps_its_unit() -> None:
    result = result_of(declared("imports.more"), Rounds([2.0, 2.5], [1.0, 1.1]))
    assert (result.figure.median, result.unit) == (pytest.approx(1.2), "s")


def test_rounds_without_what_they_are_divided_by_give_no_figure() -> None:
    with pytest.raises(ValueError, match="nothing was measured beside it"):
        result_of(declared("query.year_duckdb"), YEAR)


def test_what_was_not_taken_says_why_and_loses_no_other() -> None:
    measures = [declared(name) for name in ("query.year", "query.year_duckdb", "training.gpu", "copy.psycopg")]
    taken = {"query.year": YEAR, "query.year_duckdb": YEAR, "training.gpu": Absent("no GPU")}
    results, missing = settle(measures, taken, otherwise="it ended")
    assert list(results) == ["query.year"]
    assert missing == {
        "query.year_duckdb": Missing("nothing was measured beside it", failed=True),
        "training.gpu": Missing("no GPU", failed=False),
        "copy.psycopg": Missing("it ended", failed=True),
    }


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    whole = document({"query.year": YEAR, "query.year_duckdb": AGAINST_DUCKDB}, missing={"x.y": Missing("z", True)})
    path = path_of(tmp_path / "new", whole.began)
    write(whole, path)
    assert path.name == "2024-08-05T100000Z.json"
    assert read(path) == whole
    assert json.loads(path.read_text())["measures"]["query.year"]["figure"]["n"] == 6
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b'{"schema": 1}', b"\xff"])
def test_what_is_no_result_is_refused_and_left_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UnreadableResult, match=r"a\.json"):
        read(path)
    assert kept(tmp_path) == []


def test_a_result_of_another_schema_is_refused_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"schema": 2, "of": "another time"}')
    with pytest.raises(UnreadableResult, match="is of schema 2, this bench understands 1"):
        read(path)


def test_each_measure_is_held_against_its_newest_result_on_this_shape_of_machine() -> None:
    whole = document({"query.year": YEAR, "query.year_duckdb": AGAINST_DUCKDB}, hour=8)
    part = document({"query.year": Rounds([0.7] * 6)}, hour=9)
    elsewhere = document({"query.year": Rounds([0.1] * 6)}, hour=11, machine=OTHER)
    former = former_of([part, elsewhere, whole], MACHINE, reference=None)
    assert former is not None
    assert (former.document, former.is_same_shape) == (part, True)
    assert {name: result.figure.median for name, result in former.measures.items()} == {
        "query.year": 0.7,
        "query.year_duckdb": pytest.approx(2.5),
    }


def test_packages_and_system_do_not_make_another_machine() -> None:
    newer = msgspec.structs.replace(MACHINE, packages={"polars": "2.0"}, system="Linux 7", python="3.12.9")
    former = former_of([document({"query.year": YEAR})], newer, reference=None)
    assert former is not None
    assert former.is_same_shape


def test_without_a_result_of_this_machine_the_reference_is_taken_and_called_what_it_is() -> None:
    stored = document({"query.year": YEAR}, machine=OTHER)
    former = former_of([], MACHINE, reference=stored)
    assert former == replace(held_against(stored, MACHINE), is_same_shape=False)
    assert former_of([], MACHINE, reference=None) is None


def test_names_of_results_sort_by_time(tmp_path: Path) -> None:
    moments = [datetime(2024, 8, 5, 9, 5, 1, tzinfo=UTC), datetime(2024, 8, 5, 10, 0, tzinfo=UTC)]
    assert path_of(tmp_path, moments[0]) < path_of(tmp_path, moments[1])
