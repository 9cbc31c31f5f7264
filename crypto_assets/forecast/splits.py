"""Parts of the samples in the order of time: what is fitted on, what ends the fit, and what is foretold."""

from __future__ import annotations

import math

import numpy as np

from crypto_assets.errors import InputIncomplete
from crypto_assets.forecast.options import DataOptions, JudgeOptions
from crypto_assets.forecast.table import FeatureTable, IntArray, Samples, Split


def walk_forward(table: FeatureTable, samples: Samples, *, data: DataOptions, judge: JudgeOptions) -> tuple[Split, ...]:
    """A split for each fold, oldest first; the newest `test_share` of the samples is cut into the folds' test blocks.

    Blocks are disjoint, follow one another without a sample between them, and each is foretold from everything before
    it: the newest `validation_share` of that ends the fit, the rest is fitted on. From the end of a part's last window
    to the end of the next part's first one lie more steps of time than a window and its longest horizon have, purge and
    embargo in one: no row and no target is touched by two parts, and as many steps are left out between them. Samples
    are purged from the earlier part.
    Raises InputIncomplete, with figures, where a part would have fewer than window + longest horizon samples.
    """
    as_of_us = table.as_of_us[samples.rows]
    touched = data.window + data.longest
    apart_us = touched * table.step_us
    tested = math.floor(len(samples) * judge.test_share)
    edges = len(samples) - tested + np.linspace(0, tested, judge.folds + 1).astype(np.int64)
    splits: list[Split] = []
    for number, (start, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True), start=1):
        known = _purged(as_of_us, before=start, apart_us=apart_us)
        validated = math.floor(known * judge.validation_share)
        trained = _purged(as_of_us, before=known - validated, apart_us=apart_us)
        split = Split(np.arange(trained), np.arange(known - validated, known), np.arange(start, end))
        _require(split, least=touched, fold=f"{number} of {judge.folds}", samples=len(samples))
        splits.append(split)
    return tuple(splits)


def _purged(as_of_us: IntArray, *, before: int, apart_us: int) -> int:
    """How many samples, from the first on, end more than `apart_us` before the sample at index `before` does."""
    if before >= as_of_us.size:
        return before
    return int(np.searchsorted(as_of_us, as_of_us[before] - apart_us))


def _require(split: Split, *, least: int, fold: str, samples: int) -> None:
    sizes = {name: part.size for name, part in split.parts.items()}
    if min(sizes.values()) < least:
        held = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        raise InputIncomplete(
            f"{samples:,} samples are too few: fold {fold} would have {held}, and each part needs {least:,}, as many "
            "as a window and its longest horizon have rows. Take more days, fewer folds or a shorter window."
        )
