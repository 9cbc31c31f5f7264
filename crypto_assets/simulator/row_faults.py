"""Faults of single rows, the same in an archive file and in an answer over REST."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from crypto_assets.simulator.faults import ContentFault, DuplicateRows, MissingMinutes
from crypto_assets.spans import to_us


def apply_row_faults(frame: pl.DataFrame, faults: Sequence[ContentFault]) -> pl.DataFrame:
    """The rows without those that are to be missing, and with those that are to come twice."""
    for fault in faults:
        if isinstance(fault, MissingMinutes):
            frame = frame.filter(~_inside(fault))
        elif isinstance(fault, DuplicateRows):
            frame = _repeat(frame, fault)
    return frame


def _repeat(frame: pl.DataFrame, fault: DuplicateRows) -> pl.DataFrame:
    numbered = frame.with_row_index("row")
    copies = numbered.filter(_inside(fault))
    if fault.differing:
        copies = copies.with_columns(_changed(copies[_amount_column(frame)]))
    return pl.concat([numbered, copies]).sort("row", maintain_order=True).drop("row")


def _inside(fault: MissingMinutes | DuplicateRows) -> pl.Expr:
    return pl.col("time_us").is_between(to_us(fault.start), to_us(fault.end), closed="left")


def _amount_column(frame: pl.DataFrame) -> str:
    """The price that stays within the candle: its close; of other rows the first amount."""
    return "close" if "close" in frame.columns else next(n for n, t in frame.schema.items() if t.is_decimal())


def _changed(column: pl.Series) -> pl.Series:
    """The amounts, greater by one in the last decimal."""
    scale = column.dtype.scale if isinstance(column.dtype, pl.Decimal) else 0
    step = pl.Series([f"{10**-scale:.{scale}f}"]).cast(column.dtype)
    return (column + step[0]).cast(column.dtype).alias(column.name)
