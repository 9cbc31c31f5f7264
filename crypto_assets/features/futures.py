"""The perpetual minute by minute: funding, open interest, prices and liquidations by the time they were known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.features.inputs import Source
from crypto_assets.features.minutes import Coverage, MinuteGrid, ago, count_known, is_present
from crypto_assets.features.rolling import BoolArray, FloatArray
from crypto_assets.schemas import SILVER_PERPETUAL
from crypto_assets.spans import MICROSECOND, MINUTE_US, times_us

OPEN_INTEREST_MINUTES = (5, 60)
"""Minutes over which the change of open interest is taken."""
OPEN_INTEREST_AGE_US = timedelta(hours=1) // MICROSECOND
"""Open interest that was known longer ago is not known any more: it is published every five minutes."""
FUNDING_AGE_US = timedelta(hours=24) // MICROSECOND
"""The same for a settled rate: the longest interval of the exchange is eight hours."""
LIQUIDATION_MINUTES = 60


@dataclass(frozen=True, slots=True)
class PerpetualMinutes:
    """One entry a minute of the grid; NaN where it was not known by the end of the minute."""

    grid: MinuteGrid
    funding_rate: FloatArray
    previous_funding_rate: FloatArray
    minutes_to_funding: FloatArray
    open_interest: FloatArray
    mark_price: FloatArray
    index_price: FloatArray
    liquidation_count: FloatArray
    liquidation_volume: FloatArray

    @property
    def coverage(self) -> dict[Source, Coverage]:
        """Coverage of the four sources, which are recorded apart."""
        funding, open_interest = _known(self.funding_rate), _known(self.open_interest)
        mark_price, liquidations = _known(self.mark_price), _known(self.liquidation_count)
        compared = [ago(open_interest, minutes) for minutes in OPEN_INTEREST_MINUTES]
        return {
            Source.FUNDING: Coverage(
                present=is_present(funding),
                ready=funding & _known(self.previous_funding_rate) & _known(self.minutes_to_funding),
            ),
            Source.OPEN_INTEREST: Coverage(
                present=is_present(open_interest), ready=np.logical_and.reduce([open_interest, *compared])
            ),
            Source.MARK_PRICE: Coverage(present=is_present(mark_price), ready=mark_price & _known(self.index_price)),
            Source.LIQUIDATIONS: Coverage(
                present=is_present(liquidations),
                ready=count_known(liquidations, LIQUIDATION_MINUTES) == LIQUIDATION_MINUTES,
            ),
        }


def read_perpetual(table: pa.Table | None, *, grid: MinuteGrid) -> PerpetualMinutes:
    """The minutes of a silver perpetual table, sorted by time; None gives a grid on which nothing is known."""
    known: pa.Table = SILVER_PERPETUAL.payload.empty_table() if table is None else table
    open_us = times_us(known["open_time"])
    start, end = np.searchsorted(open_us, [grid.start_us, grid.end_us])
    known, open_us = known.slice(int(start), int(end - start)), open_us[start:end]
    as_of_us = open_us + MINUTE_US

    def laid(values: FloatArray) -> FloatArray:
        return grid.scatter(open_us, values)

    since_funding = as_of_us - _numbers(known["funding_time"])
    to_funding = (_numbers(known["next_funding_time"]) - as_of_us) / MINUTE_US
    since_open_interest = as_of_us - _numbers(known["open_interest_time"])
    mark, index = _numbers(known["mark_price"]), _numbers(known["index_price"])
    return PerpetualMinutes(
        grid=grid,
        funding_rate=laid(_while(since_funding <= FUNDING_AGE_US, _numbers(known["funding_rate"]))),
        previous_funding_rate=laid(_numbers(known["previous_funding_rate"])),
        minutes_to_funding=laid(np.maximum(to_funding, 0.0)),
        open_interest=laid(_while(since_open_interest <= OPEN_INTEREST_AGE_US, _numbers(known["open_interest"]))),
        mark_price=laid(_while(mark > 0, mark)),
        index_price=laid(_while(index > 0, index)),
        liquidation_count=laid(_both(known, "count")),
        liquidation_volume=laid(_both(known, "volume")),
    )


def _both(table: pa.Table, what: str) -> FloatArray:
    return _numbers(table[f"liquidated_long_{what}"]) + _numbers(table[f"liquidated_short_{what}"])


def _while(condition: BoolArray, values: FloatArray) -> FloatArray:
    return np.where(condition, values, np.nan)


def _known(values: FloatArray) -> BoolArray:
    return ~np.isnan(values)


def _numbers(column: pa.ChunkedArray) -> FloatArray:
    """The column as floats, times as microseconds, null as NaN."""
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    return column.to_numpy().astype(np.float64, copy=False)
