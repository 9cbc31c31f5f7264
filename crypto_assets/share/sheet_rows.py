"""Rows of a sheet from an Arrow table: what a cell can hold, and how exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

import pyarrow as pa

type Cell = str | int | float
type Row = tuple[Cell, ...]

EMPTY = ""
"""What empties a cell; a null of the API would leave it as it was."""
DIGITS = 15
"""Significant digits of a number in a sheet. Cells are float64, which keeps every decimal number of 15 digits: what is
read back is what was written. The lake has all digits."""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
"""Times are text, UTC: a sheet's own dates have no zone, and are shown in that of the spreadsheet. It sorts by time."""

_context = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)


def shared_rows(table: pa.Table, *, timeframes: Sequence[str]) -> dict[str, list[Row]]:
    """Rows of each symbol of a table with the columns `symbol` and `timeframe`, in the table's columns.

    They are ordered by time frame, as `timeframes` lists them, then by the remaining columns of the key.
    """
    order = {timeframe: place for place, timeframe in enumerate(timeframes)}
    wanted = table.filter(pa.array([name in order for name in table["timeframe"].to_pylist()], pa.bool_()))
    place = pa.array([order[name] for name in wanted["timeframe"].to_pylist()], pa.int32())
    keys = [("symbol", "ascending"), ("place", "ascending"), ("window_start", "ascending")]
    ordered = wanted.append_column("place", place).sort_by(keys).drop_columns("place")
    rows: dict[str, list[Row]] = {}
    for values in zip(*(column.to_pylist() for column in ordered.columns), strict=True):
        rows.setdefault(str(values[0]), []).append(tuple(map(cell, values)))
    return rows


def cell(value: object) -> Cell:
    """How a value stands in a cell: numbers rounded half to even to DIGITS, times as text, null as an empty cell."""
    match value:
        case None:
            return EMPTY
        case bool():
            raise TypeError("A table that is shared has no truth values.")
        case str() | int():
            return value
        case float():
            return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else EMPTY
        case Decimal():
            return float(_context.create_decimal(value))
        case datetime():
            return value.strftime(TIME_FORMAT)
        case _:
            raise TypeError(f"A sheet cannot hold a {type(value).__name__}.")


def rounded_cells(table: pa.Table) -> int:
    """How many decimals of a table have more digits than a cell holds."""
    return sum(
        value is not None and _context.create_decimal(value) != value
        for column in table.columns
        if pa.types.is_decimal(column.type)
        for value in column.to_pylist()
    )
