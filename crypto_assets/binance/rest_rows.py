"""REST answers that are a list of rows, to exact typed columns; a row that cannot be read costs one row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import polars as pl
import pyarrow as pa

from crypto_assets.binance.typed_rows import Column, TypedRows, read_rows, rejected_rows
from crypto_assets.errors import BadPayload

_ROW = msgspec.json.Decoder(float_hook=str)  # a number that is not quoted keeps its digits


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: its rows, in the order received, and the raw bytes of each."""

    rows: TypedRows
    raws: Sequence[bytes]
    origin: str

    @property
    def received(self) -> int:
        """Rows in the answer, readable or not."""
        return len(self.raws)

    def with_rows(self, rows: TypedRows) -> Page:
        """The same answer with other values or reasons."""
        return Page(rows, self.raws, self.origin)

    def rejected(self) -> pa.Table:
        """Rows with a fault, as a table of `schemas.REJECTED`."""
        bad = [(self.raws[i], reason, i + 1) for i, reason in self.rows.rejected()]
        return rejected_rows(bad, origin=self.origin)


def read_page(body: bytes, columns: Sequence[Column], *, origin: str) -> Page:
    """Rows of a JSON list of arrays, fields by place, or of objects, fields by `Column.spellings`.

    Arrays may be longer than `columns`, objects may have more fields. Raises BadPayload where the body is no JSON list.
    """
    try:
        raws = [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except msgspec.DecodeError as error:
        raise BadPayload(f"{origin}: no JSON list of rows: {error}; it begins {body[:80]!r}") from error
    fields: list[list[str | None]] = []
    faults: list[str | None] = []
    for raw in raws:
        values, fault = _fields(raw, columns)
        fields.append(values)
        faults.append(fault)
    texts = pl.DataFrame(fields, schema={column.name: pl.String for column in columns}, orient="row")
    typed = read_rows(texts, columns=columns)
    shape = pl.Series("fault", faults, dtype=pl.String)
    return Page(TypedRows(typed.values, pl.select(pl.coalesce(shape, typed.faults)).to_series()), raws, origin)


def _fields(raw: bytes, columns: Sequence[Column]) -> tuple[list[str | None], str | None]:
    """The texts of one row, and what is wrong with its shape."""
    nothing: list[str | None] = [None] * len(columns)
    try:
        row = _ROW.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return nothing, f"is not JSON: {error}"
    if isinstance(row, list):
        if len(row) < len(columns):
            return nothing, f"has {len(row)} fields, not {len(columns)}"
        return [_text(value) for value in row[: len(columns)]], None
    if isinstance(row, dict):
        return [_text(_first(row, column.spellings)) for column in columns], None
    return nothing, "is neither a list nor an object"


def _first(row: dict[str, object], names: Sequence[str]) -> object:
    return next((row[name] for name in names if name in row), None)


def _text(value: object) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return None
