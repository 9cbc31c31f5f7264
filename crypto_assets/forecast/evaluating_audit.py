"""Rows of a training set computed again from what the lake holds, as it was known by their `as_of`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import InputIncomplete
from crypto_assets.features.candles import NOT_READ, open_times
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.features.feature import Source as Recorded
from crypto_assets.features.inputs import BOOK_LEAD_IN, LOOK_BACK_DAYS, FeatureInputs, gather_inputs
from crypto_assets.flags import has_flag, is_flagged
from crypto_assets.forecast.judge.leaks import Candles, Changed
from crypto_assets.forecast.seconds import second_rows
from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, IntArray, places_of
from crypto_assets.forecast.training_sets import StoredSet
from crypto_assets.forecast.training_sets_days import READ
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import FLAGS, KLINES_1S, SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, Dataset
from crypto_assets.spans import DAY_US, MINUTE_US, day_span, from_us, to_us

AUDITED_DAYS = 2
"""Days of a set that are computed again: the newest, and one taken by chance. A day of gold costs some seconds."""
MOST_TRIED = 6
"""Days tried, where the lake has changed since the set was made: those say nothing of it."""
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 1e-9, 1e-12
"""As gold's own proof has them: running sums differ in the last digits."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What came out."""

    changed: tuple[Changed, ...]
    """Of each column the first value that came out otherwise; none where all came out as stored."""
    looked_at: tuple[str, ...]
    """Days and moments, for people."""


@dataclass(frozen=True, slots=True)
class _Recomputed:
    open_us: IntArray
    values: FloatArray
    """Shape (rows, features of the set)."""


@dataclass(frozen=True)
class _Again:
    """A day of a table, and what computes its rows again."""

    table: FeatureTable
    day: date
    is_as_made: bool
    """Whether it lies in the lake as it was when the set was made."""
    moments_us: Sequence[int]
    """Moments after which everything is cut off."""
    known_by: Callable[[int], _Recomputed]
    """From what was known by a moment."""
    klines: Mapping[str, pa.Table]
    compute: Callable[[Mapping[str, pa.Table]], _Recomputed]
    """From other candles than those."""

    @cached_property
    def with_filled(self) -> _Recomputed | None:
        """The rows where interpolated candles are taken for real ones; None where there are none."""
        cleared = {name: _without_filled(table) for name, table in self.klines.items()}
        if all(table is None for table in cleared.values()):
            return None
        return self.compute({name: cleared[name] or table for name, table in self.klines.items()})


def candles_of(lake: Lake, stored: StoredSet) -> Candles:
    """The candles that the set's prices come from, of those of its days whose file is the one that it was made from.

    Those that open off the grid are left out, as the set has no row of them.
    A day whose file has changed since stands as one candle without a price: nothing is known of it, and what came
    before is not the last price before what comes after.
    """
    dataset, symbol = READ[stored.options.source][-1], stored.table.symbol
    parts: list[pl.DataFrame] = []
    for day in _days_in(stored.table):
        content = lake.files.read(dataset.partition_path(symbol, day))
        if content is None or not _is_input(stored, dataset, day, content):
            opened = [to_us(day_span(day).start)]
            parts.append(pl.DataFrame({"open_us": opened, "close": [float("nan")], "filled": [False]}))
            continue
        raw = pl.DataFrame(
            pl.from_arrow(pq.read_table(pa.BufferReader(content), columns=["open_time", "close", "flags"]))
        )
        parts.append(
            raw.filter(~has_flag("off_grid")).select(
                open_us=pl.col("open_time").cast(pl.Int64),
                close=pl.col("close").cast(pl.Float64),
                filled=has_flag(*NOT_READ),
            )
        )
    joined = pl.concat(parts)
    return Candles(joined["open_us"].to_numpy(), joined["close"].to_numpy(), joined["filled"].to_numpy())


def audit(lake: Lake, stored: StoredSet, *, seed: int) -> Audit:
    """Compute days of the set again, at sampled moments from nothing that came after them, and compare.

    Raises InputIncomplete where the lake has changed on every day tried, so that nothing can be said.
    """
    changed: list[Changed] = []
    looked_at: list[str] = []
    tried = _days_to_try(_days_in(stored.table), seed=seed)
    for day in tried:
        if len(looked_at) == AUDITED_DAYS:
            break
        again = _again(lake, stored, day, seed=seed)
        if again is None:
            continue
        differing = list(_differing(again))
        if differing and not again.is_as_made:
            continue
        changed += differing
        looked_at.append(f"{day} at {', '.join(f'{from_us(us):%H:%M:%S}' for us in again.moments_us)}")
    if not looked_at:
        raise InputIncomplete(
            f"None of the days {', '.join(map(str, tried))} can be computed again as lstm_training_set has them: what "
            "they were made from is gone from the lake or has changed since. Materialise gold_features of these days, "
            "then lstm_training_set and lstm_checkpoint again."
        )
    return Audit(tuple({change.column: change for change in reversed(changed)}.values()), tuple(looked_at))


def _days_in(table: FeatureTable) -> list[date]:
    """UTC days of which the table has rows, ascending."""
    return [from_us(int(number) * DAY_US).date() for number in np.unique(table.open_us // DAY_US)]


def _days_to_try(days: Sequence[date], *, seed: int) -> list[date]:
    """The newest, then others in an order by chance."""
    others = [days[place] for place in np.random.default_rng(seed).permutation(len(days) - 1)] if days else []
    return [*days[-1:], *others][:MOST_TRIED]


def _is_input(stored: StoredSet, dataset: Dataset, day: date, content: bytes) -> bool:
    return stored.inputs.get(f"{dataset.name}/{day}") == hashlib.sha256(content).hexdigest()


def _again(lake: Lake, stored: StoredSet, day: date, *, seed: int) -> _Again | None:
    """What computes a day again; None where what it is made from is not there."""
    table, symbol = stored.table, stored.table.symbol
    contents = {
        dataset: lake.files.read(dataset.partition_path(symbol, day)) for dataset in READ[stored.options.source]
    }
    are_inputs = all(content and _is_input(stored, dataset, day, content) for dataset, content in contents.items())
    if stored.options.source == "klines_1s":
        days = {of: lake.read(KLINES_1S, symbol, of) for of in (day - timedelta(days=1), day)}
        held = {str(of): klines for of, klines in days.items() if klines is not None}
        return _again_seconds(table, day, held, is_as_made=are_inputs, seed=seed) if str(day) in held else None
    inputs = _gold_inputs(lake, symbol, day, features=table.features)
    if inputs is None:
        return None
    is_as_made = are_inputs and not _silver_is_newer(lake, symbol, day)
    return _again_gold(table, day, inputs, is_as_made=is_as_made, seed=seed)


def _gold_inputs(lake: Lake, symbol: str, day: date, *, features: Sequence[str]) -> FeatureInputs | None:
    """What a day of these features is computed from; None where silver has no candles of the day itself."""
    if any(not lake.has(dataset, symbol, day) for dataset in SILVER_KLINES.values()):
        return None
    sources = {feature.source for feature in FEATURES if feature.name in features}
    read = {*SILVER_KLINES.values()}
    if Recorded.ORDERBOOK in sources:
        read.add(SILVER_ORDERBOOK)
    if sources - {Recorded.ORDERBOOK, Recorded.KLINES}:
        read.add(SILVER_PERPETUAL)
    book_start = day_span(day).start - BOOK_LEAD_IN

    def read_day(dataset: Dataset, of: date) -> pa.Table | None:
        start = book_start if dataset is SILVER_ORDERBOOK else None
        return lake.read(dataset, symbol, of, start=start) if dataset in read else None

    return gather_inputs(day, read_day)


def _silver_is_newer(lake: Lake, symbol: str, day: date) -> bool:
    """Whether something that the day of gold is made from was written after it: then it need not come out again."""
    made_at = lake.files.written_at(GOLD_FEATURES.partition_path(symbol, day))
    if made_at is None:
        return True
    written = (
        lake.files.written_at(dataset.partition_path(symbol, day - timedelta(days=back)))
        for dataset, days in LOOK_BACK_DAYS.items()
        for back in range(days + 1)
    )
    return any(at is not None and at > made_at for at in written)


def _again_gold(table: FeatureTable, day: date, inputs: FeatureInputs, *, is_as_made: bool, seed: int) -> _Again:
    """A day of gold."""
    from crypto_assets.features.compute import compute_features
    from crypto_assets.features.lookahead import cut_inputs, sample_minutes

    def compute(inputs: FeatureInputs) -> _Recomputed:
        rows = compute_features(inputs, day=day)
        return _Recomputed(open_times(rows), np.column_stack([rows[name].to_numpy() for name in table.features]))

    start_us, last_us = to_us(day_span(day).start), int(table.open_us.max())
    ends = [start_us + (minute + 1) * MINUTE_US for minute in sample_minutes(inputs, day=day, seed=seed)]
    return _Again(
        table,
        day,
        is_as_made,
        moments_us=[end for end in ends if end <= last_us + MINUTE_US] or ends[:1],
        known_by=lambda moment_us: compute(cut_inputs(inputs, as_of_us=moment_us)),
        klines=inputs.klines,
        compute=lambda klines: compute(FeatureInputs(klines, inputs.orderbook, inputs.perpetual)),
    )


def _again_seconds(
    table: FeatureTable, day: date, klines: Mapping[str, pa.Table], *, is_as_made: bool, seed: int
) -> _Again:
    """A day of candles of a second, one moment of it: each row reads two seconds only."""

    def compute(klines: Mapping[str, pa.Table]) -> _Recomputed:
        rows = second_rows(klines.values(), symbol=table.symbol, features=table.features)
        return _Recomputed(rows.open_us, rows.values)

    def known_by(moment_us: int) -> _Recomputed:
        opened_by = moment_us - table.step_us
        rows = {of: int(np.searchsorted(open_times(one), opened_by, side="right")) for of, one in klines.items()}
        return compute({of: one.slice(0, rows[of]) for of, one in klines.items()})

    opened = table.open_us[table.open_us >= to_us(day_span(day).start)]
    moment_us = int(np.random.default_rng(seed).choice(opened)) + table.step_us
    return _Again(table, day, is_as_made, [moment_us], known_by, klines, compute)


def _without_filled(candles: pa.Table) -> pa.Table | None:
    """The candles as if none had been filled; None where none was."""
    if not is_flagged(candles, "filled").any():
        return None
    cleared = pa.array(candles["flags"].to_numpy() & ~FLAGS["filled"], candles.schema.field("flags").type)
    return candles.set_column(candles.schema.get_field_index("flags"), candles.schema.field("flags"), cleared)


def _differing(again: _Again) -> Iterator[Changed]:
    """Of each column and moment the first value of the day that comes out otherwise."""
    table = again.table
    start_us = to_us(day_span(again.day).start)
    for moment_us in again.moments_us:
        of_day = (table.open_us >= start_us) & (table.open_us + table.step_us <= moment_us)
        rows = np.flatnonzero(of_day)
        known = again.known_by(moment_us)
        place, is_there = places_of(known.open_us, table.open_us[rows])
        for row in rows[~is_there][:1]:
            opened = int(table.open_us[row])
            yield Changed("open_time", opened, moment_us, float(opened), float("nan"), from_filled=False)
        rows, place = rows[is_there], place[is_there]
        differs = ~_same(table.values[rows], known.values[place])
        for column in np.flatnonzero(differs.any(axis=0)):
            first = int(np.flatnonzero(differs[:, column])[0])
            yield Changed(
                table.features[column],
                int(table.open_us[rows[first]]),
                moment_us,
                float(table.values[rows[first], column]),
                float(known.values[place[first], column]),
                from_filled=_is_from_filled(again, rows, int(column)),
            )


def _is_from_filled(again: _Again, rows: IntArray, column: int) -> bool:
    """Whether the column comes out as stored once interpolated candles are taken for real ones."""
    if again.with_filled is None:
        return False
    place, is_there = places_of(again.with_filled.open_us, again.table.open_us[rows])
    stored = again.table.values[rows, column]
    return bool(is_there.all() and _same(stored, again.with_filled.values[place, column]).all())


def _same(one: FloatArray, other: FloatArray) -> BoolArray:
    return np.isclose(one, other, rtol=RELATIVE_TOLERANCE, atol=ABSOLUTE_TOLERANCE, equal_nan=True)
