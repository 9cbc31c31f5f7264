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
from crypto_assets_tests.forecast.tables import random_walk, with_filled, with_signal, with_value

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


@pytest.mark.filterwarnings("error")
def test_a_constant_feature_and_one_that_is_null_are_no_leak(honest: Evidence) -> None:
    values = honest.table.values.copy()
    values[:, 2] = 5.0
    assert find_leaks(evidence_of(replace(honest.table, values=values))) == []


FIRST_SENTENCES: dict[Callable[[Evidence], Evidence], str] = {
    scaler_of_all_rows: "fold 1, seed 7: the model normalises 4 of 4 features by other figures than those of its 806 "
    "train rows; roc_3_1m by a mean of -0.00204811 instead of -0.0110004, which is the mean of all rows.",
    scaler_of_one_fold_later: "fold 1, seed 7: the model normalises 4 of 4 features by other figures than those of its "
    "806 train rows; volume_spike_20_1m by a mean of 1.62507 instead of 1.65527.",
    target_scale_of_all_samples: "fold 1, seed 7: the model scales targets over 1 rows by 0.000505084; its train "
    "targets have a standard deviation of 0.00049468.",
    shuffled_before_the_split: "fold 1: 794 of 795 train samples are not older than the first validation sample, "
    "2024-08-01 00:09:00.",
    shuffled_within_a_part: "fold 1: the validation samples do not ascend in time.",
    fitted_on_what_came_after_the_test: "fold 3: 506 of 1,353 train samples are not older than the first validation "
    "sample, 2024-08-01 23:08:00.",
    future_return_as_feature: "volume_spike_20_1m is a sum of returns that come after its row: R2 is 1.000 over 1,947 "
    "rows, which chance gives with p < 0.001 over all columns.",
    future_direction_as_feature: "volume_spike_20_1m is the sign of the return over 15 rows, as it were: R2 is 1.000 "
    "over 1,947 rows, which chance gives with p < 0.001 over all columns.",
    targets_inside_the_windows: "1,970 of 1,970 targets over 1 rows are not the return that follows the newest row of "
    "their window; they are the return that begins 15 rows earlier.",
    no_distance_between_parts: "fold 1: the first validation sample comes 1 rows after the last train sample; windows "
    "of 8 and targets of 15 rows need 23.",
    one_row_too_few_between_parts: "fold 1: the first validation sample comes 22 rows after the last train sample; "
    "windows of 8 and targets of 15 rows need 23.",
    rows_that_hold_the_interpolated_close: "2 of 2 rows of filled candles do not carry the last real close; that of "
    "2024-08-01 11:40:00 is 58926.48206 instead of 58943.84061.",
    targets_of_interpolated_rows: "8 targets or window ends are of a filled candle.",
    features_of_interpolated_rows: "1 columns come out otherwise from what was known by as_of: roc_1_1m. roc_1_1m of "
    "2024-08-01 11:40:00 is 0.03, and 0 with all after 2024-08-01 11:41:00 cut off. It is what comes of taking filled "
    "candles for real ones.",
    rows_as_of_their_open: "2,000 of 2,000 rows are not as of the close of their candle; the one that opened at "
    "2024-08-01 00:00:00 says 2024-08-01 00:00:00.",
    a_candle_that_closes_after_the_day: "1 rows close after 2024-08-02 09:19:59, the end of the last day.",
    prices_of_the_candle_after: "1,995 of 1,998 rows have another price than their candle closed at; that of "
    "2024-08-01 00:00:00 is 60035.02629 instead of 60010.36842.",
    features_of_an_open_candle: "1 columns come out otherwise from what was known by as_of: rsi_14_15m. rsi_14_15m of "
    "2024-08-01 01:40:00 is 55, and 54 with all after 2024-08-01 01:41:00 cut off.",
}


@pytest.mark.parametrize("plant", FIRST_SENTENCES, ids=lambda plant: plant.__name__)
def test_the_sentence_tells_what_was_found_and_where(honest: Evidence, plant: Callable[[Evidence], Evidence]) -> None:
    assert find_leaks(plant(honest))[0].sentence == FIRST_SENTENCES[plant]


def test_of_many_columns_that_come_out_otherwise_three_are_named_once_each(honest: Evidence) -> None:
    changed = [Changed(name, 0, 60_000_000, 1.0, 2.0) for name in ("a", "b", "a", "c", "d", "e")]
    (leak,) = find_leaks(replace(honest, changed=changed))
    assert leak.sentence.startswith("5 columns come out otherwise from what was known by as_of: a, b, c and 2 more. a ")
    (leak,) = find_leaks(replace(honest, changed=changed[:5]))
    assert leak.sentence.startswith("4 columns come out otherwise from what was known by as_of: a, b, c and 1 more. a ")
    (leak,) = find_leaks(replace(honest, changed=changed[:4]))
    assert leak.sentence.startswith("3 columns come out otherwise from what was known by as_of: a, b, c. a of ")
    assert str(leak).startswith("open candle: 3 columns come")


@pytest.mark.parametrize(("part", "is_named"), [(0.9e-6, False), (1.1e-6, True)])
@pytest.mark.parametrize("figure", ["mean", "scale", "target_scale"])
def test_a_normaliser_may_be_off_by_rounding_and_not_by_more(
    honest: Evidence, figure: str, part: float, is_named: bool
) -> None:
    first, *others = honest.scalers
    found = getattr(first, figure).copy()
    unit = first.target_scale if figure == "target_scale" else first.scale
    found[2] -= part * unit[2]
    leaks = find_leaks(replace(honest, scalers=[replace(first, **{figure: found}), *others]))
    assert [leak.kind for leak in leaks] == [LeakKind.SCALER] * is_named
    if leaks:
        said = "targets over 15 rows" if figure == "target_scale" else "1 of 4 features"
        assert f"fold 1, seed 7: the model {'scales' if 'over' in said else 'normalises'} {said}" in leaks[0].sentence


def test_the_feature_that_is_off_most_is_named_and_one_that_is_no_number_before_all(honest: Evidence) -> None:
    first, *others = honest.scalers
    mean = first.mean + first.scale * [1, 3, 2, 0]
    (leak,) = find_leaks(replace(honest, scalers=[replace(first, mean=mean), *others]))
    assert "normalises 3 of 4 features" in leak.sentence
    assert "; roc_3_1m by" in leak.sentence
    mean[2] = np.nan
    (leak,) = find_leaks(replace(honest, scalers=[replace(first, mean=mean), *others]))
    assert "; taker_buy_ratio_1m by a mean of nan instead of" in leak.sentence


def test_a_constant_feature_may_be_divided_by_anything_and_must_have_its_own_mean(honest: Evidence) -> None:
    still = evidence_of(with_value(honest.table, "roc_3_1m", 0.0))
    scale = [replace(s, scale=np.where(s.scale > 0, s.scale, 1.0)) for s in still.scalers]
    assert find_leaks(replace(still, scalers=scale)) == []
    off = np.array([0, 1.1e-6, 0, 0])
    (leak, *_) = find_leaks(replace(still, scalers=[replace(s, mean=s.mean + off) for s in scale]))
    assert "1 of 4 features" in leak.sentence
    assert find_leaks(replace(still, scalers=[replace(s, mean=s.mean + 0.8 * off) for s in scale])) == []


def test_a_value_that_is_missing_counts_in_no_mean(honest: Evidence) -> None:
    """Rows with a missing value are in no window, so the table is cut: windows hold what is left."""
    table = with_value(honest.table, "roc_3_1m", np.nan, rows=range(100, 110))
    evidence = evidence_of(table)
    assert find_leaks(evidence) == []
    roc = np.array(table.features) == "roc_3_1m"
    everything = np.nanmean(table.values, axis=0)
    of_all = [replace(s, mean=np.where(roc, everything, s.mean)) for s in evidence.scalers]
    leaks = find_leaks(replace(evidence, scalers=of_all))
    assert len(leaks) == len(of_all)
    for leak in leaks:
        assert "; roc_3_1m by" in leak.sentence
        assert leak.sentence.endswith(", which is the mean of all rows.")


def test_parts_as_far_apart_as_window_and_horizon_have_rows_share_none(honest: Evidence) -> None:
    first, *others = honest.splits
    rows = honest.samples.rows
    last = int(np.searchsorted(rows, rows[first.validation[0]] - DATA.window - DATA.longest))
    assert rows[first.validation[0]] - rows[last] == DATA.window + DATA.longest
    splits = (replace(first, train=np.arange(last + 1)), *others)
    assert find_leaks(replace(honest, splits=splits, scalers=scalers_of(honest.table, honest.samples, splits))) == []


def test_a_test_block_that_begins_with_the_last_row_of_the_one_before_overlaps(honest: Evidence) -> None:
    first, second, third = honest.splits
    longer = replace(first, test=np.arange(first.test[0], second.test[0] + 1))
    (leak,) = find_leaks(replace(honest, splits=(longer, second, third)))
    assert leak.sentence == "the test blocks of folds 1 and 2 overlap."


def test_a_filled_candle_carries_the_last_real_close_from_the_second_candle_on() -> None:
    """Of one before any real candle nothing is known, so nothing is said."""
    table = with_filled(random_walk(ROWS, seed=1), (1,))
    spoiled = evidence_of(replace(table, close=np.where(table.is_real, table.close, table.close + 1)))
    (leak,) = find_leaks(spoiled)
    assert leak.kind is LeakKind.INTERPOLATED
    assert leak.sentence.startswith(
        "1 of 1 rows of filled candles do not carry the last real close; that of 2024-08-01"
    )
    first = with_filled(random_walk(ROWS, seed=1), (0,))
    unknown = np.where(first.is_real, first.close, first.close + 1)
    assert find_leaks(replace(evidence_of(first), candles=Candles(first.open_us, unknown, ~first.is_real))) == []


def test_a_candle_whose_close_is_not_known_contradicts_nothing(honest: Evidence) -> None:
    close = honest.candles.close.copy()
    close[100] = np.nan
    assert find_leaks(replace(honest, candles=replace(honest.candles, close=close))) == []
    kept = np.arange(len(honest.table)) != 100
    fewer = Candles(honest.candles.open_us[kept], honest.candles.close[kept], honest.candles.filled[kept])
    assert find_leaks(replace(honest, candles=fewer)) == []


@pytest.mark.parametrize(("part", "is_named"), [(0.9e-12, False), (1.2e-12, True)])
def test_a_price_may_be_off_by_rounding_and_not_by_more(honest: Evidence, part: float, is_named: bool) -> None:
    close = honest.candles.close.copy()
    close[100] *= 1 + part
    assert bool(find_leaks(replace(honest, candles=replace(honest.candles, close=close)))) == is_named
