"""Whether nothing was lost: the same trades in Kafka, PostgreSQL and bronze, and candles that count just these.

For a symbol and a span of whole minutes, with `ids` the trade ids that the exchange gave out in the span:

    ids = distinct ids in Kafka = rows in `trades` = rows in bronze = sum of `count` over the one-minute candles,

and every candle of bronze is the exchange's own, in every column; once a day is in the archive, its copies end at a
finer time. An id that the exchange streamed to nobody, because nobody was connected, is no exception: REST gives it
when it is asked. Such ids are counted as `repaired`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.disagreements import OTHER, differs
from crypto_assets.spans import Span

type Ids = npt.NDArray[np.int64]

SHOWN = 3
"""How many runs of ids, or candles, a sentence names."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one place says of a symbol's trades: every id it holds, copies included, in any order."""

    place: str
    ids: Ids
    may_repeat: bool
    """Whether a second copy of an id is fine: in Kafka, of which readers drop it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the equation is about, for one symbol and one span of whole minutes."""

    symbol: str
    span: Span
    first_id: int
    last_id: int
    """First and last id of the span, by the exchange; last < first where it has no trade."""
    never: tuple[tuple[int, int], ...]
    """Inclusive ranges of ids that the exchange says it streamed to nobody."""
    claims: tuple[Claim, ...]
    stored_klines: pa.Table
    """One-minute candles of bronze, payload of BRONZE_KLINES, every copy."""
    exchange_klines: pa.Table
    """The exchange's answer for the span, same columns."""


@dataclass(frozen=True, slots=True)
class Account:
    """The equation of one symbol, and a sentence for every term that is not as it should be."""

    symbol: str
    span: Span
    first_id: int
    last_id: int
    ids: int
    """Trades of the span, by the exchange."""
    repaired: int
    """Those among them that only REST can have given."""
    distinct: dict[str, int]
    """Ids of the span by place."""
    copies: dict[str, int]
    """Further copies of ids by place."""
    counted: int
    """Sum of `count` over the stored candles, each minute once."""
    candles: int
    """Minutes with a stored candle."""
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing differs, and there was something to compare."""
        return not self.differences


def settle(evidence: Evidence) -> Account:
    """The account of one symbol."""
    ids = np.arange(evidence.first_id, evidence.last_id + 1, dtype=np.int64)
    streamed = _without(ids, evidence.never)
    inside = {c.place: c.ids[(c.ids >= evidence.first_id) & (c.ids <= evidence.last_id)] for c in evidence.claims}
    distinct = {place: np.unique(held) for place, held in inside.items()}
    klines = evidence.stored_klines
    frame = pl.DataFrame(pl.from_arrow(klines)).unique("open_time")
    counted = int(frame["count"].sum())
    differences = [
        *(["no trade lies in the span: there is nothing to compare"] if ids.size == 0 else []),
        *_absent_ids(ids, distinct),
        *_repeated_ids(evidence.claims, inside),
        *_wrong_candles(klines, evidence.exchange_klines),
        *([] if counted == ids.size else [f"the candles count {counted:,} trades, not {ids.size:,}"]),
    ]
    return Account(
        symbol=evidence.symbol,
        span=evidence.span,
        first_id=evidence.first_id,
        last_id=evidence.last_id,
        ids=ids.size,
        repaired=ids.size - streamed.size,
        distinct={place: held.size for place, held in distinct.items()},
        copies={place: inside[place].size - distinct[place].size for place in inside},
        counted=counted,
        candles=frame.height,
        differences=tuple(differences),
    )


def runs_of(ids: Ids) -> list[tuple[int, int]]:
    """Ascending, distinct ids as inclusive runs.

    >>> runs_of(np.array([3, 4, 5, 9]))
    [(3, 5), (9, 9)]
    """
    if ids.size == 0:
        return []
    breaks = np.flatnonzero(np.diff(ids) != 1)
    starts, ends = ids[np.concatenate(([0], breaks + 1))], ids[np.concatenate((breaks, [ids.size - 1]))]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _without(ids: Ids, ranges: Iterable[tuple[int, int]]) -> Ids:
    kept = np.ones(ids.size, dtype=bool)
    for first, last in ranges:
        kept &= (ids < first) | (ids > last)
    return ids[kept]


def _absent_ids(ids: Ids, distinct: dict[str, Ids]) -> list[str]:
    absent = {place: np.setdiff1d(ids, held, assume_unique=True) for place, held in distinct.items()}
    return [
        f"{place} lacks {lost.size:,} trades: {_named(runs_of(lost))}" for place, lost in absent.items() if lost.size
    ]


def _repeated_ids(claims: Iterable[Claim], inside: dict[str, Ids]) -> list[str]:
    sentences: list[str] = []
    for claim in claims:
        ids, times = np.unique(inside[claim.place], return_counts=True)
        repeated = ids[times > 1]
        if repeated.size and not claim.may_repeat:
            sentences.append(
                f"{claim.place} holds {repeated.size:,} trades more than once: {_named(runs_of(repeated))}"
            )
    return sentences


def _named(runs: list[tuple[int, int]]) -> str:
    named = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:SHOWN])
    return named + (f" and {len(runs) - SHOWN:,} more runs" if len(runs) > SHOWN else "")


def _wrong_candles(stored: pa.Table, sent: pa.Table) -> list[str]:
    """A sentence for the minutes that only one side has, and one for those in which a column differs."""
    ours, theirs = pl.DataFrame(pl.from_arrow(stored)).unique(), pl.DataFrame(pl.from_arrow(sent))
    absent = theirs.join(ours, on="open_time", how="anti")["open_time"].sort()
    unknown = ours.join(theirs, on="open_time", how="anti")["open_time"].unique().sort()
    pairs = ours.join(theirs, on="open_time", suffix=OTHER).sort("open_time")
    wrong = [
        f"{opened:%H:%M} {name} {stored} instead of {sent}"
        for name in theirs.columns
        if name != "open_time"
        for opened, stored, sent in pairs.filter(differs(name)).select("open_time", name, name + OTHER).iter_rows()
    ]
    return [
        *([f"bronze lacks {len(absent):,} candles: {_moments(absent)}"] if len(absent) else []),
        *(
            [f"bronze has {len(unknown):,} candles that the exchange has not: {_moments(unknown)}"]
            if len(unknown)
            else []
        ),
        *([f"{len(wrong):,} values of candles differ: {'; '.join(wrong[:SHOWN])}"] if wrong else []),
    ]


def _moments(times: pl.Series) -> str:
    named = ", ".join(f"{moment:%Y-%m-%d %H:%M}" for moment in times.head(SHOWN))
    return named + (" …" if len(times) > SHOWN else "")
