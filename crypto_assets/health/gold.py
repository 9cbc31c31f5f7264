"""What a day of features is worth: how many there are, and which of their values are none or out of range."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import LakeError
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES, PRESENCE
from crypto_assets.features.ranges import out_of_range, undefined_in_warm_rows
from crypto_assets.lake.lake import Lake


@dataclass(frozen=True, slots=True)
class GoldQuality:
    """A day of features of a symbol, counted."""

    symbol: str
    day: date
    rows: int
    features: int
    """Declared features that the file holds."""
    warm_rows: int
    """Rows in which every window had the candles that it needs."""
    null_columns: tuple[str, ...]
    """Features with a null in a warm row whose source was there; one that the file lacks as a whole is among them."""
    bad_cells: int
    """Null, NaN and infinite values in warm rows whose source was there."""
    out_of_range: tuple[str, ...]
    """What leaves the range that its feature declares, a sentence for each."""
    absent_sources: tuple[str, ...] = ()
    """Sources that were in no row of the day: their features are null as a whole, and that is right."""

    @property
    def is_good(self) -> bool:
        """Whether every value that was promised is a number in its range."""
        return not (self.bad_cells or self.out_of_range) and self.features == len(FEATURES)

    @property
    def sentence(self) -> str:
        """The counts in words."""
        where = f"{GOLD_FEATURES.name} {self.day} {self.symbol}"
        text = f"{where}: {self.features} of {len(FEATURES)} features, {self.rows:,} rows, {self.warm_rows:,} warm"
        text += f", without {', '.join(self.absent_sources)}" if self.absent_sources else ""
        absent = len(FEATURES) - self.features
        problems = [f"the file lacks {absent} declared features"] if absent else []
        problems += (
            [f"{self.bad_cells:,} values that were promised are null, NaN or infinite"] if self.bad_cells else []
        )
        problems += (
            [f"{len(self.out_of_range)} features leave their range ({self.out_of_range[0]})"]
            if self.out_of_range
            else []
        )
        return (
            f"{text}. {'; '.join(problems)}." if problems else f"{text}; each promised value is a number in its range."
        )


def gold_quality(lake: Lake, symbol: str, day: date) -> GoldQuality | None:
    """The counts of a symbol's day; None where it was never made.

    They are of the file as it lies there, whatever its columns. Raises LakeError where it cannot be read.
    """
    path = GOLD_FEATURES.partition_path(symbol, day)
    raw = lake.files.read(path)
    if raw is None:
        return None
    try:
        stored = pq.read_table(io.BytesIO(raw))
    except pa.ArrowInvalid as error:
        raise LakeError(
            f"{lake.files.uri_of(path)} is no Parquet file: {error}. Materialise {GOLD_FEATURES.name} of {day} again."
        ) from error
    table = _as_declared(stored)
    undefined = undefined_in_warm_rows(table)
    return GoldQuality(
        symbol=symbol,
        day=day,
        rows=table.num_rows,
        features=sum(feature.name in stored.schema.names for feature in FEATURES),
        warm_rows=int(np.count_nonzero(table["warm"].to_numpy())),
        null_columns=tuple(found.column for found in undefined if found.nulls),
        bad_cells=sum(found.nulls + found.nans + found.infinities for found in undefined),
        out_of_range=tuple(str(found) for found in out_of_range(table)),
        absent_sources=tuple(str(s) for s, column in PRESENCE.items() if not np.any(table[column].to_numpy())),
    )


def _as_declared(stored: pa.Table) -> pa.Table:
    """The table with every declared column; one that it lacks is null, of yes and no false."""
    columns = [
        stored[field.name]
        if field.name in stored.schema.names
        else pa.array([False] * stored.num_rows)
        if pa.types.is_boolean(field.type)
        else pa.nulls(stored.num_rows, field.type)
        for field in GOLD_FEATURES.schema
    ]
    return pa.table(columns, names=GOLD_FEATURES.schema.names)
