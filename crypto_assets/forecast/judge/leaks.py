"""Whether a model could have known what it was asked: six ways in which it could, each looked for in the artefacts.

The kinds are those of Kapoor and Narayanan (2023, Patterns) that a price series allows. Every guard reads what was
stored or used (the table, the samples, the splits, the normalisers inside the models, the candles), never what the
code that made it says of itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, pairwise

import msgspec
import numpy as np

from crypto_assets.forecast.judge.leaks_target import find_foretold, misplaced_targets, rows_ahead
from crypto_assets.forecast.judge.significance import chance
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, IntArray, Samples, Split, places_of
from crypto_assets.spans import from_us

RELATIVE_TOLERANCE = 1e-6
"""Of a standard deviation: what rounding may change in a normaliser; one more day in 30 changes thousandths."""
CONSTANT = 1e-6
"""Deviation beside the mean at which a feature does not vary, and is divided by whatever the model likes."""
PRICE_TOLERANCE = 1e-12


class LeakKind(StrEnum):
    """What the future came in by."""

    SCALER = "scaler fitted on all data"
    SHUFFLED = "shuffled split"
    TARGET = "target inside the features"
    EMBARGO = "no embargo"
    INTERPOLATED = "interpolated future"
    OPEN_CANDLE = "open candle"


class Leak(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way in which a model could have known the future."""

    kind: LeakKind
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Scaler:
    """The normaliser inside a model that was fitted on a fold."""

    fold: int
    """Index of its split."""
    seed: int
    mean: FloatArray
    """Shape (features,)."""
    scale: FloatArray
    """Standard deviation, or any number where a feature is constant; shape (features,)."""
    target_scale: FloatArray
    """What its outputs are multiplied by, log-return; shape (horizons,)."""


@dataclass(frozen=True, slots=True)
class Candles:
    """The candles around a table as the lake holds them, ascending; at least one."""

    open_us: IntArray
    """Start, us UTC; shape (candles,)."""
    close: FloatArray
    """As stored: of a filled candle, what it was filled with; NaN where it is not known. Shape (candles,)."""
    filled: BoolArray
    """Whether it is not what was traded: interpolated, or so flagged that nothing reads it. Shape (candles,)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A value of the table that comes out otherwise when it is computed from what was known by its `as_of`."""

    column: str
    open_us: int
    as_of_us: int
    """Moment after which everything was cut off, us UTC."""
    stored: float
    recomputed: float
    from_filled: bool = False
    """Whether it comes out as stored once interpolated candles are taken for real ones."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was used to fit and judge the models of an evaluation."""

    table: FeatureTable
    samples: Samples
    splits: Sequence[Split]
    data: DataOptions
    scalers: Sequence[Scaler]
    candles: Candles
    changed: Sequence[Changed]
    """Of the rows that were computed again; none where all came out as stored."""
    known_until_us: int
    """End of the last day of the set, us UTC: nothing may be of later."""


Guard = Callable[[Evidence], Iterator[Leak]]


def find_leaks(evidence: Evidence) -> list[Leak]:
    """Every leak that one of the guards sees, the worst of each guard first; none of an honest evaluation."""
    return [leak for guard in GUARDS for leak in guard(evidence)]


def scaler_fitted_on_the_future(evidence: Evidence) -> Iterator[Leak]:
    """Normalisers that are not the mean and standard deviation of the rows that train windows touch, and target scales
    that are not the standard deviation of the train targets."""
    everything, _ = _moments(evidence.table.values)
    for scaler in evidence.scalers:
        train = evidence.splits[scaler.fold].train
        touched = _touched(evidence, train)
        where = f"fold {scaler.fold + 1}, seed {scaler.seed}: the model"
        mean, scale = _moments(evidence.table.values[touched])
        varies = scale > CONSTANT * np.abs(mean)
        tolerance = RELATIVE_TOLERANCE * np.where(varies, scale, 1.0) + PRICE_TOLERANCE * np.abs(mean)
        off = np.maximum(np.abs(scaler.mean - mean), np.where(varies, np.abs(scaler.scale - scale), 0.0)) / tolerance
        wrong = np.flatnonzero(~(off <= 1))  # also where it is NaN
        if wrong.size:
            worst = int(wrong[np.argmax(np.nan_to_num(off[wrong], nan=np.inf))])
            is_of_all = bool(abs(scaler.mean[worst] - everything[worst]) <= tolerance[worst])
            yield Leak(
                LeakKind.SCALER,
                f"{where} normalises {wrong.size} of {mean.size} features by other figures than those of its "
                f"{int(touched.sum()):,} train rows; {evidence.table.features[worst]} by a mean of "
                f"{scaler.mean[worst]:.6g} instead of {mean[worst]:.6g}"
                f"{', which is the mean of all rows' if is_of_all else ''}.",
            )
        spread = evidence.samples.targets[train].std(axis=0)
        odd = np.flatnonzero(~(np.abs(scaler.target_scale - spread) <= RELATIVE_TOLERANCE * spread) & (spread > 0))
        if odd.size:
            yield Leak(
                LeakKind.SCALER,
                f"{where} scales targets over {evidence.data.horizons[odd[0]]} rows by "
                f"{scaler.target_scale[odd[0]]:.6g}; its train targets have a standard deviation of "
                f"{spread[odd[0]]:.6g}.",
            )


def shuffled_split(evidence: Evidence) -> Iterator[Leak]:
    """Parts that are not in the order of time, or of which one begins before the other has ended."""
    as_of = evidence.table.as_of_us[evidence.samples.rows]
    for number, split in enumerate(evidence.splits):
        parts = {name: as_of[part] for name, part in split.parts.items()}
        backwards = [name for name, times in parts.items() if (np.diff(times) <= 0).any()]
        for name in backwards[:1]:
            yield Leak(LeakKind.SHUFFLED, f"fold {number + 1}: the {name} samples do not ascend in time.")
        for earlier, later in _following(parts):
            inside = int((parts[earlier] >= parts[later].min()).sum())
            if inside:
                yield Leak(
                    LeakKind.SHUFFLED,
                    f"fold {number + 1}: {inside:,} of {parts[earlier].size:,} {earlier} samples are not older "
                    f"than the first {later} sample, {_moment(int(parts[later].min()))}.",
                )
    blocks = [as_of[split.test] for split in evidence.splits if split.test.size]
    for number, (block, following) in enumerate(pairwise(blocks)):
        if block.max() >= following.min():
            yield Leak(LeakKind.SHUFFLED, f"the test blocks of folds {number + 1} and {number + 2} overlap.")


def no_embargo(evidence: Evidence) -> Iterator[Leak]:
    """Parts that follow one another so closely that a window of one holds rows that a target of the other holds."""
    table, data = evidence.table, evidence.data
    needed = (data.window + data.longest) * table.step_us
    as_of = table.as_of_us[evidence.samples.rows]
    for number, split in enumerate(evidence.splits):
        parts = {name: as_of[part] for name, part in split.parts.items()}
        for earlier, later in _following(parts):
            distance = int(parts[later].min() - parts[earlier].max())
            if 0 < distance < needed:
                yield Leak(
                    LeakKind.EMBARGO,
                    f"fold {number + 1}: the first {later} sample comes {distance // table.step_us} rows after "
                    f"the last {earlier} sample; windows of {data.window} and targets of {data.longest} rows "
                    f"need {needed // table.step_us}.",
                )


def target_inside_the_features(evidence: Evidence) -> Iterator[Leak]:
    """Targets that lie before the end of their window, and columns that are a function of what comes after it."""
    table, samples, data = evidence.table, evidence.samples, evidence.data
    for horizon, wrong, earlier in misplaced_targets(table, samples, horizons=data.horizons):
        like = f"; they are the return that begins {earlier} rows earlier" if earlier else ""
        yield Leak(
            LeakKind.TARGET,
            f"{wrong:,} of {len(samples):,} targets over {horizon} rows are not the return that follows the newest "
            f"row of their window{like}.",
        )
    for found in find_foretold(table, samples.rows, horizons=data.horizons):
        yield Leak(
            LeakKind.TARGET,
            f"{found.column} is {found.how}: R2 is {found.r2:.3f} over {found.rows:,} rows, which chance gives with "
            f"{chance(found.p_value)} over all columns.",
        )


def interpolated_future(evidence: Evidence) -> Iterator[Leak]:
    """Rows of filled candles that hold more than the last real candle before them: what fills them came later."""
    table, candles = evidence.table, evidence.candles
    place, has_candle = places_of(candles.open_us, table.open_us)
    filled = has_candle & candles.filled[place]
    last_real = _last_real(candles)[place]
    wrong = filled & np.isfinite(last_real) & ~_equal(table.close, last_real)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        yield Leak(
            LeakKind.INTERPOLATED,
            f"{int(wrong.sum())} of {int(filled.sum())} rows of filled candles do not carry the last real close; that "
            f"of {_moment(int(table.open_us[row]))} is {table.close[row]:.10g} instead of {last_real[row]:.10g}.",
        )
    learnt = _targets_at(evidence, filled)
    if learnt:
        yield Leak(LeakKind.INTERPOLATED, f"{learnt:,} targets or window ends are of a filled candle.")
    columns = [change for change in evidence.changed if change.from_filled]
    if columns:
        yield Leak(
            LeakKind.INTERPOLATED, f"{_listed(columns)} It is what comes of taking filled candles for real ones."
        )


def open_candle(evidence: Evidence) -> Iterator[Leak]:
    """Rows that hold something that had not closed by their `as_of`."""
    table = evidence.table
    early = table.as_of_us != table.open_us + table.step_us
    if early.any():
        row = int(np.flatnonzero(early)[0])
        yield Leak(
            LeakKind.OPEN_CANDLE,
            f"{int(early.sum()):,} of {len(table):,} rows are not as of the close of their candle; the one that opened "
            f"at {_moment(int(table.open_us[row]))} says {_moment(int(table.as_of_us[row]))}.",
        )
    late = np.maximum(table.as_of_us, table.open_us + table.step_us) > evidence.known_until_us
    if late.any():
        yield Leak(
            LeakKind.OPEN_CANDLE,
            f"{int(late.sum()):,} rows close after {_moment(evidence.known_until_us)}, the end of the last day.",
        )
    place, has_candle = places_of(evidence.candles.open_us, table.open_us)
    traded = has_candle & ~evidence.candles.filled[place] & np.isfinite(evidence.candles.close[place])
    other = traded & ~_equal(table.close, evidence.candles.close[place])
    if other.any():
        row = int(np.flatnonzero(other)[0])
        yield Leak(
            LeakKind.OPEN_CANDLE,
            f"{int(other.sum()):,} of {int(traded.sum()):,} rows have another price than their candle closed at; that "
            f"of {_moment(int(table.open_us[row]))} is {table.close[row]:.10g} instead of "
            f"{evidence.candles.close[place[row]]:.10g}.",
        )
    changed = [change for change in evidence.changed if not change.from_filled]
    if changed:
        yield Leak(LeakKind.OPEN_CANDLE, _listed(changed))


GUARDS: tuple[Guard, ...] = (
    scaler_fitted_on_the_future,
    shuffled_split,
    no_embargo,
    target_inside_the_features,
    interpolated_future,
    open_candle,
)
"""All of them are asked of every evaluation."""


def _following(parts: Mapping[str, IntArray]) -> Iterator[tuple[str, str]]:
    """Pairs of parts of which the second ought to come after the first, both with samples."""
    return combinations((name for name, times in parts.items() if times.size), 2)


def _touched(evidence: Evidence, part: IntArray) -> BoolArray:
    """Rows of the table that a window of the part's samples holds."""
    ends = evidence.samples.rows[part]
    steps = np.zeros(len(evidence.table) + 1, np.int64)
    np.add.at(steps, ends - evidence.data.window + 1, 1)
    np.add.at(steps, ends + 1, -1)
    return np.cumsum(steps[:-1]) > 0


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation (of the population) of columns, rows with a NaN in the column left out."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, values, 0.0).sum(axis=0) / count
    apart = np.where(known, values - mean, 0.0)
    return mean, np.sqrt((apart**2).sum(axis=0) / count)


def _last_real(candles: Candles) -> FloatArray:
    """Close of the newest candle that was not filled, at each candle; NaN before the first one."""
    place = np.maximum.accumulate(np.where(candles.filled, -1, np.arange(candles.filled.size)))
    return np.where(place >= 0, candles.close[place], np.nan)


def _equal(one: FloatArray, other: FloatArray) -> BoolArray:
    return np.abs(one - other) <= PRICE_TOLERANCE * np.abs(other)


def _targets_at(evidence: Evidence, filled: BoolArray) -> int:
    """Samples whose newest row, or a row that a target ends at, is one of those."""
    table, samples = evidence.table, evidence.samples
    marked = np.zeros(len(samples), dtype=bool)
    for ahead in (0, *evidence.data.horizons):
        place, is_there = rows_ahead(table, samples.rows, ahead=ahead)
        marked |= is_there & filled[place]
    return int(marked.sum())


def _listed(changed: Sequence[Changed]) -> str:
    columns = list(dict.fromkeys(change.column for change in changed))
    first = changed[0]
    more = f" and {len(columns) - 3} more" if len(columns) > 3 else ""
    return (
        f"{len(columns)} columns come out otherwise from what was known by as_of: {', '.join(columns[:3])}{more}. "
        f"{first.column} of {_moment(first.open_us)} is {first.stored:.10g}, and {first.recomputed:.10g} with all "
        f"after {_moment(first.as_of_us)} cut off."
    )


def _moment(us: int) -> str:
    return f"{from_us(us):%Y-%m-%d %H:%M:%S}"
