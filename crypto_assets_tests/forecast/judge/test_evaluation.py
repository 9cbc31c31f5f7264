"""Walking forward: every figure of every fold, seed, horizon and regime, on rows that no choice was made on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from crypto_assets.errors import TrainingFailed
from crypto_assets.forecast.judge.baselines import BASELINES, MAJORITY_SIGN, PERSISTENCE
from crypto_assets.forecast.judge.evaluation import Evaluated, Evaluation, evaluate
from crypto_assets.forecast.judge.figures import REGIMES
from crypto_assets.forecast.judge.significance import skill_interval
from crypto_assets.forecast.options import JudgeOptions
from crypto_assets.forecast.table import FeatureTable, Forecasts, IntArray, Samples, Split
from crypto_assets_tests.forecast.judge.worlds import guess, judged, linear, options_of, oracle, samples_for, splits_for
from crypto_assets_tests.forecast.tables import random_walk

HORIZONS = (1, 5)
OPTIONS = options_of(horizons=HORIZONS, folds=5, seeds=3, resamples=100)
TABLE = random_walk(1_500, seed=4)


@pytest.fixture(scope="module")
def guessed() -> Evaluated:
    return judged(TABLE, guess, OPTIONS)


def test_by_default_five_folds_and_three_seeds_are_judged() -> None:
    assert (JudgeOptions().folds, JudgeOptions().seeds) == (5, 3)


def test_there_are_figures_of_every_fold_seed_horizon_and_regime(guessed: Evaluated) -> None:
    evaluation = guessed.evaluation
    assert evaluation.seeds == (7, 8, 9)
    assert [fold.number for fold in evaluation.folds] == [1, 2, 3, 4, 5]
    for horizon in HORIZONS:
        for fold in (1, 2, 3, 4, 5, None):
            for seed in evaluation.seeds:
                cell = evaluation.model(horizon=horizon, seed=seed, fold=fold)
                assert [one.baseline for one in cell.comparisons] == list(BASELINES)
                assert cell.errors is not None
                assert cell.calibration is not None
                assert cell.lag is not None
                assert cell.profit is not None
                regimes = [evaluation.model(horizon=horizon, seed=seed, fold=fold, regime=one).rows for one in REGIMES]
                assert sum(regimes) == cell.rows
            for name in BASELINES:
                cell = evaluation.baseline(name, horizon=horizon, fold=fold)
                assert (cell.errors is None) == (name == MAJORITY_SIGN)


def test_all_folds_together_hold_each_test_row_once(guessed: Evaluated) -> None:
    folds = guessed.evaluation.folds
    assert guessed.evaluation.model(horizon=1, seed=7).rows == sum(fold.test_rows for fold in folds)
    for before, after in pairwise(folds):
        assert before.last_as_of_us < after.first_as_of_us


def test_an_evaluation_survives_as_json(guessed: Evaluated) -> None:
    content = msgspec.json.encode(guessed.evaluation)
    assert msgspec.json.decode(content, type=Evaluation) == guessed.evaluation


def test_no_figure_is_missing_because_it_was_no_number(guessed: Evaluated) -> None:
    """JSON has no word for NaN: it would come back as null where a number belongs."""

    def numbers(value: object) -> list[float]:
        match value:
            case float():
                return [value]
            case dict():
                return [number for one in value.values() for number in numbers(one)]
            case list() | tuple():
                return [number for one in value for number in numbers(one)]
            case _:
                return []

    found = numbers(msgspec.to_builtins(guessed.evaluation))
    assert len(found) > 5_000
    assert np.isfinite(found).all()


def test_the_figures_are_those_of_the_rows(guessed: Evaluated) -> None:
    rows = guessed.rows.to_pandas()
    ours = rows[(rows.fold == 5) & (rows.seed == 8) & (rows.horizon == 5)]
    cell = guessed.evaluation.model(horizon=5, seed=8, fold=5)
    assert cell.errors is not None
    assert cell.calibration is not None
    assert cell.errors.rmse_bps == pytest.approx(1e4 * ((ours.forecast - ours.realised) ** 2).mean() ** 0.5)
    assert cell.errors.skill == pytest.approx(
        1 - ((ours.forecast - ours.realised) ** 2).sum() / ((ours.persistence - ours.realised) ** 2).sum()
    )
    assert cell.calibration.inside == pytest.approx(((ours.realised - ours.forecast).abs() <= ours.half_width).mean())
    ridge = guessed.evaluation.baseline("ridge", horizon=5, fold=5).errors
    assert ridge is not None
    assert ridge.mae_bps == pytest.approx(1e4 * (ours.ridge - ours.realised).abs().mean())


def test_an_evaluation_says_what_it_is_of(guessed: Evaluated) -> None:
    found = guessed.evaluation
    assert (found.symbol, found.source, found.step_us) == ("BTCUSDT", "gold_features", 60_000_000)
    assert (found.horizons, found.options, found.schema_version) == (HORIZONS, OPTIONS, 1)


def test_a_fold_tells_its_rows_and_the_terciles_of_its_training_rows(guessed: Evaluated) -> None:
    samples = samples_for(TABLE, OPTIONS)
    returns = np.diff(np.log(TABLE.close), prepend=np.log(TABLE.close[0]))

    def volatility(part: IntArray) -> list[float]:
        return [float(np.sqrt(np.mean(returns[row - 7 : row + 1] ** 2))) for row in samples.rows[part]]

    rows = guessed.rows.to_pandas()
    for fold, split in zip(guessed.evaluation.folds, splits_for(TABLE, samples, OPTIONS), strict=True):
        as_of = TABLE.as_of_us[samples.rows[split.test]]
        assert (fold.train_rows, fold.validation_rows) == (split.train.size, split.validation.size)
        assert (fold.test_rows, fold.first_as_of_us, fold.last_as_of_us) == (as_of.size, as_of[0], as_of[-1])
        low, high = np.quantile(volatility(split.train), [1 / 3, 2 / 3])
        assert fold.volatility_bounds == pytest.approx((low, high))
        regimes = [int(one > low) + int(one > high) for one in volatility(split.test)]
        ours = rows[(rows.fold == fold.number) & (rows.seed == 7) & (rows.horizon == 5)]
        assert ours.regime.tolist() == regimes
        cells = [guessed.evaluation.baseline("drift", horizon=1, fold=fold.number, regime=one) for one in REGIMES]
        assert [cell.rows for cell in cells] == [regimes.count(one) for one in range(3)]


def test_an_interval_is_as_wide_as_four_fifths_of_the_validation_errors_were(guessed: Evaluated) -> None:
    samples = samples_for(TABLE, OPTIONS)
    rows = guessed.rows.to_pandas()
    for number, split in enumerate(splits_for(TABLE, samples, OPTIONS), start=1):
        error = np.abs(samples.targets[split.validation] - guess(TABLE, samples, split, 8).validation)
        for index, horizon in enumerate(HORIZONS):
            ours = rows[(rows.fold == number) & (rows.seed == 8) & (rows.horizon == horizon)]
            assert ours.half_width.tolist() == pytest.approx([np.quantile(error[:, index], 0.8)] * len(ours))
    calibration = guessed.evaluation.model(horizon=5, seed=8).calibration
    assert calibration is not None
    assert calibration.stated == 0.8


def test_the_interval_of_a_skill_is_drawn_with_the_seed_of_the_network(guessed: Evaluated) -> None:
    rows = guessed.rows.to_pandas()
    for fold in (2, None):
        ours = rows[((rows.fold == fold) | (fold is None)) & (rows.seed == 9) & (rows.horizon == 5)]
        loss, naive = ((ours.realised - ours[name]) ** 2 for name in ("forecast", "persistence"))
        rng = np.random.default_rng(7)
        expected = skill_interval(loss.to_numpy(), naive.to_numpy(), horizon=5, alpha=0.05, resamples=100, rng=rng)
        errors = guessed.evaluation.model(horizon=5, seed=9, fold=fold).errors
        assert errors is not None
        assert errors.interval == expected


def test_trades_and_tested_directions_do_not_overlap_at_a_long_horizon(guessed: Evaluated) -> None:
    rows = guessed.rows.to_pandas()
    ours = rows[(rows.fold == 3) & (rows.seed == 7) & (rows.horizon == 5)]
    free, taken = 0, 0
    for as_of in ours.as_of_us:
        if as_of >= free:
            free, taken = as_of + 5 * 60_000_000, taken + 1
    cell = guessed.evaluation.model(horizon=5, seed=7, fold=3)
    assert cell.profit is not None
    assert cell.profit.trades == taken < len(ours) / 4
    assert cell.profit.before_fees_bps - cell.profit.after_fees_bps == pytest.approx(2 * OPTIONS.judge.fee_bps * taken)


def test_there_is_a_row_for_each_test_sample_seed_and_horizon(guessed: Evaluated) -> None:
    assert guessed.rows.column_names == [
        *("as_of_us", "fold", "seed", "horizon", "regime", "realised", "forecast", "half_width"),
        *("persistence", "last_return", "drift", "autoregression", "ridge", "boosted_trees", "majority_sign"),
    ]
    samples = samples_for(TABLE, OPTIONS)
    tested = np.concatenate([split.test for split in splits_for(TABLE, samples, OPTIONS)])
    assert guessed.rows.num_rows == tested.size * 3 * 2
    rows = guessed.rows.to_pandas()
    ours = rows[(rows.seed == 9) & (rows.horizon == 5)]
    assert ours.as_of_us.tolist() == TABLE.as_of_us[samples.rows[tested]].tolist()
    assert ours.realised.tolist() == samples.targets[tested, 1].tolist()


def test_the_same_models_give_the_same_evaluation(guessed: Evaluated) -> None:
    assert judged(TABLE, guess, OPTIONS).evaluation == guessed.evaluation


def test_scales_bounds_and_intervals_know_nothing_of_the_test_rows() -> None:
    samples = samples_for(TABLE, OPTIONS)
    split = splits_for(TABLE, samples, OPTIONS)[-1]
    later = np.arange(len(TABLE)) > samples.rows[split.test[0]]
    wild = replace(TABLE, close=np.where(later, TABLE.close * np.exp(later.cumsum() % 2), TABLE.close))
    loud = samples.targets.copy()
    loud[split.test] = 1.0

    def of(table: FeatureTable, targets: np.ndarray) -> Evaluated:
        chosen = replace(samples, targets=targets)
        return evaluate(
            table, chosen, [split], fit=lambda split, seed: guess(table, chosen, split, seed), options=OPTIONS
        )

    here, there = of(TABLE, samples.targets), of(wild, loud)
    assert here.evaluation.folds[0].volatility_bounds == there.evaluation.folds[0].volatility_bounds
    assert here.rows["half_width"].equals(there.rows["half_width"])
    errors = there.evaluation.baseline(PERSISTENCE, horizon=1).errors
    assert errors is not None
    assert errors.mase == pytest.approx(1 / np.abs(samples.targets[split.train, 0]).mean())


def test_a_model_is_asked_for_every_split_with_every_seed_and_judged_on_its_own_answer() -> None:
    asked: list[tuple[int, int]] = []

    def noted(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
        asked.append((int(split.test[0]), seed))
        made = oracle(table, samples, split, seed)
        return replace(made, test=made.test if seed == 8 else 0 * made.test)

    evaluation = judged(TABLE, noted, options_of(seeds=2)).evaluation
    samples = samples_for(TABLE, options_of())
    starts = [int(split.test[0]) for split in splits_for(TABLE, samples, options_of())]
    assert asked == [(start, seed) for start in starts for seed in (7, 8)]
    assert evaluation.skills(horizon=1, fold=2) == pytest.approx((0.0, 0.75))


def test_a_copy_of_the_last_return_is_called_one() -> None:
    def copy(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
        price, rows = np.log(table.close), samples.rows
        last = (price[rows] - price[rows - 1])[:, None]
        return Forecasts(validation=last[split.validation], test=last[split.test])

    lag = judged(TABLE, copy, options_of()).evaluation.model(horizon=1, seed=7).lag
    assert lag is not None
    assert (lag.is_copy, lag.lag) == (True, 1)


@pytest.mark.parametrize(("ago", "lag"), [(0, 5), (2, 7), (3, None)])
def test_a_copy_of_one_of_the_last_three_returns_is_told_apart(ago: int, lag: int | None) -> None:
    def copy(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
        price, rows = np.log(table.close), np.maximum(samples.rows, 8)
        past = (price[rows - ago] - price[rows - ago - 5])[:, None]
        return Forecasts(validation=past[split.validation], test=past[split.test])

    found = judged(TABLE, copy, options_of(horizons=(5,))).evaluation.model(horizon=5, seed=7).lag
    assert found is not None
    assert (found.lag if found.is_copy else None) == lag


def test_figures_that_are_not_there_are_a_lookup_error(guessed: Evaluated) -> None:
    with pytest.raises(LookupError, match="no figures of"):
        guessed.evaluation.model(horizon=3, seed=7)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 11.0, -1e300])
@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_forecast_that_is_no_number_is_a_training_that_failed(strange: float, part: str) -> None:
    def diverged(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
        made = linear(table, samples, split, seed)
        getattr(made, part)[3, 1] = strange
        return made

    sentence = (
        rf"^BTCUSDT: fold 1, seed 7: 1 of [\d,]+ {part} forecasts are no numbers or log-returns beyond ±10: the"
        r" training diverged\. Lower the learning rate; no figure was made\.$"
    )
    with pytest.raises(TrainingFailed, match=sentence):
        judged(TABLE, diverged, OPTIONS)


def test_a_forecast_may_be_ten_and_no_more() -> None:
    def wild(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
        made = guess(table, samples, split, seed)
        made.test[0, 0], made.validation[0, 0] = -10.0, 10.0
        return made

    assert judged(TABLE, wild, options_of()).rows.num_rows > 0


def test_a_forecast_of_too_few_rows_is_a_training_that_failed() -> None:
    def short(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
        made = guess(table, samples, split, seed)
        return replace(made, test=made.test[1:])

    with pytest.raises(TrainingFailed, match=r"fold 1, seed 7: (\d+) test rows and 2 horizons .* of shape \(\d+, 2\)"):
        judged(TABLE, short, OPTIONS)
