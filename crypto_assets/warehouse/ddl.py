"""Redshift's tables, from the schema that the Parquet files have: types, NOT NULL, DISTKEY and SORTKEY.

No primary key is declared: Redshift enforces none and plans as if it held. The gate before a load counts the keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import assert_never

import pyarrow as pa

from crypto_assets.errors import WarehouseError
from crypto_assets.warehouse.tables import DayTable, column_differences, sql_type

FOLDER = Path(__file__).resolve().parents[1] / "sql" / "redshift"
TEXT_BYTES = 64
"""Width of a text column, in bytes as Redshift counts: symbols, assets and timeframes have at most some twenty."""

_TYPES: dict[pa.DataType, str] = {
    pa.string(): f"VARCHAR({TEXT_BYTES})",
    pa.timestamp("us"): "TIMESTAMP",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "REAL",
    pa.float64(): "DOUBLE PRECISION",
}
"""No nanoseconds: COPY reads them as microseconds, years off. No unsigned, nested or time-of-day types: it has none."""

_CATALOGUE_NAMES = {
    f"VARCHAR({TEXT_BYTES})": "character varying",
    "TIMESTAMP": "timestamp without time zone",
}
"""How `information_schema` writes a type where that is not just its name in lower case."""


@cache
def statement(name: str) -> str:
    """Text of `sql/redshift/<name>.sql`, with its `{places}`."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def redshift_type(kind: pa.DataType) -> str:
    """Redshift's type that holds an Arrow type exactly; raises ValueError where there is none."""
    return sql_type(kind, _TYPES, of="Redshift")


def create_table(table: DayTable) -> str:
    """CREATE TABLE IF NOT EXISTS of the schema."""
    columns = ",\n".join(
        f"    {field.name} {redshift_type(field.type)}{'' if field.nullable else ' NOT NULL'}" for field in table.schema
    )
    distribution = f"DISTKEY ({table.distkey})" if table.distkey else "DISTSTYLE ALL"
    order = f"\nSORTKEY ({', '.join(table.sortkey)})" if table.sortkey else ""
    return f"CREATE TABLE IF NOT EXISTS {table.name} (\n{columns}\n)\n{distribution}{order}"


def check_columns(table: DayTable, found: Sequence[tuple[str, str, int | None, int | None]]) -> None:
    """Raises WarehouseError where the table in Redshift, as `select_columns.sql` lists it, is not the schema's."""
    held = [(name, _typed(kind, precision, scale)) for name, kind, precision, scale in found]
    if differences := column_differences(held, [_catalogued(field) for field in table.schema]):
        raise WarehouseError(
            f"The table {table.name} in Redshift is not the one that is loaded here: {'; '.join(differences)}. Nothing "
            "was changed. Alter it, or rename it so that the next run makes a new one, then load its days again."
        )


def literal(value: str | int | date | datetime) -> str:
    """A value as SQL text, for a client that takes no parameters.

    >>> literal("it's")
    "'it''s'"
    """
    match value:
        case int():
            return str(value)
        case datetime():
            return f"TIMESTAMP '{value:%Y-%m-%d %H:%M:%S.%f}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case str():
            if "\\" in value or "\0" in value:
                raise ValueError(f"{value!r} cannot be written as text of SQL: it holds a backslash or a zero byte")
            return "'" + value.replace("'", "''") + "'"
        case _:
            assert_never(value)


def _catalogued(field: pa.Field) -> tuple[str, str]:
    kind = redshift_type(field.type)
    return field.name, _CATALOGUE_NAMES.get(kind, kind.lower())


def _typed(kind: str, precision: int | None, scale: int | None) -> str:
    return f"decimal({precision},{scale})" if kind == "numeric" else kind
