"""Recognises rows that a partition holds already, copy for copy."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from crypto_assets.convergence.delivery import row_hashes
from crypto_assets.convergence.work import PartitionWork
from crypto_assets.lake.manifest import Part
from crypto_assets.spans import times_us, to_us


@dataclass(frozen=True, slots=True)
class _Span:
    """Payload hashes of rows between two moments, both included, in microseconds."""

    start_us: int
    last_us: int
    hashes: pl.Series

    def meets(self, start_us: int, last_us: int) -> bool:
        return self.start_us <= last_us and start_us <= self.last_us


class Seen:
    """Payloads of the rows of one source that a partition holds, and of those that were added since.

    Two rows are copies where the whole payload is equal: whoever sent it, and over whichever connection. Payloads are
    kept as 64-bit hashes of this process. Only what meets the new rows in time is looked at, be it in memory or in
    files of the partition: streams are all but in order.
    """

    def __init__(self, work: PartitionWork, *, source: str) -> None:
        self._work = work
        self._unread = [part for part in work.parts if part.source == source]
        self._spans: list[_Span] = []

    def fresh(self, table: pa.Table) -> pa.Table:
        """Rows (stored schema) that were not seen before, the first copy of each."""
        if not table.num_rows:
            return table
        new = self._span(table)
        self._read(new)
        hashes = new.hashes
        is_new = hashes.is_first_distinct()
        for span in self._spans:
            if span.meets(new.start_us, new.last_us):
                is_new &= ~hashes.is_in(span.hashes.implode())
        self._spans.append(new)
        return table if is_new.all() else table.filter(is_new.to_arrow())

    def _read(self, new: _Span) -> None:
        """Take in the files with rows of the span of the new ones."""
        meeting = [part for part in self._unread if _meets(part, new)]
        for part in meeting:
            self._spans.append(self._span(self._work.read([part], self._work.dataset.payload.names)))
        self._unread = [part for part in self._unread if part not in meeting]

    def _span(self, table: pa.Table) -> _Span:
        payload = self._work.dataset.payload
        times = times_us(table[self._work.dataset.time_column])
        return _Span(int(times.min()), int(times.max()), row_hashes(table.select(payload.names).cast(payload)))


def _meets(part: Part, new: _Span) -> bool:
    if part.start is None or part.last is None:
        return True
    return to_us(part.start) <= new.last_us and new.start_us <= to_us(part.last)
