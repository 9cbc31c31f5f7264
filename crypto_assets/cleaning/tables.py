"""Arrow tables as Polars frames and back, refusing what does not have the declared columns."""

from __future__ import annotations

from functools import cache

import polars as pl
import pyarrow as pa

from crypto_assets.errors import BadPayload


def frame_of(table: pa.Table, schema: pa.Schema, *, name: str) -> pl.DataFrame:
    """The columns of `schema`, in its order; further columns are left out.

    Raises BadPayload when a column is absent or has another type: a decimal read as float has lost digits for good.
    """
    absent = [column for column in schema.names if column not in table.column_names]
    if absent:
        raise BadPayload(f"{name} lacks the columns {', '.join(absent)}; it has {', '.join(table.column_names)}.")
    frame = pl.DataFrame(pl.from_arrow(table.select(schema.names)))
    held, declared = dict(frame.schema), _polars_schema(schema)
    wrong = [f"{key} is {held[key]} instead of {kind}" for key, kind in declared.items() if held[key] != kind]
    if wrong:
        raise BadPayload(f"{name} cannot be used: {'; '.join(wrong)}.")
    return frame


def table_of(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame as a table of exactly `schema`; raises ValueError where a required column holds a null."""
    return frame.select(schema.names).to_arrow().cast(schema) if frame.height else schema.empty_table()


@cache
def _polars_schema(schema: pa.Schema) -> dict[str, pl.DataType]:
    return dict(pl.DataFrame(pl.from_arrow(schema.empty_table())).schema)
