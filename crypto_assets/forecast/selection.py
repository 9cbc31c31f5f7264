"""Which columns a model reads: those that mean the same at any price, and of these the ones that say something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from crypto_assets.errors import ConfigurationError, InputIncomplete
from crypto_assets.features.declaration import FEATURES
from crypto_assets.features.inputs import Source as Recorded
from crypto_assets.forecast.options import Source
from crypto_assets.forecast.seconds import SECOND_FEATURES
from crypto_assets.forecast.table import BoolArray, FloatArray

LEVEL_FREE_UNITS = frozenset({"percent", "fraction", "bps", "ratio", "index", "sign", "flag", "count"})
"""Units of values that do not grow with the price or with what a coin costs; a model of this year reads them next."""

NULL, CONSTANT = "null in every warm row", "the same in every warm row"


def default_features(source: Source) -> tuple[str, ...]:
    """Columns that a model reads where none are named.

    Of gold those that come from candles, which every day has, and are free of price and quantity level; of candles of
    a second all of `crypto_assets.forecast.seconds`.
    """
    if source == "klines_1s":
        return known_features(source)
    return tuple(f.name for f in FEATURES if f.source is Recorded.KLINES and f.unit in LEVEL_FREE_UNITS)


def known_features(source: Source) -> tuple[str, ...]:
    """Columns that may be named."""
    return tuple(feature.name for feature in (SECOND_FEATURES if source == "klines_1s" else FEATURES))


def wanted_features(source: Source, named: Sequence[str]) -> tuple[str, ...]:
    """The columns named, or the default ones; raises ConfigurationError where one does not exist."""
    unknown = [name for name in named if name not in known_features(source)]
    if unknown:
        raise ConfigurationError(
            f"{source} has no feature {', '.join(unknown)}. It has: {', '.join(known_features(source))}."
        )
    return tuple(named) or default_features(source)


@dataclass(frozen=True, slots=True)
class Selection:
    """Columns of a set, in their order, and those that were left out."""

    used: tuple[str, ...]
    left_out: Mapping[str, str]
    """Reason by name."""


def select_features(names: Sequence[str], values: FloatArray, *, warm: BoolArray, named: bool) -> Selection:
    """Columns whose finite values in warm rows are at least two different ones; `values` is of shape (rows, names).

    What is left out is decided by the column alone and never by what came after it, so that rows of a later test may
    take part. Columns that a person `named` are not left out silently: raises InputIncomplete with the reason. So it
    does where none is left.
    """
    if not warm.any():
        raise InputIncomplete(f"None of the {warm.size:,} rows is warm: the days before them are missing.")
    left_out = {
        name: reason for name, column in zip(names, values.T, strict=True) if (reason := _useless(column[warm]))
    }
    if named and left_out:
        listed = "; ".join(f"{name} is {reason}" for name, reason in left_out.items())
        raise InputIncomplete(
            f"{len(left_out)} of the features that were named say nothing: {listed}. Leave them out, or materialise "
            "what they are made from (null means that the source was never recorded on these days)."
        )
    used = tuple(name for name in names if name not in left_out)
    if not used:
        raise InputIncomplete(
            f"None of {len(names)} features has two different values in the {int(warm.sum()):,} warm rows of "
            f"{warm.size:,}. Materialise more days."
        )
    return Selection(used, left_out)


def _useless(column: FloatArray) -> str | None:
    finite = column[np.isfinite(column)]
    if not finite.size:
        return NULL
    return CONSTANT if finite.min() == finite.max() else None
