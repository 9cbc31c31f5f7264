"""The gap ledger as a table of the lake: one row for each gap, in its newest state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import msgspec
import pyarrow as pa

from crypto_assets.schemas import TIMESTAMP, Dataset
from crypto_assets.stream.avro import schema_of
from crypto_assets.stream.gaps import Gap, State
from crypto_assets.stream.topics import GAPS

STATES: tuple[State, ...] = get_args(State.__value__)

_KINDS = {
    **dict.fromkeys(("start", "end", "noticed_at", "changed_at"), TIMESTAMP),
    **dict.fromkeys(("first_id", "last_id", "recovered"), pa.int64()),
}
_NULLABLE = ("timeframe", "first_id", "last_id")
_COLUMNS = ("start", *(name for name in Gap.__struct_fields__ if name != "start"))
_DESCRIPTIONS: dict[str, str] = {field["name"]: field["doc"] for field in schema_of(GAPS.name)["fields"]}

GAP_LEDGER = Dataset(
    name="gap_ledger",
    payload=pa.schema(
        [
            pa.field(
                name,
                _KINDS.get(name, pa.string()),
                nullable=name in _NULLABLE,
                metadata={"description": _DESCRIPTIONS[name]},
            )
            for name in _COLUMNS
        ]
    ),
    key=("gap_id",),
    folder="stream/exchange={symbol}",  # a table of each exchange: its gaps are of all symbols, and of any day
    file="gap_ledger.parquet",
)
"""Columns are those of `gaps.avsc`. Where other datasets have a symbol, this one has the exchange."""


def gap_table(gaps: Sequence[Gap]) -> pa.Table:
    """The gaps with the schema of GAP_LEDGER, in the order given."""
    return pa.Table.from_pylist([msgspec.structs.asdict(gap) for gap in gaps], schema=GAP_LEDGER.schema)


def gaps_of(table: pa.Table) -> list[Gap]:
    """The gaps of a table of that schema."""
    return [Gap(**row) for row in table.to_pylist()]
