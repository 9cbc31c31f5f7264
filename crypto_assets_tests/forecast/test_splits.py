"""Walk-forward splits, against a version of them that is slow and obvious."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crypto_assets.errors import InputIncomplete
from crypto_assets.forecast.options import DataOptions, JudgeOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import FeatureTable, Samples, Split
from crypto_assets_tests.forecast.tables import random_walk, with_cold, without_rows

ROWS = 600


@st.composite
def gapped(draw: st.DrawFn) -> FeatureTable:
    """A walk with a few gaps, some longer than a window, and cold rows."""
    table = with_cold(random_walk(ROWS, seed=5), draw(st.sets(st.integers(0, ROWS - 1), max_size=4)))
    starts = draw(st.lists(st.integers(0, ROWS - 1), max_size=3))
    lengths = [draw(st.integers(1, 40)) for _ in starts]
    gone = {row for start, length in zip(starts, lengths, strict=True) for row in range(start, start + length)}
    return without_rows(table, gone & set(range(ROWS)))


def slow_split(
    table: FeatureTable, samples: Samples, *, start: int, end: int, window: int, longest: int, share: float
) -> tuple[list[int], list[int], list[int]]:
    """One sample at a time, as a person would."""
    step, moments = table.step_us, table.as_of_us[samples.rows].tolist()

    def well_before(index: int, first: int) -> bool:
        return moments[first] - moments[index] > (window + longest) * step

    known = [index for index in range(start) if well_before(index, start)]
    validation = known[len(known) - math.floor(len(known) * share) :]
    train = [index for index in known if validation and index < validation[0] and well_before(index, validation[0])]
    return train, validation, list(range(start, end))


@given(
    table=gapped(),
    window=st.integers(1, 12),
    longest=st.integers(1, 8),
    judge=st.builds(
        JudgeOptions,
        folds=st.integers(2, 6),
        test_share=st.floats(0.2, 0.8),
        validation_share=st.floats(0.1, 0.5),
    ),
)
def test_splits_are_those_of_the_slow_version(
    table: FeatureTable, window: int, longest: int, judge: JudgeOptions
) -> None:
    samples = samples_of(table, DataOptions(window=window, horizons=(longest,)))
    share = judge.validation_share
    try:
        splits = walk_forward(table, samples, data=DataOptions(window=window, horizons=(longest,)), judge=judge)
    except InputIncomplete:
        assume(False)
        return
    assert len(splits) == judge.folds
    for split in splits:
        start, end = int(split.test[0]), int(split.test[-1]) + 1
        train, validation, test = slow_split(
            table, samples, start=start, end=end, window=window, longest=longest, share=share
        )
        assert split.train.tolist() == train
        assert split.validation.tolist() == validation
        assert split.test.tolist() == test
        _touch_no_row_twice(table, samples, split, window=window, longest=longest)
    tested = np.concatenate([split.test for split in splits])
    assert tested.tolist() == list(range(len(samples) - math.floor(len(samples) * judge.test_share), len(samples)))


def _touch_no_row_twice(table: FeatureTable, samples: Samples, split: Split, *, window: int, longest: int) -> None:
    """No moment that one part's windows or targets touch is touched by another's, and an embargo lies between."""
    step = table.step_us
    spans: list[tuple[int, int]] = []
    for part in (split.train, split.validation, split.test):
        ends = table.as_of_us[samples.rows[part]]
        touched = {int(e) + k * step for e in ends for k in range(1 - window, longest + 1)}
        spans.append((min(touched), max(touched)))
    for (_, last), (first, _) in pairwise(spans):
        assert first > last
    for earlier, later in ((split.train, split.validation), (split.validation, split.test)):
        between_us = table.as_of_us[samples.rows[later[0]]] - table.as_of_us[samples.rows[earlier[-1]]]
        assert between_us // step - 1 >= window + longest


def whole(rows: int = 1_440) -> tuple[FeatureTable, Samples]:
    table = random_walk(rows, seed=1)
    return table, samples_of(table, DataOptions(window=60, horizons=(1, 5, 15)))


def test_a_day_of_minutes_is_split_as_the_defaults_say() -> None:
    table, samples = whole()
    splits = walk_forward(table, samples, data=DataOptions(window=60, horizons=(15,)), judge=JudgeOptions())
    assert [(s.train.size, s.validation.size, s.test.size) for s in splits] == [
        (442, 91, 136),
        (558, 111, 137),
        (674, 132, 136),
        (790, 152, 137),
        (906, 173, 137),
    ]
    assert len(samples) == 1_366
    assert splits[-1].test[-1] == 1_365


def test_validation_is_the_newest_part_of_what_precedes_a_block() -> None:
    table, samples = whole()
    for split in walk_forward(table, samples, data=DataOptions(window=60, horizons=(15,)), judge=JudgeOptions()):
        assert split.train[-1] < split.validation[0] <= split.validation[-1] < split.test[0]
        assert int(split.test[0] - split.validation[-1]) == 76


def test_time_without_rows_counts_as_embargo() -> None:
    table = without_rows(random_walk(1_440, seed=1), range(630, 740))
    samples = samples_of(table, DataOptions(window=10, horizons=(5,)))
    first_after = int(np.searchsorted(samples.rows, 630))
    judge = JudgeOptions(folds=2, test_share=1 - first_after / len(samples) + 1e-9)
    split = walk_forward(table, samples, data=DataOptions(window=10, horizons=(5,)), judge=judge)[0]
    assert split.test[0] == first_after
    assert split.validation[-1] == first_after - 1


def test_too_few_samples_are_told_of_in_figures() -> None:
    table, samples = whole(500)
    with pytest.raises(InputIncomplete) as error:
        walk_forward(table, samples, data=DataOptions(window=60, horizons=(15,)), judge=JudgeOptions())
    assert str(error.value) == (
        "426 samples are too few: fold 1 of 5 would have train 43, validation 20, test 42, and each part needs 75, as "
        "many as a window and its longest horizon have rows. Take more days, fewer folds or a shorter window."
    )


def test_no_sample_at_all_is_told_of_too() -> None:
    table, samples = whole(30)
    with pytest.raises(InputIncomplete, match="0 samples are too few"):
        walk_forward(table, samples, data=DataOptions(window=60, horizons=(15,)), judge=JudgeOptions())
