"""Flags of cleaned rows: setting, testing and counting the bits that `schemas.FLAGS` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from crypto_assets.schemas import FLAGS

UNUSABLE = ("filled", "out_of_range", "ohlc_violation", "off_grid")
"""Flags of silver rows that are not what traded in their minute: aggregates, neighbours and gold do not read them."""


def raised(conditions: Mapping[str, pl.Expr]) -> pl.Expr:
    """The column `flags` with the bit of each name set where its condition holds."""
    bits = (
        pl.when(condition).then(pl.lit(FLAGS[name], pl.Int32)).otherwise(pl.lit(0, pl.Int32))
        for name, condition in conditions.items()
    )
    return reduce(or_, bits, pl.col("flags")).alias("flags")


def has_flag(*names: str) -> pl.Expr:
    """True for rows that carry at least one of the flags."""
    return (pl.col("flags") & _mask(names)) != 0


def is_usable() -> pl.Expr:
    """True for rows that carry none of the UNUSABLE flags."""
    return ~has_flag(*UNUSABLE)


def is_flagged(rows: pa.Table | pl.DataFrame, *names: str) -> npt.NDArray[np.bool_]:
    """By row, whether it carries at least one of the flags."""
    return (rows["flags"].to_numpy() & _mask(names)) != 0


def count_flags(table: pa.Table) -> dict[str, int]:
    """Rows that carry each flag, for every flag in the order of `schemas.FLAGS`, zeros included."""
    flags = table["flags"].to_numpy()
    return {name: int(np.count_nonzero(flags & bit)) for name, bit in FLAGS.items()}


def _mask(names: Sequence[str]) -> int:
    return sum({FLAGS[name] for name in names})
