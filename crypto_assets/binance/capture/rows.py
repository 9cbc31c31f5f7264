"""Recorded messages on their way into Arrow tables: buffered in Python, converted some ten thousand at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.binance.capture.messages import Level
from crypto_assets.binance.parsed import Parsed
from crypto_assets.binance.typed_rows import UTC_TIME, TypedRows, as_table, read_amounts
from crypto_assets.schemas import (
    AMOUNT,
    BOOK_FIELDS,
    BOOK_LEVELS,
    BRONZE_ORDERBOOK,
    REJECTED,
    TIMESTAMP,
    Dataset,
)

CHUNK_ROWS = 16_384
BOOK_CHUNK_ROWS = 8_192
REJECTED_CHUNK_ROWS = 4_096

RECEIVED_AT = pa.field(
    "received_at",
    TIMESTAMP,
    nullable=False,
    metadata={"description": "when the recorder received the row, by the recorder's clock"},
)

_NO_LEVELS = (float("nan"),) * 2 * BOOK_LEVELS


def captured_schema(dataset: Dataset) -> pa.Schema:
    """The payload of a dataset and, after it, when the recorder received the row."""
    return dataset.payload.append(RECEIVED_AT)


class Line(NamedTuple):
    """A line of a capture file, and where it came from."""

    raw: bytes
    received_us: int
    number: int
    origin: str


class RejectedLines:
    """Lines that could not be used, with the reason."""

    def __init__(self) -> None:
        self._rows: list[tuple[bytes, str, str, int]] = []
        self._tables = [REJECTED.empty_table()]

    def add(self, line: Line, reason: str) -> None:
        """Keep a line."""
        self._rows.append((line.raw, reason, line.origin, line.number))
        if len(self._rows) >= REJECTED_CHUNK_ROWS:
            self._convert()

    def table(self) -> pa.Table:
        """All lines so far, columns of `schemas.REJECTED`."""
        self._convert()
        return pa.concat_tables(self._tables)

    def _convert(self) -> None:
        columns = list(zip(*self._rows, strict=True)) or [()] * len(REJECTED)
        self._tables.append(
            pa.table(
                [pa.array(values, field.type) for values, field in zip(columns, REJECTED, strict=True)], schema=REJECTED
            )
        )
        self._rows = []


class EventRows:
    """Rows of a dataset that come one by one, amounts as text; a row with an unreadable amount is rejected."""

    def __init__(
        self,
        dataset: Dataset,
        names: Sequence[str],
        *,
        rejected: RejectedLines,
        derive: Callable[[TypedRows], TypedRows] = lambda rows: rows,
    ) -> None:
        """`names` are the columns that `add` takes, in its order; `derive` adds the others."""
        self._schema = captured_schema(dataset)
        self._names = names
        self._rejected = rejected
        self._derive = derive
        self._rows: list[tuple[object, ...]] = []
        self._lines: list[Line] = []
        self._tables = [self._schema.empty_table()]

    def add(self, line: Line, *values: object) -> None:
        """Take the row of a line: amounts as text, times in microseconds."""
        self._rows.append(values)
        self._lines.append(line)
        if len(self._rows) >= CHUNK_ROWS:
            self._convert()

    def parsed(self) -> Parsed:
        """All rows so far, columns of `captured_schema`, and the rejected lines."""
        self._convert()
        return Parsed(rows=pa.concat_tables(self._tables), rejected=self._rejected.table())

    def _convert(self) -> None:
        if not self._rows:
            return
        values = dict(zip(self._names, zip(*self._rows, strict=True), strict=True))
        amounts = [name for name in self._names if self._schema.field(name).type == AMOUNT]
        texts = pl.DataFrame({name: values[name] for name in amounts}, schema=dict.fromkeys(amounts, pl.String))
        rows = read_amounts(texts, schema=self._schema)
        others = [self._series(name, values[name]) for name in self._names if name not in amounts]
        received = self._series(RECEIVED_AT.name, [line.received_us for line in self._lines])
        rows = self._derive(TypedRows(rows.values.with_columns(*others, received), rows.faults))
        self._tables.append(as_table(rows.accepted(), schema=self._schema))
        for index, reason in rows.rejected():
            self._rejected.add(self._lines[index], reason)
        self._rows, self._lines = [], []

    def _series(self, name: str, values: Sequence[object]) -> pl.Series:
        kind = self._schema.field(name).type
        if kind == TIMESTAMP:
            return pl.Series(name, values, dtype=pl.Int64).cast(UTC_TIME)
        return pl.Series(name, values)


class BookRows:
    """Rows of BRONZE_ORDERBOOK."""

    def __init__(self) -> None:
        self._tables = [captured_schema(BRONZE_ORDERBOOK).empty_table()]
        self._clear()

    def add(
        self, time_us: int, last_update_id: int, bids: Sequence[Level], asks: Sequence[Level], *, received_us: int
    ) -> None:
        """Take a state: levels of price and quantity, best first; what exceeds BOOK_LEVELS is left out."""
        if len(self._times) >= BOOK_CHUNK_ROWS:
            self._convert()
        self._times.append(time_us)
        self._ids.append(last_update_id)
        self._received.append(received_us)
        for side in (bids, asks):
            self._levels.extend(chain.from_iterable(side if len(side) <= BOOK_LEVELS else side[:BOOK_LEVELS]))
            if len(side) < BOOK_LEVELS:
                self._levels.extend(_NO_LEVELS[2 * len(side) :])

    def table(self) -> pa.Table:
        """All rows so far, columns of `captured_schema`; levels that a book did not have are null."""
        self._convert()
        return pa.concat_tables(self._tables)

    def _convert(self) -> None:
        if not self._times:
            return
        levels = np.frombuffer(self._levels).reshape(-1, len(BOOK_FIELDS))
        columns = [
            pa.array(np.frombuffer(self._times, np.int64)).cast(TIMESTAMP),
            pa.array(np.frombuffer(self._ids, np.int64)),
            *(pa.array(np.ascontiguousarray(column), from_pandas=True) for column in levels.T),
            pa.array(np.frombuffer(self._received, np.int64)).cast(TIMESTAMP),
        ]
        self._tables.append(pa.table(columns, schema=captured_schema(BRONZE_ORDERBOOK)))
        self._clear()

    def _clear(self) -> None:
        self._times, self._ids, self._received, self._levels = array("q"), array("q"), array("q"), array("d")
