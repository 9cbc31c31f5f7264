"""Whether a model still lives in the market that it was fitted on: its inputs, and what came of its forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crypto_assets.forecast.judge.measures import skill
from crypto_assets.forecast.judge.significance import Interval, skill_interval
from crypto_assets.forecast.predictions import Outcome
from crypto_assets.forecast.table import FloatArray

MOST_ROWS_OUTSIDE = 0.40
"""Part of a day's rows that may have a feature outside the range of the training rows.

Of each feature 0.2 % of the training rows lie outside, which is how the range is defined. BTCUSDT in August 2024, with
the 45 features that are read by default: after two weeks of training 1 to 18 % of a later day's rows have one outside,
after one week 2 to 37 %. A column whose unit or source changed is outside in nearly all rows.
"""
NAMED = 5
"""Columns that a finding names, the worst."""
WEEK_DAYS = 7
LEAST_REALISED = 1_000
"""Forecasts that came due, under which nothing is said about a week: two thirds of a day of minutes."""
ALPHA = 0.05
RESAMPLES = 1_000


@dataclass(frozen=True, slots=True)
class InputDrift:
    """Rows of a day beside the range of the training rows."""

    rows: int
    outside: int
    """Rows of which at least one feature lies outside."""
    columns: tuple[tuple[str, float], ...]
    """Features outside in some row with the share of rows, the worst first."""

    @property
    def share(self) -> float:
        """Part of the rows that have a feature outside; 0 without rows."""
        return self.outside / self.rows if self.rows else 0.0

    @property
    def is_drift(self) -> bool:
        """Whether they are more than an ordinary day has."""
        return self.share > MOST_ROWS_OUTSIDE

    @property
    def worst(self) -> str:
        """The worst columns, for people."""
        return ", ".join(f"{name} in {share:.0%}" for name, share in self.columns[:NAMED])


def input_drift(
    values: FloatArray, *, features: Sequence[str], low: Sequence[float], high: Sequence[float]
) -> InputDrift:
    """How much of a day's rows lies outside [low, high] of each feature; `values` has shape (rows, features).

    Raises ValueError where there is not a bound for each feature.
    """
    lows, highs = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if not len(features) == lows.size == highs.size == values.shape[1]:
        raise ValueError(f"{len(features)} features, {values.shape[1]} columns, {lows.size} and {highs.size} bounds")
    is_outside = (values < lows) | (values > highs)
    shares = is_outside.mean(axis=0) if len(values) else np.zeros(values.shape[1])
    named = zip(features, shares.tolist(), strict=True)
    columns = tuple(sorted(((name, share) for name, share in named if share > 0), key=lambda pair: -pair[1]))
    return InputDrift(len(values), int(is_outside.any(axis=1).sum()), columns)


@dataclass(frozen=True, slots=True)
class WeekSkill:
    """How the forecasts of one horizon did over some days."""

    horizon_s: int
    realised: int
    skill: float | None
    """1 - MSE of the forecasts / MSE of the last price."""
    interval: Interval | None
    """Of the skill at 1 - ALPHA; None where too few are realised."""

    @property
    def is_below_naive(self) -> bool:
        """Whether the forecasts are worse than the last price by more than chance."""
        return self.interval is not None and self.interval.high < 0


def week_skill(outcome: Outcome, *, step_s: int) -> WeekSkill:
    """Skill with its interval by block bootstrap; `step_s` is the distance of two rows. Always the same for the same
    forecasts."""
    loss, naive = outcome.loss, outcome.naive
    interval = (
        skill_interval(
            loss,
            naive,
            horizon=max(1, outcome.horizon_s // step_s),
            alpha=ALPHA,
            resamples=RESAMPLES,
            rng=np.random.default_rng(outcome.came.size),
        )
        if outcome.came.size >= LEAST_REALISED
        else None
    )
    return WeekSkill(outcome.horizon_s, outcome.came.size, skill(loss, naive), interval)
