"""How good forecasts were as time went on: skill over the last price, looking back, each with its interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crypto_assets.forecast.drift import ALPHA
from crypto_assets.forecast.judge.measures import skill
from crypto_assets.forecast.judge.significance import skill_interval
from crypto_assets.forecast.predictions import Outcome
from crypto_assets.forecast.table import BoolArray
from crypto_assets.spans import SECOND_US

WINDOWS_S = (3_600, 2 * 3_600, 6 * 3_600, 24 * 3_600, 7 * 24 * 3_600)
"""What a point may look back on: the shortest of which all fit into POINTS."""
POINTS = 24
STEPS = 4
"""Points within a window: each shares three quarters of its forecasts with the one before."""
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class SkillPoint:
    """Skill of the forecasts of a window."""

    end_us: int
    """Of the window, us UTC; its forecasts were made before or at this moment."""
    forecasts: int
    skill: float
    low: float | None
    """Lower end of the interval at 1 - ALPHA; None where too few are realised."""
    high: float | None


@dataclass(frozen=True, slots=True)
class SkillCurve:
    """Points ascending in time, and the seconds that each looks back on."""

    window_s: int
    points: tuple[SkillPoint, ...]


def skill_curve(outcome: Outcome, *, step_s: int) -> SkillCurve:
    """Rolling skill of one horizon; `step_s` is the distance of two rows. Always the same for the same forecasts."""
    first, last = int(outcome.as_of_us[0]), int(outcome.as_of_us[-1])
    span_s = (last - first) / SECOND_US
    window_s = next((one for one in WINDOWS_S if span_s * STEPS <= one * POINTS), WINDOWS_S[-1])
    step_us = window_s * SECOND_US // STEPS
    ends = [end for end in range(last, first, -step_us) if end - first >= window_s * SECOND_US / 2 or end == last]
    points = (_point(outcome, end, window_us=window_s * SECOND_US, step_s=step_s) for end in reversed(ends[:POINTS]))
    return SkillCurve(window_s, tuple(point for point in points if point is not None))


def _point(outcome: Outcome, end_us: int, *, window_us: int, step_s: int) -> SkillPoint | None:
    part = _where(outcome, (outcome.as_of_us > end_us - window_us) & (outcome.as_of_us <= end_us))
    value = skill(part.loss, part.naive)
    if value is None:
        return None
    interval = skill_interval(
        part.loss,
        part.naive,
        horizon=max(1, part.horizon_s // step_s),
        alpha=ALPHA,
        resamples=RESAMPLES,
        rng=np.random.default_rng(part.came.size),
    )
    ends = (interval.low, interval.high) if interval else (None, None)
    return SkillPoint(end_us, part.came.size, value, *ends)


def _where(outcome: Outcome, chosen: BoolArray) -> Outcome:
    return replace(
        outcome,
        as_of_us=outcome.as_of_us[chosen],
        foretold=outcome.foretold[chosen],
        came=outcome.came[chosen],
        half_width=outcome.half_width[chosen],
        inside=outcome.inside[chosen],
    )
