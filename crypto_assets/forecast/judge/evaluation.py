"""Walk forward: on each fold, models of several seeds and all baselines foretell rows that none was fitted on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from crypto_assets.errors import TrainingFailed
from crypto_assets.forecast.judge.baselines import Problem, foretell
from crypto_assets.forecast.judge.figures import (
    MODEL,
    REGIMES,
    Cell,
    Outcomes,
    Regime,
    cells_of,
    joined,
    rows_table,
)
from crypto_assets.forecast.judge.history import past_returns, trailing_volatility
from crypto_assets.forecast.judge.measures import not_overlapping, regime_bounds, regime_of
from crypto_assets.forecast.options import INTERVAL_SHARE, ForecastOptions, Source
from crypto_assets.forecast.table import FeatureTable, Forecasts, Samples, Split

BEYOND_BELIEF = 10.0
"""Log-return that no forecast may pass: a price 22,000 times as high. Its square is still a number."""
LAGS = 3
"""Past returns that the lag test looks at: those that ended 0, 1 and 2 rows before the forecast."""

type Fit = Callable[[Split, int], Forecasts]
"""Fits a model on a split with a seed and foretells its validation and test samples."""


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the walk."""

    number: int
    """From 1, ascending in time."""
    train_rows: int
    validation_rows: int
    test_rows: int
    first_as_of_us: int
    """Of the test rows, us UTC."""
    last_as_of_us: int
    volatility_bounds: tuple[float, float]
    """Terciles of the training rows' volatility, log-return a row."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What a model and its baselines did on rows that were used for no choice. As JSON: `msgspec.json`."""

    schema_version: int = 1
    symbol: str
    source: Source
    step_us: int
    horizons: tuple[int, ...]
    seeds: tuple[int, ...]
    """The first one is the seed of the checkpoint."""
    folds: tuple[Fold, ...]
    options: ForecastOptions
    cells: tuple[Cell, ...]

    def model(self, *, horizon: int, seed: int, fold: int | None = None, regime: Regime | None = None) -> Cell:
        """Figures of the model of one seed; LookupError where there are none."""
        return self._only(MODEL, horizon=horizon, seed=seed, fold=fold, regime=regime)

    def baseline(self, name: str, *, horizon: int, fold: int | None = None, regime: Regime | None = None) -> Cell:
        """Figures of a baseline; LookupError where there are none."""
        return self._only(name, horizon=horizon, seed=None, fold=fold, regime=regime)

    def skills(self, *, horizon: int, fold: int | None = None) -> tuple[float, ...]:
        """Skill of the models of all seeds, in their order; those without one are left out."""
        cells = (self.model(horizon=horizon, seed=seed, fold=fold) for seed in self.seeds)
        return tuple(cell.errors.skill for cell in cells if cell.errors and cell.errors.skill is not None)

    def _only(
        self, forecaster: str, *, horizon: int, seed: int | None, fold: int | None, regime: Regime | None
    ) -> Cell:
        wanted = (forecaster, horizon, seed, fold, regime)
        for cell in self.cells:
            if (cell.forecaster, cell.horizon, cell.seed, cell.fold, cell.regime) == wanted:
                return cell
        raise LookupError(f"the evaluation has no figures of {wanted}")


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation and the forecasts that it is about."""

    evaluation: Evaluation
    rows: pa.Table
    """One row per test sample, seed and horizon: see `rows_table`."""


@dataclass(frozen=True, slots=True)
class _Tested:
    """A fold's test rows with all forecasts."""

    fold: Fold
    outcomes: tuple[Outcomes, ...]
    """For each horizon."""


def evaluate(
    table: FeatureTable,
    samples: Samples,
    splits: Sequence[Split],
    *,
    fit: Fit,
    options: ForecastOptions,
) -> Evaluated:
    """Judge `fit` on every split of `walk_forward`, with as many seeds as the options say.

    The seeds follow `options.network.seed`. Raises TrainingFailed where a model foretells something that is no number,
    or not for each row.
    """
    seeds = tuple(options.network.seed + number for number in range(options.judge.seeds))
    tested: list[_Tested] = []
    for number, split in enumerate(splits, start=1):
        made = {seed: _checked(fit(split, seed), table, samples, split, fold=number, seed=seed) for seed in seeds}
        problem = Problem(table=table, samples=samples, split=split, data=options.data)
        tested.append(_tested(problem, made, number=number))
    evaluation = Evaluation(
        symbol=table.symbol,
        source=table.source,
        step_us=table.step_us,
        horizons=options.data.horizons,
        seeds=seeds,
        folds=tuple(one.fold for one in tested),
        options=options,
        cells=tuple(_cells(tested, options=options)),
    )
    rows = pa.concat_tables(
        rows_table(outcomes, fold=one.fold.number, seed=seed)
        for one in tested
        for seed in seeds
        for outcomes in one.outcomes
    )
    return Evaluated(evaluation=evaluation, rows=rows)


def _checked(
    made: Forecasts, table: FeatureTable, samples: Samples, split: Split, *, fold: int, seed: int
) -> Forecasts:
    horizons = samples.targets.shape[1]
    for name, forecast, part in (("validation", made.validation, split.validation), ("test", made.test, split.test)):
        if forecast.shape != (part.size, horizons):
            raise TrainingFailed(
                f"{table.symbol}: fold {fold}, seed {seed}: {part.size:,} {name} rows and {horizons} horizons were"
                f" asked for, and the model foretold an array of shape {forecast.shape}. No figure was made."
            )
        strange = int(np.count_nonzero(~(np.abs(forecast) <= BEYOND_BELIEF)))
        if strange:
            raise TrainingFailed(
                f"{table.symbol}: fold {fold}, seed {seed}: {strange:,} of {forecast.size:,} {name} forecasts are no"
                f" numbers or log-returns beyond ±{BEYOND_BELIEF:g}: the training diverged. Lower the learning rate; no"
                " figure was made."
            )
    return made


def _tested(problem: Problem, made: dict[int, Forecasts], *, number: int) -> _Tested:
    table, split, window = problem.table, problem.split, problem.data.window
    rows = problem.rows(split.test)
    bounds = regime_bounds(trailing_volatility(table, problem.rows(split.train), window=window))
    regime = regime_of(trailing_volatility(table, rows, window=window), bounds)
    foretold = foretell(problem)
    scale = np.abs(problem.targets(split.train)).mean(axis=0)
    as_of = table.as_of_us[rows]
    residual = {seed: np.abs(problem.targets(split.validation) - one.validation) for seed, one in made.items()}
    widths = {seed: np.quantile(one, INTERVAL_SHARE, axis=0) for seed, one in residual.items()}
    outcomes = tuple(
        Outcomes(
            horizon=horizon,
            as_of_us=as_of,
            realised=problem.targets(split.test)[:, index],
            scale=np.full(rows.size, scale[index]),
            regime=regime,
            apart=not_overlapping(as_of, length_us=horizon * table.step_us),
            past=np.column_stack([past_returns(table, rows, length=horizon, ago=ago) for ago in range(LAGS)]),
            baselines={name: forecast[:, index] for name, forecast in foretold.items()},
            models={seed: one.test[:, index] for seed, one in made.items()},
            half_widths={seed: np.full(rows.size, width[index]) for seed, width in widths.items()},
        )
        for index, horizon in enumerate(problem.data.horizons)
    )
    return _Tested(
        fold=Fold(
            number=number,
            train_rows=split.train.size,
            validation_rows=split.validation.size,
            test_rows=rows.size,
            first_as_of_us=int(as_of[0]),
            last_as_of_us=int(as_of[-1]),
            volatility_bounds=bounds,
        ),
        outcomes=outcomes,
    )


def _cells(tested: Sequence[_Tested], *, options: ForecastOptions) -> Iterator[Cell]:
    """Of each fold and of all together, each regime and all together."""
    blocks: list[tuple[int | None, Sequence[_Tested]]] = [(one.fold.number, [one]) for one in tested]
    for fold, block in [*blocks, (None, tested)]:
        for index in range(len(options.data.horizons)):
            everything = joined([one.outcomes[index] for one in block])
            seed = options.network.seed
            yield from cells_of(everything, fold=fold, regime=None, options=options.judge, seed=seed)
            for number, regime in enumerate(REGIMES):
                chosen = everything.regime == number
                if chosen.any():
                    of_regime = everything.where(chosen)
                    yield from cells_of(of_regime, fold=fold, regime=regime, options=options.judge, seed=seed)
