"""Each way in which a model can know the future, planted in an honest evaluation, is named; nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from crypto_assets.forecast.judge.leaks import (
    GUARDS,
    Candles,
    Changed,
    Evidence,
    Guard,
    LeakKind,
    Scaler,
    find_leaks,
    interpolated_future,
    no_embargo,
    open_candle,
    scaler_fitted_on_the_future,
    shuffled_split,
    target_inside_the_features,
)
from crypto_assets.forecast.options import DataOptions, JudgeOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import FeatureTable, FloatArray, Samples, Split
from crypto_assets_tests.forecast.tables import random_walk, with_filled, with_signal

DATA = DataOptions(window=8, horizons=(1, 5, 15))
JUDGE = JudgeOptions(folds=3, seeds=2)
ROWS = 2_000
FILLED = 700, 1_500


def candles_of(table: FeatureTable, *, interpolate: tuple[int, ...] = ()) -> Candles:
    """The candles that a table was made of; those that it carries forward were filled from both neighbours."""
    close = table.close.copy()
    for row in interpolate:
        close[row] = (table.close[row - 1] + table.close[row + 1]) / 2
    return Candles(table.open_us, close, ~table.is_real)


def scalers_of(table: FeatureTable, samples: Samples, splits: tuple[Split, ...]) -> list[Scaler]:
    """What an honest model would have inside."""
    scalers: list[Scaler] = []
    for fold, split in enumerate(splits):
        ends = samples.rows[split.train]
        touched = np.unique(ends[:, np.newaxis] - np.arange(DATA.window))
        values, targets = table.values[touched], samples.targets[split.train]
        scalers += [Scaler(fold, seed, values.mean(axis=0), values.std(axis=0), targets.std(axis=0)) for seed in (7, 8)]
    return scalers


def evidence_of(table: FeatureTable) -> Evidence:
    end = int(table.as_of_us[-1])
    samples = samples_of(table, DATA)
    splits = walk_forward(table, samples, data=DATA, judge=JUDGE)
    return Evidence(
        table=table,
        samples=samples,
        splits=splits,
        data=DATA,
        scalers=scalers_of(table, samples, splits),
        candles=candles_of(table, interpolate=tuple(int(row) for row in np.flatnonzero(~table.is_real))),
        changed=(),
        known_until_us=end,
    )


@pytest.fixture(scope="module")
def honest() -> Evidence:
    return evidence_of(with_filled(random_walk(ROWS, seed=1), FILLED))


def with_column(evidence: Evidence, column: FloatArray) -> Evidence:
    """The last feature is this one, in the table and in the normalisers."""
    values = evidence.table.values.copy()
    values[:, -1] = column
    return evidence_of(replace(evidence.table, values=values))


def ahead(evidence: Evidence, *, begin: int, length: int) -> FloatArray:
    """Log-return over `length` rows that begins `begin` rows after each row; noise where there is none."""
    log_close = np.log(evidence.table.close)
    rows = np.arange(log_close.size)
    start, end = rows + begin, rows + begin + length
    inside = (start >= 0) & (end < rows.size)
    noise = np.random.default_rng(3).normal(0, 5e-4, rows.size)
    return np.where(
        inside, log_close[np.clip(end, 0, rows.size - 1)] - log_close[np.clip(start, 0, rows.size - 1)], noise
    )


# One evaluation for each way, honest but for it.


def scaler_of_all_rows(honest: Evidence) -> Evidence:
    values = honest.table.values
    spoiled = [replace(s, mean=values.mean(axis=0), scale=values.std(axis=0)) for s in honest.scalers]
    return replace(honest, scalers=spoiled)


def target_scale_of_all_samples(honest: Evidence) -> Evidence:
    scale = honest.samples.targets.std(axis=0)
    return replace(honest, scalers=[replace(s, target_scale=scale) for s in honest.scalers])


def scaler_of_one_fold_later(honest: Evidence) -> Evidence:
    """Each model normalises by the rows of the next fold, which holds its test block."""
    first, second = (next(s for s in honest.scalers if s.fold == fold) for fold in (0, 1))
    return replace(honest, scalers=[replace(first, mean=second.mean, scale=second.scale)])


def shuffled_before_the_split(honest: Evidence) -> Evidence:
    """Samples are dealt to the parts by chance, as the usual helpers do; normalisers are of the train rows."""
    rng = np.random.default_rng(5)

    def deal(split: Split) -> Split:
        everything = rng.permutation(np.concatenate([split.train, split.validation, split.test]))
        sizes = np.cumsum([split.train.size, split.validation.size])
        train, validation, test = (np.sort(part) for part in np.split(everything, sizes))
        return Split(train, validation, test)

    splits = tuple(map(deal, honest.splits))
    return replace(honest, splits=splits, scalers=scalers_of(honest.table, honest.samples, splits))


def shuffled_within_a_part(honest: Evidence) -> Evidence:
    first, *others = honest.splits
    validation = np.random.default_rng(5).permutation(first.validation)
    return replace(honest, splits=(replace(first, validation=validation), *others))


def fitted_on_what_came_after_the_test(honest: Evidence) -> Evidence:
    """The newest rows are fitted on, older ones foretold."""
    *others, last = honest.splits
    shifted = Split(last.train + last.test.size + 200, last.validation, last.train[: last.test.size])
    splits = (*others, shifted)
    return replace(honest, splits=splits, scalers=scalers_of(honest.table, honest.samples, splits[:-1]))


def future_return_as_feature(honest: Evidence) -> Evidence:
    return with_column(honest, ahead(honest, begin=0, length=5))


def future_return_in_percent_and_noise(honest: Evidence) -> Evidence:
    noise = np.random.default_rng(4).normal(0, 5e-3, len(honest.table))
    return with_column(honest, 3 - 100 * ahead(honest, begin=0, length=5) + noise)


def future_close_as_feature(honest: Evidence) -> Evidence:
    return with_column(honest, np.append(honest.table.close[15:], honest.table.close[-15:]))


def future_return_shifted_by_the_horizon(honest: Evidence) -> Evidence:
    return with_column(honest, ahead(honest, begin=14, length=1))


def centred_return_as_feature(honest: Evidence) -> Evidence:
    return with_column(honest, ahead(honest, begin=-7, length=15))


def future_direction_as_feature(honest: Evidence) -> Evidence:
    return with_column(honest, np.sign(ahead(honest, begin=0, length=15)))


def future_return_bent_as_feature(honest: Evidence) -> Evidence:
    return with_column(honest, np.tanh(4_000 * ahead(honest, begin=0, length=1)) ** 3)


def targets_inside_the_windows(honest: Evidence) -> Evidence:
    """Windows end 15 rows too late: where the returns that are to be foretold have ended."""
    late = np.stack([ahead(honest, begin=-15, length=horizon) for horizon in DATA.horizons], axis=1)
    samples = Samples(honest.samples.rows, late[honest.samples.rows])
    return replace(honest, samples=samples, scalers=scalers_of(honest.table, samples, tuple(honest.splits)))


def no_distance_between_parts(honest: Evidence) -> Evidence:
    def close_up(split: Split) -> Split:
        return replace(split, train=np.arange(split.validation[0]), validation=split.validation)

    splits = tuple(map(close_up, honest.splits))
    return replace(honest, splits=splits, scalers=scalers_of(honest.table, honest.samples, splits))


def one_row_too_few_between_parts(honest: Evidence) -> Evidence:
    first, *others = honest.splits
    rows, train = honest.samples.rows, honest.splits[0].train
    last = int(np.searchsorted(rows, rows[first.validation[0]] - DATA.window - DATA.longest, side="right"))
    splits = (replace(first, train=np.arange(last + 1)), *others)
    assert last + 1 > train.size
    return replace(honest, splits=splits, scalers=scalers_of(honest.table, honest.samples, splits))


def rows_that_hold_the_interpolated_close(honest: Evidence) -> Evidence:
    """What fills a candle was made from both neighbours; the row takes it instead of the last real close."""
    close = np.where(honest.candles.filled, honest.candles.close, honest.table.close)
    return replace(honest, table=replace(honest.table, close=close))


def targets_of_interpolated_rows(honest: Evidence) -> Evidence:
    """Samples are made as if every candle had been real."""
    table = replace(honest.table, is_real=np.ones(len(honest.table), dtype=bool))
    return replace(evidence_of(table), candles=honest.candles)


def features_of_interpolated_rows(honest: Evidence) -> Evidence:
    opened = int(honest.table.open_us[FILLED[0]])
    changed = [Changed("roc_1_1m", opened, opened + 60_000_000, 0.03, 0.0, from_filled=True)]
    return replace(honest, changed=changed)


def rows_as_of_their_open(honest: Evidence) -> Evidence:
    return replace(honest, table=replace(honest.table, as_of_us=honest.table.open_us))


def a_candle_that_closes_after_the_day(honest: Evidence) -> Evidence:
    return replace(honest, known_until_us=honest.known_until_us - 1)


def prices_of_the_candle_after(honest: Evidence) -> Evidence:
    """Each row takes the close of the candle that opens when its own closes."""
    close = honest.table.close
    after = np.where(honest.table.is_real, np.append(close[1:], close[-1]), close)
    table = replace(honest.table, close=after)
    return replace(evidence_of(table), candles=honest.candles)


def features_of_an_open_candle(honest: Evidence) -> Evidence:
    opened = int(honest.table.open_us[100])
    return replace(honest, changed=[Changed("rsi_14_15m", opened, opened + 60_000_000, 55.0, 54.0)])


PLANTED: list[tuple[Callable[[Evidence], Evidence], LeakKind, Guard]] = [
    (scaler_of_all_rows, LeakKind.SCALER, scaler_fitted_on_the_future),
    (scaler_of_one_fold_later, LeakKind.SCALER, scaler_fitted_on_the_future),
    (target_scale_of_all_samples, LeakKind.SCALER, scaler_fitted_on_the_future),
    (shuffled_before_the_split, LeakKind.SHUFFLED, shuffled_split),
    (shuffled_within_a_part, LeakKind.SHUFFLED, shuffled_split),
    (fitted_on_what_came_after_the_test, LeakKind.SHUFFLED, shuffled_split),
    (future_return_as_feature, LeakKind.TARGET, target_inside_the_features),
    (future_return_in_percent_and_noise, LeakKind.TARGET, target_inside_the_features),
    (future_close_as_feature, LeakKind.TARGET, target_inside_the_features),
    (future_return_shifted_by_the_horizon, LeakKind.TARGET, target_inside_the_features),
    (centred_return_as_feature, LeakKind.TARGET, target_inside_the_features),
    (future_direction_as_feature, LeakKind.TARGET, target_inside_the_features),
    (future_return_bent_as_feature, LeakKind.TARGET, target_inside_the_features),
    (targets_inside_the_windows, LeakKind.TARGET, target_inside_the_features),
    (no_distance_between_parts, LeakKind.EMBARGO, no_embargo),
    (one_row_too_few_between_parts, LeakKind.EMBARGO, no_embargo),
    (rows_that_hold_the_interpolated_close, LeakKind.INTERPOLATED, interpolated_future),
    (targets_of_interpolated_rows, LeakKind.INTERPOLATED, interpolated_future),
    (features_of_interpolated_rows, LeakKind.INTERPOLATED, interpolated_future),
    (rows_as_of_their_open, LeakKind.OPEN_CANDLE, open_candle),
    (a_candle_that_closes_after_the_day, LeakKind.OPEN_CANDLE, open_candle),
    (prices_of_the_candle_after, LeakKind.OPEN_CANDLE, open_candle),
    (features_of_an_open_candle, LeakKind.OPEN_CANDLE, open_candle),
]


@pytest.mark.parametrize(("plant", "kind", "guard"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_planted_leak_is_named_and_passes_unnoticed_without_its_guard(
    honest: Evidence, plant: Callable[[Evidence], Evidence], kind: LeakKind, guard: Guard
) -> None:
    planted = plant(honest)

    found = find_leaks(planted)

    assert {leak.kind for leak in found} == {kind}, [str(leak) for leak in found]
    assert all(leak.sentence.endswith(".") for leak in found)
    assert [leak for other in GUARDS if other is not guard for leak in other(planted)] == []


def test_every_kind_of_leak_is_planted_and_every_guard_is_asked() -> None:
    assert {kind for _, kind, _ in PLANTED} == set(LeakKind)
    assert {guard for _, _, guard in PLANTED} == set(GUARDS)


@pytest.mark.parametrize("seed", range(4))
def test_an_honest_walk_has_no_leak(seed: int) -> None:
    assert find_leaks(evidence_of(with_filled(random_walk(ROWS, seed=seed), FILLED))) == []


@pytest.mark.parametrize("strength", [0.1, 0.5, 0.65])
def test_a_signal_that_can_be_learnt_is_no_leak(strength: float) -> None:
    assert find_leaks(evidence_of(with_signal(ROWS, seed=2, strength=strength))) == []


@pytest.mark.parametrize("window", [1, 5, 14, 15, 60])
def test_momentum_and_averages_of_the_past_are_no_leak(honest: Evidence, window: int) -> None:
    close = honest.table.close
    before = close[np.maximum(np.arange(close.size) - window, 0)]
    mean: FloatArray = np.convolve(close, np.ones(window) / window)[: close.size].astype(np.float64)
    mean[:window] = close[:window]
    columns = (np.log(close / before), 100 * (close / before - 1), close, mean, close / mean, np.sign(close - before))
    names = tuple(f"past_{number}" for number in range(len(columns)))
    table = replace(honest.table, features=names, values=np.stack(columns, axis=1))
    assert find_leaks(evidence_of(table)) == []


def test_a_momentum_that_foretells_most_of_a_trending_market_is_no_leak() -> None:
    rng = np.random.default_rng(6)
    returns = np.zeros(ROWS)
    for row in range(1, ROWS):
        returns[row] = 0.97 * returns[row - 1] + rng.normal(0, 1e-4)
    table = random_walk(ROWS, seed=6)
    values = np.column_stack([100 * returns, np.cumsum(returns), np.sign(returns), rng.normal(0, 1, ROWS)])
    trending = replace(table, close=60_000 * np.exp(np.cumsum(returns)), values=values)

    assert np.corrcoef(returns[1:], returns[:-1])[0, 1] > 0.95
    assert find_leaks(evidence_of(trending)) == []


def test_a_constant_feature_and_one_that_is_null_are_no_leak(honest: Evidence) -> None:
    values = honest.table.values.copy()
    values[:, 2] = 5.0
    assert find_leaks(evidence_of(replace(honest.table, values=values))) == []


def test_the_sentence_tells_what_was_found_and_where(honest: Evidence) -> None:
    (leak,) = find_leaks(future_return_as_feature(honest))
    assert leak.sentence.startswith("volume_spike_20_1m is a sum of returns that come after its row: R2 is 1.000")

    (leak, *_) = find_leaks(scaler_of_all_rows(honest))
    assert "fold 1, seed 7" in leak.sentence
    assert "which is the mean of all rows" in leak.sentence

    (leak, *_) = find_leaks(targets_inside_the_windows(honest))
    assert "they are the return that begins 15 rows earlier" in leak.sentence

    (leak, *_) = find_leaks(rows_that_hold_the_interpolated_close(honest))
    assert leak.sentence.startswith(
        "2 of 2 rows of filled candles do not carry the last real close; that of 2024-08-01"
    )
