"""When each dataset was last written: is the data of now arriving?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crypto_assets.config import Exchange, Settings
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import Dataset

FLUSHED_EVERY = timedelta(minutes=5)
"""Of the exchange's time: how often what the streams brought is taken to bronze."""
BRONZE_WITHIN = timedelta(minutes=10)


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


def flushed_every(settings: Settings) -> timedelta:
    """How often bronze gets what is new, by the machine's clock: a simulated market may run slower or faster."""
    slow_down = 1 / settings.simulator_speed if settings.exchange is not Exchange.BINANCE else 1.0
    return FLUSHED_EVERY * max(1.0, slow_down)


def bronze_limit(flushed_every: timedelta) -> timedelta:
    """How long bronze of a symbol may get no file: ten minutes, or two flushes where those are rarer."""
    return max(BRONZE_WITHIN, 2 * flushed_every)


def late_writes(
    writes: Iterable[LastWrite], *, limit: timedelta, collecting_since: datetime | None, now: datetime
) -> list[LastWrite]:
    """Those that neither were written, nor began to be collected, within the limit.

    What was never written is not late where nothing is collected.
    """
    found: list[LastWrite] = []
    for write in writes:
        newest = max((at for at in (write.written_at, collecting_since) if at is not None), default=None)
        if newest is not None and now - newest > limit:
            found.append(write)
    return found


def rows_of(lake: Lake, dataset: Dataset, symbol: str, day: date) -> int | None:
    """Rows of a day without reading them; None where it was never published."""
    held = lake.outline(dataset, symbol, day) if dataset.file else lake.manifest(dataset, symbol, day)
    return None if held is None else held.rows
