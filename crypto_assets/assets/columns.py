"""Columns of a dataset as the UI shows them: from the schema that writers and readers use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from crypto_assets.schemas import Dataset

Sources = Mapping[str, Sequence[tuple[str, str]]]
"""For each column the (dataset, column) pairs that it is made from."""


def table_metadata(dataset: Dataset, *, sources: Sources | None = None) -> dict[str, Any]:
    """Schema, lineage and place of a dataset, as metadata of its asset."""
    metadata: dict[str, Any] = {
        "dagster/column_schema": column_schema(dataset),
        "dagster/table_name": dataset.name,
        "path": dg.MetadataValue.path(f"{dataset.folder}/{dataset.file or '*.parquet'}"),
        "key": ", ".join(dataset.key),
    }
    if sources:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(
            {
                column: [dg.TableColumnDep(asset_key=dg.AssetKey(name), column_name=read) for name, read in pairs]
                for column, pairs in sources.items()
            }
        )
    return metadata


def column_schema(dataset: Dataset) -> dg.TableSchema:
    """Name, type, description and constraints of every stored column."""
    return dg.TableSchema(columns=[_column(field, dataset) for field in dataset.schema])


def same_columns(dataset: Dataset, *origins: Dataset) -> dict[str, list[tuple[str, str]]]:
    """For each column of a dataset the columns of the same name in its origins."""
    return {
        column: [(origin.name, column) for origin in origins if column in origin.schema.names]
        for column in dataset.schema.names
    }


def _column(field: pa.Field, dataset: Dataset) -> dg.TableColumn:
    notes = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    return dg.TableColumn(
        name=field.name,
        type=str(field.type),
        description=notes.pop("description", None),
        constraints=dg.TableColumnConstraints(nullable=field.nullable, unique=dataset.key == (field.name,)),
        tags={name: value.replace(" ", "_") for name, value in notes.items()},
    )
