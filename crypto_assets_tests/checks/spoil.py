"""Ways to spoil a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pyarrow as pa

Change = Callable[[pa.Table], pa.Table]


def setting(values: Mapping[str, Any], *, row: int) -> Change:
    """Other values in one row."""

    def change(table: pa.Table) -> pa.Table:
        for name, value in values.items():
            column = table[name].to_pylist()
            column[row] = Decimal(value) if isinstance(value, str) else value
            table = table.set_column(
                table.column_names.index(name),
                table.schema.field(name),
                pa.array(column, table.schema.field(name).type),
            )
        return table

    return change


def without(*rows: int) -> Change:
    """Fewer rows."""
    return lambda table: table.take([n for n in range(table.num_rows) if n not in rows])
