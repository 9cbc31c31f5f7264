"""Columns of a dataset as the UI shows them: from the schema that writers and readers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from crypto_assets.schemas import Dataset
from crypto_assets.warehouse.tables import DayTable

Sources = Mapping[str, Sequence[tuple[str, str]]]
"""For each column the (dataset, column) pairs that it is made from."""


def table_metadata(table: Dataset | DayTable, *, sources: Sources | None = None) -> dict[str, Any]:
    """Schema, lineage and, of a dataset of the lake, place, as metadata of its asset."""
    metadata: dict[str, Any] = {
        "dagster/column_schema": dg.TableSchema([_column(field, key=table.key) for field in table.schema]),
        "dagster/table_name": table.name,
        "key": ", ".join(table.key),
    }
    if isinstance(table, Dataset):
        metadata["path"] = dg.MetadataValue.path(f"{table.folder}/{table.file or '*.parquet'}")
    if sources:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=dg.AssetKey(name), column_name=read) for name, read in pairs]
                for column, pairs in sources.items()
            }
        )
    return metadata


def same_columns(dataset: Dataset, *origins: Dataset) -> dict[str, list[tuple[str, str]]]:
    """For each column of a dataset the columns of the same name in its origins."""
    return {
        column: [(origin.name, column) for origin in origins if column in origin.schema.names]
        for column in dataset.schema.names
    }


def _column(field: pa.Field, *, key: tuple[str, ...]) -> dg.TableColumn:
    notes = {name.decode(): value.decode() for name, value in (field.metadata or {}).items()}
    return dg.TableColumn(
        name=field.name,
        type=str(field.type),
        description=notes.pop("description", None),
        constraints=dg.TableColumnConstraints(nullable=field.nullable, unique=key == (field.name,)),
        tags={name: value.replace(" ", "_") for name, value in notes.items()},
    )
