"""Both runs are compared as a whole, and a call that was ended is gone on with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa

from proof.crash.__main__ import UNDISTURBED, begun, compare
from proof.crash.contents import HIDDEN, Kept
from proof.crash.disturbance import Account
from proof.crash.documents import document
from proof.crash.report import Report, write_report

FRESH = Report(("BTCUSDT",), (date(2024, 8, 8),), 20, 4.0)


def kept(folder: Path, tables: dict[str, pa.Table], *, hidden: int = 0) -> Kept:
    folder.mkdir()
    found = Kept(folder)
    for place, table in {**tables, HIDDEN: document([("lake", f".{n}.tmp") for n in range(hidden)])}.items():
        found.keep(place, table)
    return found


def test_two_runs_that_hold_the_same_have_no_difference(tmp_path: Path) -> None:
    tables = {"lake/a.parquet": pa.table({"a": [1, 2]}), "lake/b.parquet": pa.table({"a": [3]})}
    report = replace(FRESH, places={}, rows={})
    compare(kept(tmp_path / "one", tables), kept(tmp_path / "two", tables, hidden=2), report)
    assert report.differences == []
    assert (report.places, report.rows, report.hidden) == ({"lake": 2}, {"lake": 3}, {"lake": 2})


def test_a_file_that_only_the_disturbed_run_has_is_a_difference(tmp_path: Path) -> None:
    tables = {"lake/a.parquet": pa.table({"a": [1]})}
    report = replace(FRESH, places={}, rows={})
    more = {**tables, "lake/a.parquet.tmp": document([("sha256", "0")])}
    compare(kept(tmp_path / "one", tables), kept(tmp_path / "two", more), report)
    assert report.differences == ["lake/a.parquet.tmp: it is there, and should not be (1 rows)."]


def test_a_call_goes_on_with_what_an_earlier_one_of_the_same_did(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    assert begun(FRESH, path) is FRESH
    earlier = replace(FRESH, undisturbed=[Account("speed", attempts=1)], kept=[UNDISTURBED])
    write_report(earlier, path)
    assert begun(FRESH, path) == earlier
    assert begun(replace(FRESH, seed=21), path).undisturbed == []
    write_report(replace(earlier, places={"lake": 1}), path)
    assert begun(FRESH, path) is FRESH
