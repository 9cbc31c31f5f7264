"""Recognises rows that a partition holds already, copy for copy."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.convergence.work import PartitionWork
from crypto_assets.lake.manifest import Part
from crypto_assets.spans import from_us, times_us


class Seen:
    """Payloads of the rows of one source that a partition holds, and of those that were added since.

    Two rows are copies where the whole payload is equal: whoever sent it, and over whichever connection. Payloads are
    kept as 64-bit hashes of this process. Files of the partition are read only where their span of time meets that of
    new rows.
    """

    def __init__(self, work: PartitionWork, *, source: str) -> None:
        self._work = work
        self._unread = [part for part in work.parts if part.source == source]
        self._hashes = pl.Series("hash", [], dtype=pl.UInt64)

    def fresh(self, table: pa.Table) -> pa.Table:
        """Rows (stored schema) that were not seen before, the first copy of each."""
        if not table.num_rows:
            return table
        times = times_us(table[self._work.dataset.time_column])
        self._read(from_us(int(times.min())), from_us(int(times.max())))
        hashes = self._hashed(table)
        is_new = hashes.is_first_distinct() & ~hashes.is_in(self._hashes.implode())
        self._hashes = pl.concat([self._hashes, hashes.filter(is_new)])
        return table if is_new.all() else table.filter(pa.array(np.asarray(is_new)))

    def _read(self, start: datetime, last: datetime) -> None:
        """Take in the files with rows of this span."""
        meeting = [part for part in self._unread if _meets(part, start, last)]
        for part in meeting:
            columns = self._work.dataset.payload.names
            table = self._work.lake.read_parts(
                self._work.dataset, self._work.symbol, self._work.day, [part], columns=columns
            )
            self._hashes = pl.concat([self._hashes, self._hashed(table)])
        self._unread = [part for part in self._unread if part not in meeting]

    def _hashed(self, table: pa.Table) -> pl.Series:
        payload = self._work.dataset.payload
        frame = pl.from_arrow(table.select(payload.names).cast(payload).replace_schema_metadata(None))
        assert isinstance(frame, pl.DataFrame)
        return frame.hash_rows(seed=0).alias("hash")


def _meets(part: Part, start: datetime, last: datetime) -> bool:
    return part.start is None or part.last is None or (part.start <= last and start <= part.last)
