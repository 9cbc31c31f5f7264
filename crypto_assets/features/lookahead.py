"""Proof that no row read the future: it is recomputed without the future, and with noise in its place.

Inputs are cut at the `as_of` of a row, by when each input row was known. A calculation that never looks ahead then
gives the same rows up to there; one that does is named, column by column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.features.candles import open_times
from crypto_assets.features.compute import compute_features
from crypto_assets.features.inputs import FeatureInputs, anchor_of
from crypto_assets.features.rolling import BoolArray, FloatArray, IntArray
from crypto_assets.flags import is_flagged
from crypto_assets.spans import MINUTE_US, TIMEFRAME_US, from_us, times_us

RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12
SAMPLED_PARTS = 2
"""Parts of the day in each of which one minute is sampled."""
EARLY_ROWS = 10
"""One of the first so many rows is sampled too: what is filled backwards at the start of history shows only there."""

Kind = Literal["future cut off", "future replaced by noise"]


class Compute(Protocol):
    """A calculation of gold, such as `compute_features`: a table with `open_time` and `as_of` for a day's inputs."""

    def __call__(self, inputs: FeatureInputs, *, day: date) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class Leak:
    """A column that changed in rows which the change of its inputs came after."""

    column: str
    minute: datetime
    """Open time of the last row that changed."""
    as_of: datetime
    """Moment from which on the inputs were changed."""
    kind: Kind
    rows: int
    """How many rows up to `as_of` changed."""
    expected: float | bool | None
    """Value recomputed from what was known."""
    actual: float | bool | None
    """Value under test."""

    def __str__(self) -> str:
        return (
            f"{self.column} of {self.minute:%Y-%m-%d %H:%M} is {self.actual}, but {self.expected} with the {self.kind} "
            f"after {self.as_of:%H:%M}; {self.rows} rows differ"
        )


def find_leaks(
    compute: Compute, inputs: FeatureInputs, *, day: date, minutes: Sequence[int] | None = None, seed: int = 0
) -> list[Leak]:
    """Leaks of a calculation: columns whose rows change with what comes after them.

    `minutes` of the UTC day at whose end the inputs are cut; those of `sample_minutes` by default.
    """
    return _find(compute(inputs, day=day), compute, inputs, day=day, minutes=minutes, seed=seed)


def check_stored(
    gold: pa.Table, inputs: FeatureInputs, *, day: date, minutes: Sequence[int] | None = None, seed: int = 0
) -> list[Leak]:
    """Leaks of stored rows: columns that `compute_features` does not give again from what each row could know.

    A row that is stored and not recomputed, or the other way round, counts as a leak of `open_time`.
    """
    return _find(gold, compute_features, inputs, day=day, minutes=minutes, seed=seed)


def sample_minutes(inputs: FeatureInputs, *, day: date, seed: int) -> list[int]:
    """Minutes of the day worth cutting at: an early one, one of each part of the day, and one in each kind of hole.

    They are not ends of 5m or 15m candles, where a join on open times finds nothing wrong. A backward fill shows only
    at an interpolated candle, before a run of missing ones, or while the book or the perpetual is not known.
    """
    rng = np.random.default_rng(seed)
    opened = _minutes_of_day(open_times(inputs.candles("1m")), day=day)
    inside = opened[(opened + 1) % 5 != 0]
    holes = [np.intersect1d(hole, inside) for hole in _holes(inputs, day=day)]
    pools = [inside[:EARLY_ROWS], *np.array_split(inside, SAMPLED_PARTS), *holes]
    return sorted({int(rng.choice(pool)) for pool in pools if pool.size})


def cut_inputs(inputs: FeatureInputs, *, as_of_us: int) -> FeatureInputs:
    """The inputs without every row that was not known by the moment."""
    return _change(inputs, as_of_us=as_of_us, change=lambda future: future.slice(0, 0))


def noise_inputs(inputs: FeatureInputs, *, as_of_us: int, seed: int) -> FeatureInputs:
    """The inputs with noise in every row that was not known by the moment, and in the last interpolated candle.

    That candle lies at the moment itself, but was made from its right-hand neighbour.
    """
    rng = np.random.default_rng(seed)
    return _change(inputs, as_of_us=as_of_us, change=lambda future: _noise(future, rng), unknown=("filled",))


def _find(
    gold: pa.Table,
    compute: Compute,
    inputs: FeatureInputs,
    *,
    day: date,
    minutes: Sequence[int] | None,
    seed: int,
) -> list[Leak]:
    leaks: list[Leak] = []
    for minute in sample_minutes(inputs, day=day, seed=seed) if minutes is None else minutes:
        as_of_us = anchor_of(day).day_us + (minute + 1) * MINUTE_US
        changed: dict[Kind, FeatureInputs] = {
            "future cut off": cut_inputs(inputs, as_of_us=as_of_us),
            "future replaced by noise": noise_inputs(inputs, as_of_us=as_of_us, seed=seed),
        }
        for kind, others in changed.items():
            leaks += _differences(gold, compute(others, day=day), as_of_us=as_of_us, kind=kind)
    return leaks


def _differences(gold: pa.Table, recomputed: pa.Table, *, as_of_us: int, kind: Kind) -> Iterable[Leak]:
    """A leak for each column that differs in the rows that were known by the moment."""
    actual, expected = (table.slice(0, _rows_until(table, as_of_us)) for table in (gold, recomputed))
    times, others = open_times(actual), open_times(expected)
    if not np.array_equal(times, others):
        odd = np.setxor1d(times, others)
        last = int(odd[-1])
        found, wanted = (float(last) if last in column else None for column in (times, others))
        yield Leak("open_time", from_us(last), from_us(as_of_us), kind, odd.size, wanted, found)
        return
    for name in actual.column_names:
        if pa.types.is_timestamp(actual.schema.field(name).type):
            continue
        column, other = actual[name], expected[name]
        if column.equals(other):
            continue
        rows = np.flatnonzero(_differs(_floats(column), _floats(other)))
        if rows.size:
            row = int(rows[-1])
            yield Leak(
                name,
                from_us(int(times[row])),
                from_us(as_of_us),
                kind,
                rows.size,
                expected=other[row].as_py(),
                actual=column[row].as_py(),
            )


def _rows_until(table: pa.Table, as_of_us: int) -> int:
    return int(np.searchsorted(open_times(table) + MINUTE_US, as_of_us, side="right"))


def _differs(actual: FloatArray, expected: FloatArray) -> BoolArray:
    return ~np.isclose(actual, expected, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True)


def _floats(column: pa.ChunkedArray) -> FloatArray:
    return pc.cast(column, pa.float64()).to_numpy()


def _minutes_of_day(times_us: IntArray, *, day: date) -> IntArray:
    minute = (times_us - anchor_of(day).day_us) // MINUTE_US
    return minute[(minute >= 0) & (times_us < anchor_of(day).end_us)]


def _holes(inputs: FeatureInputs, *, day: date) -> list[IntArray]:
    """Minutes of the day where something is missing: interpolated, last before a gap, without book or perpetual."""
    candles = inputs.candles("1m")
    opened = open_times(candles)
    holes = [
        _minutes_of_day(opened[is_flagged(candles, "filled")], day=day),
        _minutes_of_day(opened[:-1][np.diff(opened) > MINUTE_US], day=day),
    ]
    if inputs.orderbook is not None:
        holes.append(_missing(_minutes_of_day(times_us(inputs.orderbook["time"]) - 1, day=day)))
    if inputs.perpetual is not None:
        known = _minutes_of_day(times_us(inputs.perpetual.drop_null()["open_time"]), day=day)
        holes.append(_missing(known))
    return holes


def _missing(minutes: IntArray) -> IntArray:
    """Minutes between the first and the last of those given that are not among them."""
    return np.setdiff1d(np.arange(minutes[0], minutes[-1]), minutes) if minutes.size else minutes


def _change(
    inputs: FeatureInputs,
    *,
    as_of_us: int,
    change: Callable[[pa.Table], pa.Table],
    unknown: Sequence[str] = (),
) -> FeatureInputs:
    """The inputs with `change` applied to the rows of each table that were not known by the moment.

    The last candle known counts as not known if it carries one of the flags `unknown`.
    """

    def split(table: pa.Table, known: int) -> pa.Table:
        if known == table.num_rows:
            return table
        return pa.concat_tables([table.slice(0, known), change(table.slice(known))])

    klines: dict[str, pa.Table] = {}
    for timeframe, table in inputs.klines.items():
        closed = open_times(table) + TIMEFRAME_US[timeframe]
        known = int(np.searchsorted(closed, as_of_us, side="right"))
        if known and is_flagged(table.slice(known - 1, 1), *unknown).any():
            known -= 1
        klines[timeframe] = split(table, known)
    book, perpetual = inputs.orderbook, inputs.perpetual
    if book is not None:
        book = split(book, int(np.searchsorted(times_us(book["time"]), as_of_us, side="right")))
    if perpetual is not None:
        perpetual = split(perpetual, int(np.searchsorted(times_us(perpetual["as_of"]), as_of_us, side="right")))
    return FeatureInputs(klines=klines, orderbook=book, perpetual=perpetual)


def _noise(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    """The rows with other numbers: a factor for the prices of a row, another for its quantities; all else stays."""
    price = np.exp(rng.normal(0.0, 0.2, table.num_rows))
    quantity = np.exp(rng.normal(0.0, 1.0, table.num_rows))
    columns: list[pa.Array | pa.ChunkedArray] = []
    for field in table.schema:
        column = table[field.name]
        if field.name in _KEPT or not _is_number(field.type):
            columns.append(column)
            continue
        numbers = _floats(column) * (price if _is_price(field.name) else quantity)
        if not pa.types.is_floating(field.type):
            numbers = np.round(numbers, 8 if pa.types.is_decimal(field.type) else 0)
        columns.append(pa.array(numbers, from_pandas=True).cast(field.type))
    return pa.table(columns, schema=table.schema)


_KEPT = ("flags", "last_update_id")


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_integer(kind)


def _is_price(name: str) -> bool:
    return name in {"open", "high", "low", "close"} or "_price" in name
