"""Every figure about one forecaster on one set of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from crypto_assets.forecast.judge.baselines import MAJORITY_SIGN, PERSISTENCE
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
    baselines: dict[str, FloatArray]

    def where(self, chosen: BoolArray) -> Outcomes:
        """The marked rows."""
        return replace(
            self,
            as_of_us=self.as_of_us[chosen],
            realised=self.realised[chosen],
            scale=self.scale[chosen],
            regime=self.regime[chosen],
            apart=self.apart[chosen],
            past=self.past[chosen],
            baselines={name: forecast[chosen] for name, forecast in self.baselines.items()},
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Which rows and whose forecasts a cell is about."""

    fold: int | None
    seed: int | None
    regime: Regime | None


def model_cell(
    outcomes: Outcomes,
    forecast: FloatArray,
    *,
    half_width: FloatArray,
    place: Place,
    options: JudgeOptions,
    rng: np.random.Generator,
) -> Cell:
    """All figures of the model; `forecast` and `half_width` in log-return, shape (rows,)."""
    realised, horizon = outcomes.realised, outcomes.horizon
    is_whole = place.regime is None
    return Cell(
        forecaster=MODEL,
        horizon=horizon,
        fold=place.fold,
        seed=place.seed,
        regime=place.regime,
        rows=realised.size,
        errors=_errors(outcomes, forecast, options=options, rng=rng),
        direction=_direction(outcomes, forecast, options=options),
        comparisons=tuple(_compare(outcomes, forecast, baseline) for baseline in outcomes.baselines),
        calibration=calibration_of(forecast, realised, half_width=half_width, stated=INTERVAL_SHARE),
        lag=lag_test(forecast, realised, past=outcomes.past, horizon=horizon) if is_whole else None,
        profit=profit_of(forecast, realised, apart=outcomes.apart, fee_bps=options.fee_bps) if is_whole else None,
    )


def baseline_cell(
    outcomes: Outcomes, name: str, *, place: Place, options: JudgeOptions, rng: np.random.Generator
) -> Cell:
    """Figures of a baseline."""
    forecast = outcomes.baselines[name]
    has_size = name != MAJORITY_SIGN
    return Cell(
        forecaster=name,
        horizon=outcomes.horizon,
        fold=place.fold,
        seed=None,
        regime=place.regime,
        rows=forecast.size,
        errors=_errors(outcomes, forecast, options=options, rng=rng) if has_size else None,
        direction=_direction(outcomes, forecast, options=options),
        profit=profit_of(forecast, outcomes.realised, apart=outcomes.apart, fee_bps=options.fee_bps)
        if place.regime is None
        else None,
    )


def _errors(outcomes: Outcomes, forecast: FloatArray, *, options: JudgeOptions, rng: np.random.Generator) -> Errors:
    loss, naive = (forecast - outcomes.realised) ** 2, (outcomes.baselines[PERSISTENCE] - outcomes.realised) ** 2
    interval = skill_interval(
        loss, naive, horizon=outcomes.horizon, alpha=options.alpha, resamples=options.resamples, rng=rng
    )
    return errors_of(forecast, outcomes.realised, scale=outcomes.scale, interval=interval)


def _direction(outcomes: Outcomes, forecast: FloatArray, *, options: JudgeOptions) -> Direction:
    return direction_of(
        forecast, outcomes.realised, apart=outcomes.apart, horizon=outcomes.horizon, alpha=options.alpha
    )


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
