"""Every figure about the forecasters on one set of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa

from crypto_assets.forecast.judge.baselines import MAJORITY_SIGN, PERSISTENCE, column_of
from crypto_assets.forecast.judge.measures import (
    Calibration,
    Direction,
    Errors,
    LagTest,
    Profit,
    calibration_of,
    direction_of,
    errors_of,
    lag_test,
    profit_of,
    skill,
)
from crypto_assets.forecast.judge.significance import DieboldMariano, diebold_mariano, skill_interval
from crypto_assets.forecast.options import INTERVAL_SHARE, JudgeOptions
from crypto_assets.forecast.table import BoolArray, FloatArray, IntArray

type Regime = Literal["quiet", "usual", "wild"]
"""Tercile of the volatility of the window before the forecast, with bounds from the training rows."""
REGIMES: tuple[Regime, ...] = ("quiet", "usual", "wild")
MODEL = "model"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The model against one baseline on the same rows."""

    baseline: str
    skill: float | None
    """1 - loss of the model / loss of the baseline: squared errors, against `majority sign` wrong directions."""
    test: DieboldMariano
    """Of those losses; its p is small where the model is better."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """What one forecaster did at one horizon; None for fold, seed or regime means all of them."""

    forecaster: str
    """`model`, or a baseline's name."""
    horizon: int
    """Rows ahead."""
    fold: int | None
    seed: int | None
    regime: Regime | None
    rows: int
    errors: Errors | None
    """None for `majority sign`, which foretells no size."""
    direction: Direction
    comparisons: tuple[Comparison, ...] = ()
    """Of the model, against every baseline."""
    calibration: Calibration | None = None
    lag: LagTest | None = None
    """On whole folds only: rows of one regime do not follow one another."""
    profit: Profit | None = None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Test rows of one horizon in time order, of one fold or of several; arrays of shape (rows,), log-returns."""

    horizon: int
    as_of_us: IntArray
    realised: FloatArray
    scale: FloatArray
    """Mean absolute error of persistence on the training rows."""
    regime: IntArray
    """Index in REGIMES."""
    apart: BoolArray
    """Rows whose outcomes do not overlap."""
    past: FloatArray
    """Returns over `horizon` rows that ended 0, 1, 2 … rows before the row; shape (rows, lags)."""
    baselines: Mapping[str, FloatArray]
    """What each baseline foretold, by its name."""
    models: Mapping[int, FloatArray]
    """What the model of each seed foretold."""
    half_widths: Mapping[int, FloatArray]
    """Half of the interval around that, by seed."""

    def where(self, chosen: BoolArray) -> Outcomes:
        """The marked rows."""
        return _combined([self], lambda arrays: arrays[0][chosen])


def joined(parts: Sequence[Outcomes]) -> Outcomes:
    """Rows of one horizon of several folds, one after the other."""
    return _combined(parts, np.concatenate)


def _combined(parts: Sequence[Outcomes], combine: Callable[[Sequence[Any]], Any]) -> Outcomes:
    """Each array of the parts combined into one."""
    arrays: dict[str, Any] = {}
    for name in (field.name for field in fields(Outcomes) if field.name != "horizon"):
        held = [getattr(part, name) for part in parts]
        if isinstance(held[0], Mapping):
            arrays[name] = {key: combine([one[key] for one in held]) for key in held[0]}
        else:
            arrays[name] = combine(held)
    return replace(parts[0], **arrays)


def cells_of(
    outcomes: Outcomes, *, fold: int | None, regime: Regime | None, options: JudgeOptions, seed: int
) -> Iterator[Cell]:
    """Figures of the model of each seed and of each baseline; `seed` is that of every bootstrap."""

    def cell(forecaster: str, forecast: FloatArray) -> Cell:
        return Cell(
            forecaster=forecaster,
            horizon=outcomes.horizon,
            fold=fold,
            seed=None,
            regime=regime,
            rows=forecast.size,
            # Each draws from its own beginning: a figure does not depend on which others are made.
            errors=None
            if forecaster == MAJORITY_SIGN
            else _errors(outcomes, forecast, options=options, rng=np.random.default_rng(seed)),
            direction=direction_of(
                forecast, outcomes.realised, apart=outcomes.apart, horizon=outcomes.horizon, alpha=options.alpha
            ),
            profit=profit_of(forecast, outcomes.realised, apart=outcomes.apart, fee_bps=options.fee_bps)
            if regime is None
            else None,
        )

    for of_seed, forecast in outcomes.models.items():
        yield msgspec.structs.replace(
            cell(MODEL, forecast),
            seed=of_seed,
            comparisons=tuple(_compare(outcomes, forecast, baseline) for baseline in outcomes.baselines),
            calibration=calibration_of(
                forecast, outcomes.realised, half_width=outcomes.half_widths[of_seed], stated=INTERVAL_SHARE
            ),
            lag=lag_test(forecast, outcomes.realised, past=outcomes.past, horizon=outcomes.horizon)
            if regime is None
            else None,
        )
    for name, forecast in outcomes.baselines.items():
        yield cell(name, forecast)


def rows_table(outcomes: Outcomes, *, fold: int, seed: int) -> pa.Table:
    """The forecasts of one fold, seed and horizon row by row, with columns of LSTM_EVALUATION in any order."""
    columns = {
        "as_of_us": outcomes.as_of_us,
        "fold": np.full(outcomes.realised.size, fold, np.int32),
        "seed": np.full(outcomes.realised.size, seed),
        "horizon": np.full(outcomes.realised.size, outcomes.horizon, np.int32),
        "regime": outcomes.regime.astype(np.int8),
        "realised": outcomes.realised,
        "forecast": outcomes.models[seed],
        "half_width": outcomes.half_widths[seed],
        **{column_of(name): forecast for name, forecast in outcomes.baselines.items()},
    }
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def _errors(outcomes: Outcomes, forecast: FloatArray, *, options: JudgeOptions, rng: np.random.Generator) -> Errors:
    loss, naive = (forecast - outcomes.realised) ** 2, (outcomes.baselines[PERSISTENCE] - outcomes.realised) ** 2
    interval = skill_interval(
        loss, naive, horizon=outcomes.horizon, alpha=options.alpha, resamples=options.resamples, rng=rng
    )
    return errors_of(forecast, outcomes.realised, scale=outcomes.scale, interval=interval)


def _compare(outcomes: Outcomes, forecast: FloatArray, baseline: str) -> Comparison:
    other, realised = outcomes.baselines[baseline], outcomes.realised
    if baseline == MAJORITY_SIGN:
        moved = realised != 0
        loss, others = (_misses(one[moved], realised[moved]) for one in (forecast, other))
    else:
        loss, others = (forecast - realised) ** 2, (other - realised) ** 2
    test = diebold_mariano(loss, others, horizon=outcomes.horizon)
    return Comparison(baseline=baseline, skill=skill(loss, others), test=test)


def _misses(forecast: FloatArray, realised: FloatArray) -> FloatArray:
    """1 for a wrong direction, 0 for the right one, half a miss for none."""
    return (1 - np.sign(forecast) * np.sign(realised)) / 2
