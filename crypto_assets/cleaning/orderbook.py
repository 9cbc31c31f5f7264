"""Bronze order-book snapshots into silver: eight steps, each counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from itertools import pairwise
from operator import and_, or_

import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.deduplicate import source_rank
from crypto_assets.cleaning.steps import CleaningSteps, Step
from crypto_assets.cleaning.tables import frame_of, table_of
from crypto_assets.flags import raised
from crypto_assets.schemas import BOOK_LEVELS, BRONZE_ORDERBOOK, SILVER_ORDERBOOK
from crypto_assets.spans import MICROSECOND

PACE = timedelta(milliseconds=100)
"""Resolution of silver: the last state known in each slot of this length stays."""
LATE_WINDOW = timedelta(seconds=10)
"""A state is late beside newer ones of this long before it; smaller ids after that are a new numbering."""

_KEY = ("time", "last_update_id")
_SIDES = {
    side: tuple((f"{side}_price_{level}", f"{side}_quantity_{level}") for level in range(1, BOOK_LEVELS + 1))
    for side in ("bid", "ask")
}
_VALUES = tuple(column for levels in _SIDES.values() for level in levels for column in level)


@dataclass(frozen=True, slots=True)
class CleanedOrderbook:
    """Silver snapshots, and what was done to get them."""

    table: pa.Table
    """SILVER_ORDERBOOK payload: ascending in time, each snapshot valid, sorted from the best level and uncrossed."""
    steps: CleaningSteps


def clean_orderbook(bronze: pa.Table) -> CleanedOrderbook:
    """Silver snapshots from stored ones in any order and from any sources.

    A snapshot is worth what all of its levels together are, so unlike a candle a wrong one does not stay: each step
    counts what it left out, and bronze still has it.

    1. load.
    2. deduplicate: of the copies of a time and update id that of the better source stays, then the first received.
    3. schema: without time or id, without a best level on both sides, or with a hole between levels.
    4. range: a price or quantity that is not a positive number.
    5. levels: sorted from the best where they are not; left out where two levels of a side have one price.
    6. crossed: the best bid is not below the best ask.
    7. late: an update id below one of the 10 s before.
    8. pace: of the states in a 100 ms slot the last stays.

    Raises BadPayload when a column is absent or of another type.
    """
    received = frame_of(bronze, BRONZE_ORDERBOOK.schema, name=BRONZE_ORDERBOOK.name)
    steps = [Step("load", received.height, 0, received.height)]

    def keep(name: str, rows: pl.DataFrame, condition: pl.Expr) -> pl.DataFrame:
        kept = _filter(rows, condition)
        steps.append(Step(name, rows.height, rows.height - kept.height, kept.height))
        return kept

    unique = _deduplicate(received)
    steps.append(Step("deduplicate", received.height, received.height - unique.height, unique.height))
    rows = keep("range", keep("schema", unique, _is_whole()), _is_in_range())
    ordered, resorted = _sort_levels(rows)
    steps.append(Step("levels", rows.height, resorted, ordered.height))
    rows = keep("crossed", ordered, pl.col("bid_price_1") < pl.col("ask_price_1"))
    rows = keep("late", rows, ~_is_late())
    slot = pl.col("time").to_physical() // (PACE // MICROSECOND)
    rows = keep("pace", rows, (slot != slot.shift(-1)).fill_null(True))
    return CleanedOrderbook(table_of(rows, SILVER_ORDERBOOK.payload), CleaningSteps(tuple(steps)))


def _filter(rows: pl.DataFrame, condition: pl.Expr) -> pl.DataFrame:
    """The rows for which it holds; the same frame, uncopied, where that is all of them."""
    mask = rows.select(condition.fill_null(False)).to_series()
    return rows if mask.all() else rows.filter(mask)


def _deduplicate(rows: pl.DataFrame) -> pl.DataFrame:
    """One copy of each key in the order of keys, with `flags`."""
    if not _is_ascending(rows):
        rows = rows.sort(_KEY, nulls_last=True)
    is_repeated = _equals_neighbour(1) | _equals_neighbour(-1)
    flagged = rows.with_columns(flags=pl.lit(0, pl.Int32))
    mask = rows.select(is_repeated).to_series()
    if not mask.any():
        return flagged
    columns = [*_KEY, *_VALUES]
    preferred = ("received_at", "partition", "offset", "topic", "source", "exchange", *_VALUES)
    copies = flagged.filter(mask).sort(*_KEY, source_rank(), *preferred, nulls_last=True)
    disagreeing = copies.select(columns).unique().filter(pl.struct(_KEY).is_duplicated())
    kept = copies.unique(_KEY, keep="first", maintain_order=True).with_columns(
        raised(
            {
                "duplicate_dropped": pl.lit(True),
                "sources_disagree": pl.struct(_KEY).is_in(disagreeing.select(pl.struct(_KEY)).to_series().implode()),
            }
        )
    )
    return pl.concat([flagged.filter(~mask), kept]).sort(_KEY, nulls_last=True)


def _is_ascending(rows: pl.DataFrame) -> bool:
    time, update_id = (pl.col(column).to_physical() for column in _KEY)
    later = (time > time.shift(1)) | ((time == time.shift(1)) & (update_id >= update_id.shift(1)))
    return bool(rows.select(later.slice(1).fill_null(False).all()).item())


def _equals_neighbour(offset: int) -> pl.Expr:
    return reduce(and_, (pl.col(column) == pl.col(column).shift(offset) for column in _KEY)).fill_null(False)


def _is_whole() -> pl.Expr:
    """Time, id and both best levels are there, and levels are absent only after the last one, as wholes."""
    conditions = [pl.col(_KEY[0]).is_not_null(), pl.col(_KEY[1]).is_not_null()]
    for levels in _SIDES.values():
        conditions.append(pl.col(levels[0][0]).is_not_null())
        conditions += [pl.col(price).is_null() == pl.col(quantity).is_null() for price, quantity in levels]
        conditions += [
            pl.col(worse).is_null() | pl.col(better).is_not_null() for (better, _), (worse, _) in pairwise(levels)
        ]
    return reduce(and_, conditions)


def _is_in_range() -> pl.Expr:
    # NaN counts as greater than every number here, so that the upper bound refuses it too.
    wrong = ((pl.col(column) <= 0) | (pl.col(column) >= float("inf")) for column in _VALUES)
    return ~reduce(or_, wrong).fill_null(False)


def _is_sorted() -> pl.Expr:
    wrong = [
        pl.col(better) <= pl.col(worse) if side == "bid" else pl.col(better) >= pl.col(worse)
        for side, levels in _SIDES.items()
        for (better, _), (worse, _) in pairwise(levels)
    ]
    return ~reduce(or_, wrong).fill_null(False)


def _sort_levels(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The rows with their levels from the best on, and how many had them otherwise."""
    mask = rows.select(_is_sorted()).to_series()
    if mask.all():
        return rows, 0
    wrong = rows.filter(~mask)
    columns = [column for side in _SIDES for column in _sorted_side(wrong, side)]
    repaired = _filter(wrong.with_columns(columns), _is_sorted())
    return pl.concat([rows.filter(mask), repaired]).sort(_KEY), wrong.height


def _sorted_side(rows: pl.DataFrame, side: str) -> list[pl.Series]:
    """Columns of a side, its levels from the best to the worst; absent ones last."""
    prices, quantities = (
        np.column_stack([rows[level[what]].to_numpy() for level in _SIDES[side]]).astype(np.float64) for what in (0, 1)
    )
    order = np.argsort(-prices if side == "bid" else prices, axis=1, kind="stable")
    return [
        pl.Series(level[what], np.take_along_axis(values, order, axis=1)[:, place], nan_to_null=True)
        for place, level in enumerate(_SIDES[side])
        for what, values in ((0, prices), (1, quantities))
    ]


def _is_late() -> pl.Expr:
    update_id = pl.col("last_update_id")
    return (update_id < update_id.rolling_max_by("time", LATE_WINDOW, closed="left")).fill_null(False)
