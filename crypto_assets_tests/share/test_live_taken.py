"""What batches took, noted in a file, and a checkpoint whose last batch was not."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from crypto_assets.share.live_taken import Taken, TakenByBatch, last_finished, taken_of

DAY, NEXT = date(2026, 11, 20), date(2026, 11, 21)


@pytest.fixture
def taken(tmp_path: Path) -> TakenByBatch:
    return TakenByBatch(tmp_path / "exchange" / "taken.json")


def checkpoint(folder: Path, *, begun: int, finished: int) -> Path:
    """A checkpoint of Spark as its two logs make it, checksums and all."""
    for log, last in (("offsets", begun), ("commits", finished)):
        (folder / log).mkdir(parents=True)
        for number in range(last + 1):
            (folder / log / f"{number}").write_text("v1")
            (folder / log / f".{number}.crc").write_text("")
    return folder


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_day_is_the_sum_of_its_batches_however_often_they_are_noted(taken: TakenByBatch) -> None:
    taken.keep({0: Taken(10, late=1), 1: Taken(0)}, day=DAY)
    taken.keep({0: Taken(10, late=1), 2: Taken(5, unusable=2, outside=1)}, day=DAY)
    taken.keep({3: Taken(7)}, day=NEXT)
    assert taken.on(DAY) == Taken(15, unusable=2, outside=1, late=1)
    assert taken.on(date(2026, 11, 19)) == Taken()


def test_days_that_are_over_are_forgotten_but_for_the_last_batch(taken: TakenByBatch, tmp_path: Path) -> None:
    taken.keep({0: Taken(1), 1: Taken(2)}, day=DAY)
    taken.forget_before(NEXT)
    assert taken.on(DAY) == Taken(2)
    place = checkpoint(tmp_path / "spark", begun=1, finished=1)
    taken.reopen(place)
    assert last_finished(place) == 1


def test_a_batch_without_figures_is_not_over_and_what_was_begun_after_it_is_planned_anew(
    taken: TakenByBatch, tmp_path: Path
) -> None:
    place = checkpoint(tmp_path / "spark", begun=3, finished=2)
    taken.keep({0: Taken(1), 1: Taken(2)}, day=DAY)
    taken.reopen(place)
    assert entries(place / "commits") == [".0.crc", ".1.crc", "0", "1"]
    assert entries(place / "offsets") == [".0.crc", ".1.crc", ".2.crc", "0", "1", "2"]


def test_a_batch_that_was_only_begun_is_left_to_spark(taken: TakenByBatch, tmp_path: Path) -> None:
    place = checkpoint(tmp_path / "spark", begun=3, finished=2)
    taken.keep({2: Taken(1)}, day=DAY)
    taken.reopen(place)
    assert (last_finished(place), "3" in entries(place / "offsets")) == (2, True)


def test_without_a_checkpoint_there_is_nothing_to_take_back(taken: TakenByBatch, tmp_path: Path) -> None:
    taken.reopen(tmp_path / "none")
    assert last_finished(tmp_path / "none") is None


def test_progress_is_read_by_batch_whatever_its_operators_are() -> None:
    observed = {"taken": {"messages": 9, "unusable": 1, "outside": 3}}
    told = [
        {"batchId": 4, "stateOperators": [{"numRowsDroppedByWatermark": 2}, {"numRowsDroppedByWatermark": 1}]},
        {
            "batchId": 5,
            "stateOperators": [],
            "observedMetrics": observed,
        },
    ]
    progress = [SimpleNamespace(json=json.dumps(batch)) for batch in told]
    assert taken_of(progress) == {4: Taken(late=3), 5: Taken(9, unusable=1, outside=3)}
