"""Tables to be judged on, and small fast models that learn them as a network would."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from crypto_assets.forecast.judge.evaluation import Evaluated, evaluate
from crypto_assets.forecast.options import DataOptions, ForecastOptions, JudgeOptions, NetworkOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import FeatureTable, FloatArray, Forecasts, IntArray, Samples, Split
from crypto_assets_tests.forecast.tables import table_of

WINDOW = 8
type Reader = Callable[[FeatureTable, IntArray], FloatArray]
"""Inputs of a linear readout for rows of a table."""
type Model = Callable[[FeatureTable, Samples, Split, int], Forecasts]


def options_of(
    *,
    horizons: Sequence[int] = (1,),
    folds: int = 2,
    seeds: int = 1,
    seed: int = 7,
    resamples: int = 200,
    primary: int = 0,
) -> ForecastOptions:
    return ForecastOptions(
        data=DataOptions(window=WINDOW, horizons=tuple(horizons)),
        network=NetworkOptions(seed=seed),
        judge=JudgeOptions(folds=folds, seeds=seeds, resamples=resamples, primary=primary),
    )


def judged(table: FeatureTable, model: Model, options: ForecastOptions) -> Evaluated:
    """The evaluation of a model by the same steps as in production: samples, splits, walk."""
    samples = samples_for(table, options)
    splits = splits_for(table, samples, options)
    return evaluate(
        table,
        samples,
        splits,
        fit=lambda split, seed: model(table, samples, split, seed),
        options=options,
    )


def samples_for(table: FeatureTable, options: ForecastOptions) -> Samples:
    return samples_of(table, options.data)


def splits_for(table: FeatureTable, samples: Samples, options: ForecastOptions) -> tuple[Split, ...]:
    return walk_forward(table, samples, data=options.data, judge=options.judge)


def product_of_lags(rows: int, *, seed: int, strength: float = 0.3, step: float = 5e-4) -> FeatureTable:
    """A price whose next log-return is, by `strength` of its variance, the product of a feature with its value before.

    Nothing linear, no past return and no newest row tells of it: the row before has to be remembered.
    """
    rng = np.random.default_rng(seed)
    known, noise = rng.normal(0, 1, rows), rng.normal(0, 1, rows)
    signal = np.zeros(rows)
    signal[2:] = known[1:-1] * known[:-2]
    returns = step * (np.sqrt(strength) * signal + np.sqrt(1 - strength) * noise)
    values = np.column_stack([known, rng.normal(0, 1, rows)])
    return table_of(60_000 * np.exp(np.cumsum(returns)), values, features=("known", "noise"))


def guess(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
    """Noise so small that it costs nothing: the forecaster that chance favours most against persistence."""
    rng = np.random.default_rng([seed, split.test.size])
    shape = samples.targets.shape[1]
    return Forecasts(
        validation=rng.normal(0, 1e-6, (split.validation.size, shape)),
        test=rng.normal(0, 1e-6, (split.test.size, shape)),
    )


def zero(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
    """The price stays."""
    shape = samples.targets.shape[1]
    return Forecasts(validation=np.zeros((split.validation.size, shape)), test=np.zeros((split.test.size, shape)))


def oracle(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
    """What no model can know: half of what will happen."""
    return Forecasts(validation=samples.targets[split.validation] / 2, test=samples.targets[split.test] / 2)


def linear(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
    """Ridge on the whole window, flattened."""
    return _readout(windows_of(table, samples.rows).reshape(len(samples), -1), samples, split)


def recurrent(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
    """A recurrent network of 48 random units whose readout alone is fitted (Jaeger 2001, GMD Report 148)."""
    rng = np.random.default_rng(seed)
    windows = windows_of(table, samples.rows)
    train = windows[split.train]
    scaled = (windows - train.mean(axis=(0, 1))) / train.std(axis=(0, 1))
    units, features = 48, scaled.shape[2]
    inward, bias = rng.normal(0, 0.8, (features, units)), rng.normal(0, 0.8, units)
    among = rng.normal(0, 0.6 / np.sqrt(units), (units, units))
    state = np.zeros((len(samples), units))
    for step in range(scaled.shape[1]):
        state = np.tanh(scaled[:, step] @ inward + state @ among + bias)
    return _readout(state, samples, split)


def windows_of(table: FeatureTable, rows: IntArray) -> FloatArray:
    """Shape (rows, WINDOW, features)."""
    return table.values[rows[:, None] + np.arange(1 - WINDOW, 1)]


def _readout(inputs: FloatArray, samples: Samples, split: Split) -> Forecasts:
    """Least squares with a penalty that the validation samples choose."""
    middle, spread = inputs[split.train].mean(axis=0), inputs[split.train].std(axis=0) + 1e-12
    scaled = (inputs - middle) / spread
    train, target = scaled[split.train], samples.targets[split.train]
    centre = target.mean(axis=0)
    gram, moment = train.T @ train, train.T @ (target - centre)
    made: list[tuple[float, Forecasts]] = []
    for penalty in (1e-3, 1e-2, 1e-1, 1.0):
        weights = np.linalg.solve(gram + penalty * len(train) * np.eye(gram.shape[0]), moment)
        found = Forecasts(
            validation=scaled[split.validation] @ weights + centre, test=scaled[split.test] @ weights + centre
        )
        made.append((float(np.mean((found.validation - samples.targets[split.validation]) ** 2)), found))
    return min(made, key=lambda pair: pair[0])[1]
