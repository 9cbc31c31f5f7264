"""In what two places differ, row by row and without regard to their order, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl
import pyarrow as pa

from proof.crash.wall_clock import compared


def differences(expected: Mapping[str, pa.Table], found: Mapping[str, pa.Table]) -> Iterator[str]:
    """A sentence for each place that is missing or too many, and for each kind of difference in the others."""
    for place in sorted({*expected, *found}):
        if place not in found:
            yield f"{place}: it is missing ({expected[place].num_rows:,} rows)."
        elif place not in expected:
            yield f"{place}: it is there, and should not be ({found[place].num_rows:,} rows)."
        else:
            yield from differences_of(place, expected[place], found[place])


def differences_of(place: str, expected: pa.Table, found: pa.Table) -> Iterator[str]:
    """Sentences about one place."""
    wanted, held = compared(place, expected), compared(place, found)
    if wanted.equals(held):
        return
    if wanted.schema != held.schema:
        fields = {f"{field.name} {field.type}" for field in wanted.schema}
        others = {f"{field.name} {field.type}" for field in held.schema}
        yield (
            f"{place}: it has other columns; missing {_listed(fields - others)}, too many {_listed(others - fields)}."
        )
        return
    counts = _counts(wanted).join(_counts(held), on="row", how="full", coalesce=True, suffix="_held").fill_null(0)
    missing = counts.filter(pl.col("rows") > pl.col("rows_held"))
    twice = counts.filter((pl.col("rows") > 0) & (pl.col("rows_held") > pl.col("rows")))
    foreign = counts.filter((pl.col("rows") == 0) & (pl.col("rows_held") > 0))
    if missing.height:
        number = (missing["rows"] - missing["rows_held"]).sum()
        yield f"{place}: {number:,} of {wanted.num_rows:,} rows are missing, such as {_example(wanted, missing)}."
    if foreign.height:
        number = foreign["rows_held"].sum()
        yield f"{place}: {number:,} rows are none of the {wanted.num_rows:,}, such as {_example(held, foreign)}."
    if twice.height:
        number = (twice["rows_held"] - twice["rows"]).sum()
        yield f"{place}: {number:,} rows are there more often than once, such as {_example(held, twice)}."


def _counts(table: pa.Table) -> pl.DataFrame:
    """How often each row is there, by a sum of it."""
    return _sums(table).to_frame().group_by("row").len("rows").cast({"rows": pl.Int64})


def _sums(table: pa.Table) -> pl.Series:
    if not table.num_columns:
        return pl.Series("row", [0] * table.num_rows, pl.UInt64)
    return pl.DataFrame(pl.from_arrow(table)).hash_rows(seed=1).alias("row")


def _example(table: pa.Table, rows: pl.DataFrame) -> str:
    """The first row whose sum is one of these."""
    place = _sums(table).is_in(rows["row"].implode()).arg_max()
    row = table.slice(place or 0, 1).to_pylist()[0]
    text = ", ".join(f"{name} {value}" for name, value in row.items())
    return text if len(text) <= 300 else f"{text[:300]}…"


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"
