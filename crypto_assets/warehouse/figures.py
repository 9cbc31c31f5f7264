"""What a day of a table comes to, counted once from its Parquet files and once by Redshift: the two must be equal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.warehouse.ddl import literal
from crypto_assets.warehouse.tables import DayTable

type Figure = int | Decimal | datetime | None
type Figures = Mapping[str, Figure]
"""`rows`, `sum(column)` of numbers, `min(column)` and `max(column)` of times, `count(column)` of others."""


def day_column(table: DayTable) -> str | None:
    """The column that says which day a row is of; None of a table that holds one row a key, whatever the day."""
    return next((field.name for field in table.schema if pa.types.is_timestamp(field.type)), None)


def figures_of(rows: pa.Table) -> dict[str, Figure]:
    """Figures of rows as they lie in Parquet; sums are exact, None over no rows."""
    found: dict[str, Figure] = {"rows": rows.num_rows}
    for field in rows.schema:
        for name in _functions(field.type):
            found[f"{name}({field.name})"] = pc.call_function(name, [rows[field.name]]).as_py()
    return found


def select_figures(table: DayTable, *, where: str) -> str:
    """The query that gives the same figures, in the same order, as one row."""
    asked = [name.upper() for name in names_of_figures(table)[1:]]
    return f"SELECT {',\n    '.join(['COUNT(*)', *asked])}\nFROM {table.name}\nWHERE {where}"


def names_of_figures(table: DayTable) -> list[str]:
    """Names of the columns of that row."""
    return ["rows", *(f"{name}({field.name})" for field in table.schema for name in _functions(field.type))]


def rows_of_day(table: DayTable, day: date, rows: pa.Table) -> str:
    """The condition that finds in Redshift what a day has put there: its times, or the keys of `rows`."""
    column = day_column(table)
    if column is not None:
        start, end = bounds_of(day)
        return f"{column} >= {literal(start)} AND {column} < {literal(end)}"
    (key,) = table.key
    values = sorted(set(rows[key].to_pylist()))
    return f"{key} IN ({', '.join(map(literal, values))})" if values else "1 = 0"


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """Start and end of the UTC day as a TIMESTAMP without zone holds them."""
    start = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - Redshift's TIMESTAMP has no zone
    return start, start + timedelta(days=1)


def condition_of(figures: Figures) -> str:
    """The condition that rows come to these figures."""
    return "\n    AND ".join(_equals(name, value) for name, value in figures.items())


def differences(in_s3: Figures, in_redshift: Figures) -> list[str]:
    """Each figure that differs, with both values."""
    return [
        f"{name} is {value} in S3 and {in_redshift.get(name)} in Redshift"
        for name, value in in_s3.items()
        if in_redshift.get(name) != value
    ]


def as_text(figures: Figures) -> str:
    """The figures in one line."""
    return " ".join(
        f"{name}={value.isoformat() if isinstance(value, datetime) else value}" for name, value in figures.items()
    )


def _equals(name: str, value: Figure) -> str:
    expression = "COUNT(*)" if name == "rows" else name.upper()
    match value:
        case None:
            return f"{expression} IS NULL"
        case Decimal():
            return f"{expression} = {value:f}"
        case _:
            return f"{expression} = {literal(value)}"


def _functions(kind: pa.DataType) -> tuple[str, ...]:
    if pa.types.is_timestamp(kind):
        return ("min", "max")
    if pa.types.is_decimal(kind) or pa.types.is_integer(kind):
        return ("sum",)
    return ("count",)
