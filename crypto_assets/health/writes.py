"""When each dataset was last written: is the data of now arriving?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import Dataset


@dataclass(frozen=True, slots=True)
class LastWrite:
    """The newest published day of a dataset of a symbol."""

    dataset: str
    symbol: str
    day: date | None
    """None where no day was ever published; then the rest is None too."""
    written_at: datetime | None
    """By the clock of the store."""
    rows: int | None
    """Rows of that day, copies of a row from two sources counted twice."""

    def age(self, *, now: datetime) -> timedelta | None:
        """How long ago that was, never below zero; None where nothing was ever written."""
        return None if self.written_at is None else max(timedelta(0), now - self.written_at)


def last_writes(lake: Lake, symbols: Sequence[str], *, datasets: Sequence[Dataset]) -> list[LastWrite]:
    """The newest published day of each dataset of each symbol, in the order given.

    It costs a listing and a look at one file each; no row is read. Raises LakeError.
    """
    return [_last_write(lake, dataset, symbol) for dataset in datasets for symbol in symbols]


def _last_write(lake: Lake, dataset: Dataset, symbol: str) -> LastWrite:
    day = lake.newest_day(dataset, symbol)
    if day is None:
        return LastWrite(dataset.name, symbol, None, None, None)
    return LastWrite(
        dataset.name, symbol, day, lake.written_at(dataset, symbol, day), rows_of(lake, dataset, symbol, day)
    )


def rows_of(lake: Lake, dataset: Dataset, symbol: str, day: date) -> int | None:
    """Rows of a day without reading them; None where it was never published."""
    held = lake.outline(dataset, symbol, day) if dataset.file else lake.manifest(dataset, symbol, day)
    return None if held is None else held.rows
