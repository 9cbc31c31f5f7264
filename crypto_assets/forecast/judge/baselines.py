"""What a model has to beat: forecasts that cost nothing, and simpler models on the same features.

Each is fitted on the training rows alone; the validation rows choose one number at most. None ever sees the outcome of
a test row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from crypto_assets.forecast.judge.history import past_returns, trailing_means
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray, Samples, Split

PERSISTENCE = "persistence (zero return)"
"""The price stays: as a log-return that is the zero return, so both names are one forecast."""
MAJORITY_SIGN = "majority sign"
"""Says a direction only: compared by hits, not by squared error."""
ORDERS = (1, 2, 5, 10)
"""Of the autoregression, in returns of one row."""
ALPHAS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge's penalty as a multiple of the training rows, so that it means the same for any number of them."""
TREES = 100
TREE_DEPTH = 3
LEARNING_RATE = 0.1
LEAF_ROWS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What baselines are fitted on and asked for."""

    table: FeatureTable
    samples: Samples
    split: Split
    data: DataOptions

    def rows(self, part: IntArray) -> IntArray:
        """Rows of the table that the part's windows end with."""
        return self.samples.rows[part]

    def targets(self, part: IntArray) -> FloatArray:
        """Log-returns; shape (samples of the part, horizons)."""
        return self.samples.targets[part]


type Baseline = Callable[[Problem], FloatArray]
"""Foretells the log-returns of the test rows; shape (test samples, horizons)."""


def persistence(problem: Problem) -> FloatArray:
    """Zero: the price stays where it is."""
    return np.zeros_like(problem.targets(problem.split.test))


def last_return(problem: Problem) -> FloatArray:
    """The return over the last horizon repeats; zero where its first row is missing."""
    rows = problem.rows(problem.split.test)
    found = [past_returns(problem.table, rows, length=horizon) for horizon in problem.data.horizons]
    return np.nan_to_num(np.column_stack(found), nan=0.0)


def drift(problem: Problem) -> FloatArray:
    """Mean return of the training rows."""
    return np.broadcast_to(_mean_target(problem), problem.targets(problem.split.test).shape).copy()


def autoregression(problem: Problem) -> FloatArray:
    """Least squares on the last one-row returns, for each horizon on its own.

    Direct forecasts (Marcellino, Stock and Watson 2006, J. Econometrics 135:499-526); validation chooses the order.
    """
    longest = max(problem.data.window - 1, 1)
    orders = sorted({min(order, longest) for order in ORDERS})
    train, validation, test = (_lagged_returns(problem, part, orders[-1]) for part in problem.split.parts.values())
    target = problem.targets(problem.split.train)
    candidates = [
        (line(validation[:, :order]), line(test[:, :order]))
        for order in orders
        for line in [_least_squares(train[:, :order], target)]
    ]
    return _best_by_validation(problem, candidates)


def ridge(problem: Problem) -> FloatArray:
    """Linear on the features of the newest row and their means over the whole window and its last quarter.

    Scaled by the training rows; validation chooses the penalty (Hoerl and Kennard 1970, Technometrics 12:55-67).
    """
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    inputs = [_summary(problem, part) for part in problem.split.parts.values()]
    scaler = StandardScaler().fit(inputs[0])
    train, validation, test = (scaler.transform(part) for part in inputs)
    target = problem.targets(problem.split.train)
    models = [Ridge(alpha=alpha * len(train)).fit(train, target) for alpha in ALPHAS]
    candidates = [(_by_horizon(model.predict(validation)), _by_horizon(model.predict(test))) for model in models]
    return _best_by_validation(problem, candidates)


def boosted_trees(problem: Problem) -> FloatArray:
    """Gradient-boosted trees on the features of the newest row; validation chooses how many of them.

    Small ones (Friedman 2001, Annals of Statistics 29:1189-1232): depth 3, at most 100. The first candidate has no tree
    and is the drift.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    train, validation, test = (problem.table.values[problem.rows(part)] for part in problem.split.parts.values())
    columns: list[FloatArray] = []
    for horizon in range(len(problem.data.horizons)):
        target = problem.targets(problem.split.train)[:, horizon]
        # Log-returns are about 1e-4, and the library's tolerances are absolute: targets of the size of 1.
        size = float(target.std()) or 1.0
        model = HistGradientBoostingRegressor(
            max_iter=TREES,
            max_depth=TREE_DEPTH,
            learning_rate=LEARNING_RATE,
            min_samples_leaf=LEAF_ROWS,
            random_state=0,
        )
        model.set_params(early_stopping=False)  # it would draw its own validation rows out of the training rows
        model.fit(train, target / size)
        wanted = problem.targets(problem.split.validation)[:, horizon]
        mean = float(target.mean())
        losses = [float(np.mean((wanted - mean) ** 2))]
        losses += [float(np.mean((wanted - size * staged) ** 2)) for staged in model.staged_predict(validation)]
        best = int(np.argmin(losses))
        stages = [np.full(len(test), mean)] if best == 0 else [size * one for one in model.staged_predict(test)]
        columns.append(np.asarray(stages[max(best - 1, 0)], dtype=np.float64))
    return np.column_stack(columns)


def majority_sign(problem: Problem) -> FloatArray:
    """1 or -1: the direction that most training rows moved in, up where both are as many."""
    target = problem.targets(problem.split.train)
    sign = np.where(np.sum(np.sign(target), axis=0) >= 0, 1.0, -1.0)
    return np.broadcast_to(sign, problem.targets(problem.split.test).shape).copy()


BASELINES: dict[str, Baseline] = {
    PERSISTENCE: persistence,
    "last return": last_return,
    "drift": drift,
    "autoregression": autoregression,
    "ridge": ridge,
    "boosted trees": boosted_trees,
    MAJORITY_SIGN: majority_sign,
}
"""By the name that tables and the verdict use, in their order."""


def column_of(baseline: str) -> str:
    """A baseline's name where a word is wanted: `persistence`, `last_return`, `boosted_trees` …"""
    return baseline.partition(" (")[0].replace(" ", "_")


def foretell(problem: Problem) -> dict[str, FloatArray]:
    """Forecasts of the test rows by every baseline, by name; shape (test samples, horizons)."""
    import sklearn.ensemble  # noqa: F401  # pyright: ignore[reportUnusedImport]: only what is loaded is limited
    from threadpoolctl import threadpool_limits

    # One thread: these models are small, and threads that wait for one another while a training runs beside them cost
    # ten times the work itself.
    with threadpool_limits(limits=1):
        return {name: baseline(problem) for name, baseline in BASELINES.items()}


def _mean_target(problem: Problem) -> FloatArray:
    return problem.targets(problem.split.train).mean(axis=0)


def _lagged_returns(problem: Problem, part: IntArray, order: int) -> FloatArray:
    rows = problem.rows(part)
    found = [past_returns(problem.table, rows, length=1, ago=ago) for ago in range(order)]
    return np.nan_to_num(np.column_stack(found), nan=0.0)


def _least_squares(inputs: FloatArray, target: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Line through the training rows; what does not vary there gets no weight (numpy's least norm)."""
    middle, centre = inputs.mean(axis=0), target.mean(axis=0)
    weights = np.linalg.lstsq(inputs - middle, target - centre, rcond=None)[0]
    return lambda rows: (rows - middle) @ weights + centre


def _summary(problem: Problem, part: IntArray) -> FloatArray:
    """Newest values, and their means over the window and its last quarter; shape (samples, 3 x features)."""
    rows, window = problem.rows(part), problem.data.window
    newest = problem.table.values[rows]
    means = [trailing_means(problem.table.values, rows, window=size) for size in (window, max(window // 4, 1))]
    return np.hstack([newest, *means])


def _by_horizon(predicted: object) -> FloatArray:
    """A library's prediction, which has one dimension where there is one horizon, as (samples, horizons)."""
    array = np.asarray(predicted, dtype=np.float64)
    return array.reshape(len(array), -1)


def _best_by_validation(problem: Problem, candidates: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Test forecasts of the candidate with the least squared error on the validation rows, for each horizon."""
    wanted = problem.targets(problem.split.validation)
    losses = np.array([np.mean((validation - wanted) ** 2, axis=0) for validation, _ in candidates])
    best = np.argmin(losses, axis=0)
    return np.column_stack([candidates[number][1][:, horizon] for horizon, number in enumerate(best)])
