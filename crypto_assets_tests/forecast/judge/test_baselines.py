"""Each baseline foretells what its name says, from the training rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from crypto_assets.forecast.judge.baselines import BASELINES, MAJORITY_SIGN, PERSISTENCE, Problem, foretell
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets_tests.forecast.judge.worlds import options_of, samples_for, splits_for
from crypto_assets_tests.forecast.tables import random_walk, table_of, with_signal, with_value, without_rows

HORIZONS = (1, 5)


def problem_of(table: FeatureTable) -> Problem:
    """The newest split of a table."""
    options = options_of(horizons=HORIZONS)
    samples = samples_for(table, options)
    return Problem(table=table, samples=samples, split=splits_for(table, samples, options)[-1], data=options.data)


def skill_of(problem: Problem, forecast: FloatArray, *, horizon: int = 0) -> float:
    realised = problem.targets(problem.split.test)[:, horizon]
    return 1 - float(np.sum((forecast[:, horizon] - realised) ** 2) / np.sum(realised**2))


def autoregressive(rows: int, *, memory: float) -> FeatureTable:
    """A price whose log-return is `memory` times the one before, and noise; its features tell nothing."""
    rng = np.random.default_rng(6)
    returns = rng.normal(0, 5e-4, rows)
    for row in range(1, rows):
        returns[row] += memory * returns[row - 1]
    return table_of(60_000 * np.exp(returns.cumsum()), rng.normal(size=(rows, 2)), features=("one", "other"))


WALK = problem_of(random_walk(1_200, seed=1))


def test_the_baselines_of_the_report_are_all_there() -> None:
    assert list(BASELINES) == [
        "persistence (zero return)",
        "last return",
        "drift",
        "autoregression",
        "ridge",
        "boosted trees",
        "majority sign",
    ]


def test_persistence_is_the_zero_return() -> None:
    assert not foretell(WALK)[PERSISTENCE].any()


def test_the_last_return_is_the_one_that_ended_with_the_row() -> None:
    price, rows = np.log(WALK.table.close), WALK.rows(WALK.split.test)
    expected = np.column_stack([price[rows] - price[rows - horizon] for horizon in HORIZONS])
    assert foretell(WALK)["last return"] == pytest.approx(expected)


def test_the_last_return_is_zero_where_a_gap_hides_it() -> None:
    problem = problem_of(without_rows(random_walk(1_200, seed=1), [1_000]))
    problem = replace(problem, data=options_of(horizons=(1, 20)).data)  # further back than the window is whole
    after = int(np.flatnonzero(problem.rows(problem.split.test) == 1_019)[0])  # of the minute 1,020
    assert foretell(problem)["last return"][after - 1 : after + 2, 1].astype(bool).tolist() == [True, False, True]
    assert np.isfinite(foretell(problem)["last return"]).all()


def test_drift_and_majority_sign_are_those_of_the_training_rows() -> None:
    target, made = WALK.targets(WALK.split.train), foretell(WALK)
    assert made["drift"] == pytest.approx(np.tile(target.mean(axis=0), (WALK.split.test.size, 1)))
    up = (target > 0).mean(axis=0) >= 0.5
    assert made[MAJORITY_SIGN].tolist() == np.tile(np.where(up, 1.0, -1.0), (WALK.split.test.size, 1)).tolist()


def test_the_autoregression_finds_a_memory_of_returns_at_each_horizon() -> None:
    problem = problem_of(autoregressive(4_000, memory=0.6))
    made = foretell(problem)["autoregression"]
    # In theory memory² of the variance one row ahead: 0.36. Over 5 rows (0.6 + … + 0.6^5) returns, 0.15.
    assert skill_of(problem, made) == pytest.approx(0.36, abs=0.04)
    assert skill_of(problem, made, horizon=1) == pytest.approx(0.15, abs=0.05)


@pytest.mark.parametrize("name", ["ridge", "boosted trees"])
def test_what_a_feature_of_the_newest_row_tells_is_found(name: str) -> None:
    problem = problem_of(with_signal(4_000, seed=2, strength=0.5))
    assert skill_of(problem, foretell(problem)[name]) == pytest.approx(0.5, abs=0.06)


def test_ridge_finds_what_the_mean_of_a_window_tells() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(4_000, 1))
    mean = np.convolve(values[:, 0], np.ones(8) / 8)[:4_000]
    returns = np.append(0.0, mean[:-1]) * 5e-4 + rng.normal(0, 1e-4, 4_000)
    problem = problem_of(table_of(60_000 * np.exp(returns.cumsum()), values, features=("known",)))
    assert skill_of(problem, foretell(problem)["ridge"]) > 0.5


@pytest.mark.parametrize("name", ["autoregression", "ridge", "boosted trees"])
def test_where_nothing_can_be_learnt_little_is_lost(name: str) -> None:
    assert skill_of(WALK, foretell(WALK)[name]) > -0.05


@pytest.mark.parametrize("name", BASELINES)
def test_no_forecast_depends_on_what_came_after_its_row(name: str) -> None:
    table, split = WALK.table, WALK.split
    row = int(WALK.rows(split.test)[50])
    later = np.arange(len(table)) > row
    rng = np.random.default_rng(0)
    noisy = replace(
        table,
        close=np.where(later, rng.uniform(1, 9, len(table)), table.close),
        values=np.where(later[:, None], rng.normal(0, 50, table.values.shape), table.values),
    )
    targets = WALK.samples.targets.copy()
    targets[split.test] = rng.normal(size=(split.test.size, len(HORIZONS)))  # not even of the rows before
    other = replace(WALK, table=noisy, samples=replace(WALK.samples, targets=targets))
    here, there = BASELINES[name](WALK), BASELINES[name](other)
    assert there[:51] == pytest.approx(here[:51], rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", ["ridge", "boosted trees", "autoregression"])
def test_the_validation_rows_choose_and_do_not_teach(name: str) -> None:
    """Validation outcomes that say "foretell nothing" lead to another choice, and to that choice alone."""
    problem = problem_of(with_signal(2_000, seed=2, strength=0.5))
    targets = problem.samples.targets.copy()
    targets[problem.split.validation] = problem.targets(problem.split.train).mean(axis=0)
    other = replace(problem, samples=replace(problem.samples, targets=targets))
    assert np.abs(BASELINES[name](other)).mean() <= np.abs(BASELINES[name](problem)).mean()
    flat = replace(
        problem,
        samples=replace(
            problem.samples,
            targets=np.where(
                np.isin(np.arange(len(targets)), problem.split.train)[:, None], 0.0, problem.samples.targets
            ),
        ),
    )
    assert not BASELINES[name](flat).any()  # nothing but the training rows was fitted


def test_constant_features_and_a_price_that_never_moves_break_no_baseline() -> None:
    still = with_value(random_walk(1_200, seed=1), "roc_1_1m", 5.0)
    still = replace(still, close=np.full(1_200, 60_000.0))
    for name, forecast in foretell(problem_of(still)).items():
        assert np.isfinite(forecast).all(), name
        assert name == MAJORITY_SIGN or not forecast.any(), name


def test_one_horizon_gives_one_column() -> None:
    options = options_of(horizons=(1,))
    samples = samples_for(WALK.table, options)
    problem = replace(WALK, samples=samples, split=splits_for(WALK.table, samples, options)[-1], data=options.data)
    assert {forecast.shape for forecast in foretell(problem).values()} == {(problem.split.test.size, 1)}


def with_window(problem: Problem, window: int) -> Problem:
    return replace(problem, data=msgspec.structs.replace(problem.data, window=window))


def chosen(problem: Problem, candidates: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Of forecasts of one horizon, for its validation rows and its test rows, those of the least squared error."""
    columns: list[FloatArray] = []
    for horizon in range(len(HORIZONS)):
        wanted = problem.targets(problem.split.validation)[:, horizon]
        losses = [((validation[:, horizon] - wanted) ** 2).sum() for validation, _ in candidates]
        columns.append(candidates[losses.index(min(losses))][1][:, horizon])
    return np.column_stack(columns)


@pytest.mark.parametrize("seed", range(3))
def test_ridge_is_the_closed_form_with_the_penalty_that_validation_chooses(seed: int) -> None:
    problem = problem_of(with_signal(900, seed=seed, strength=0.02 * seed))
    values = problem.table.values

    def inputs(part: IntArray) -> FloatArray:
        rows = problem.rows(part)
        newest, whole, quarter = ([values[row + 1 - size : row + 1].mean(axis=0) for row in rows] for size in (1, 8, 2))
        return np.hstack([newest, whole, quarter])

    train, validation, test = (inputs(part) for part in problem.split.parts.values())
    middle, spread = train.mean(axis=0), train.std(axis=0)
    train, validation, test = ((part - middle) / spread for part in (train, validation, test))
    target = problem.targets(problem.split.train)
    candidates: list[tuple[FloatArray, FloatArray]] = []
    for penalty in (0.001, 0.01, 0.1, 1, 10):
        gram = train.T @ train + penalty * len(train) * np.eye(train.shape[1])
        weights = np.linalg.solve(gram, train.T @ (target - target.mean(axis=0)))
        candidates.append((validation @ weights + target.mean(axis=0), test @ weights + target.mean(axis=0)))
    assert BASELINES["ridge"](problem) == pytest.approx(chosen(problem, candidates), rel=1e-6)


@pytest.mark.parametrize(("window", "orders"), [(1, [1]), (2, [1]), (4, [1, 2, 3]), (8, [1, 2, 5, 7])])
@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_the_autoregression_is_a_regression_on_the_lags_that_validation_chooses(
    window: int, orders: list[int], memory: float
) -> None:
    problem = with_window(problem_of(autoregressive(900, memory=memory)), window)
    returns = np.diff(np.log(problem.table.close), prepend=np.log(problem.table.close[0]))

    def inputs(part: IntArray, order: int) -> FloatArray:
        rows = problem.rows(part)
        return np.column_stack([np.ones(rows.size), *(returns[rows - lag] for lag in range(order))])

    candidates: list[tuple[FloatArray, FloatArray]] = []
    for order in orders:
        train, validation, test = (inputs(part, order) for part in problem.split.parts.values())
        weights = np.linalg.lstsq(train, problem.targets(problem.split.train), rcond=None)[0]
        candidates.append((validation @ weights, test @ weights))
    assert BASELINES["autoregression"](problem) == pytest.approx(chosen(problem, candidates), rel=1e-6)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_boosted_trees_are_as_many_of_a_hundred_as_validation_chooses_or_none(strength: float) -> None:
    problem = problem_of(with_signal(1_200, seed=2, strength=strength))
    train, validation, test = (problem.table.values[problem.rows(part)] for part in problem.split.parts.values())
    expected: list[FloatArray] = []
    for horizon in range(len(HORIZONS)):
        target = problem.targets(problem.split.train)[:, horizon]
        wanted = problem.targets(problem.split.validation)[:, horizon]
        # As many bps, so that the library's absolute tolerances play no part.
        model = HistGradientBoostingRegressor(max_depth=3, learning_rate=0.1, min_samples_leaf=20, max_iter=100)
        model.fit(train, target * 1e4)
        losses = [((wanted - foretold / 1e4) ** 2).mean() for foretold in model.staged_predict(validation)]
        trees = list(model.staged_predict(test))
        without = ((wanted - target.mean()) ** 2).mean()
        none = np.full(len(test), target.mean())
        expected.append(none if without <= min(losses) else trees[losses.index(min(losses))] / 1e4)
    found = BASELINES["boosted trees"](problem)
    assert found == pytest.approx(np.column_stack(expected), rel=1e-6)


def test_the_majority_sign_is_up_where_as_many_rows_rose_as_fell() -> None:
    targets = WALK.samples.targets.copy()
    train = WALK.split.train
    targets[train] = np.where(np.arange(train.size) % 2 == 0, 1e-4, -1e-4)[:, None]
    targets[train[-1]] = 0.0 if train.size % 2 else -1e-4
    problem = replace(WALK, samples=replace(WALK.samples, targets=targets))
    assert set(BASELINES[MAJORITY_SIGN](problem).ravel()) == {1.0}
