"""Which Parquet column fits which table column: exactly, as Redshift wants it."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

NANOSECONDS = "Redshift reads timestamps in nanoseconds as garbage; write microseconds"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table that is loaded."""

    name: str
    type: str
    """As PostgreSQL prints it: numeric(28,8), character varying(16)."""
    is_required: bool

    @property
    def longest_bytes(self) -> int | None:
        """How many bytes a text may have; None for other types."""
        kind, _, rest = self.type.partition("(")
        return int(rest.rstrip(")")) if kind in ("character varying", "character") and rest else None


def expected_type(type_: pa.DataType) -> tuple[str, ...] | None:
    """Types of table columns that a Parquet column loads into; None for a type that Redshift does not load."""
    if pa.types.is_dictionary(type_):
        return expected_type(type_.value_type)
    if pa.types.is_decimal(type_):
        return (f"numeric({type_.precision},{type_.scale})",)
    if pa.types.is_timestamp(type_):
        if type_.unit not in ("us", "ms"):
            return None
        return ("timestamp without time zone", "timestamp with time zone")[: 2 if type_.tz else 1]
    if pa.types.is_string(type_) or pa.types.is_large_string(type_):
        return ("character varying", "character")
    return next((names for known, names in _PLAIN if type_ == known), None)


_PLAIN: tuple[tuple[pa.DataType, tuple[str, ...]], ...] = (
    (pa.bool_(), ("boolean",)),
    (pa.int16(), ("smallint",)),
    (pa.int32(), ("integer",)),
    (pa.int64(), ("bigint",)),
    (pa.float32(), ("real",)),
    (pa.float64(), ("double precision",)),
    (pa.date32(), ("date",)),
)


def mismatch(field: pa.Field, column: Column) -> str | None:
    """Why the file's column cannot be loaded into the table's; None where it can."""
    expected = expected_type(field.type)
    if expected is None:
        reason = f"type {field.type} is not supported"
        return (
            f"{reason}: {NANOSECONDS}" if field.type == pa.timestamp("ns", getattr(field.type, "tz", None)) else reason
        )
    kind = column.type.partition("(")[0] if column.longest_bytes is not None else column.type
    return None if kind in expected else f"Column type: {column.type.upper()}, Parquet schema: {field.type}"


def loaded_type(field: pa.Field, column: Column) -> pa.DataType:
    """What the values are turned into before they are written as text."""
    type_ = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_timestamp(type_) and column.type == "timestamp without time zone":
        return pa.timestamp(type_.unit)  # of one with a zone this is its time in UTC
    return type_
