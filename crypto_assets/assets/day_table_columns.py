"""Columns of a warehouse table as the UI shows them: from the schema that its writers and Redshift's DDL use."""

from __future__ import annotations

from typing import Any

import dagster as dg

from crypto_assets.warehouse.tables import DayTable


def day_table_metadata(table: DayTable) -> dict[str, Any]:
    """Schema, name and key of a table, as metadata of its assets."""
    return {
        "dagster/column_schema": dg.TableSchema(
            [
                dg.TableColumn(
                    field.name,
                    str(field.type),
                    (field.metadata or {}).get(b"description", b"").decode() or None,
                    dg.TableColumnConstraints(nullable=field.nullable, unique=table.key == (field.name,)),
                )
                for field in table.schema
            ]
        ),
        "dagster/table_name": table.name,
        "key": ", ".join(table.key),
    }
