"""A day of forecasts over what came, and how much better than the last price they were as the day went on."""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from crypto_assets.forecast.predictions import Outcome, horizon_name
from crypto_assets.forecast.table import FloatArray, IntArray
from crypto_assets.pictures import png
from crypto_assets.spans import MINUTE_US, Span, to_us

RETURN_HEIGHT, SKILL_HEIGHT, MARGIN = 140, 50, 6
SKILL_MINUTES = 60
"""What a point of the lower line looks back on."""
EDGE_QUANTILE = 0.99
"""Of what came; larger moves are drawn at the edge, so that a few minutes do not flatten the day."""
LEAST_EDGE = 1e-6
SKILL_EDGE = 0.1
"""Skill at the upper and lower edge of the lower part; what is beyond is drawn there."""
BPS = 1e4


def prediction_picture(outcome: Outcome, *, day: Span) -> str | None:
    """Markdown of the day's forecasts of one horizon; None where nothing has come due.

    Above, log-returns: pale the interval, grey what came, teal the forecast where it has the sign of what came and
    orange where not, from top to bottom of a pixel. Below, skill over the last hour: teal above zero, orange under it.
    """
    if not outcome.came.size:
        return None
    began, ended = to_us(day.start), to_us(day.end)
    # as_of of the first candle of a day lies a step after midnight, that of the last one is the next midnight
    x = np.clip((outcome.as_of_us - 1 - began) * png.WIDTH // (ended - began), 0, png.WIDTH - 1)
    edge = max(
        float(np.quantile(np.abs(outcome.came), EDGE_QUANTILE)), float(outcome.half_width.max()) * 1.1, LEAST_EDGE
    )
    image = png.blank(RETURN_HEIGHT + MARGIN + SKILL_HEIGHT)
    draw = ImageDraw.Draw(image)
    _draw_returns(draw, outcome, x, edge=edge)
    rolling = rolling_skill(outcome)
    _draw_skill(draw, rolling, x)
    name = horizon_name(outcome.horizon_s)
    return png.as_markdown(
        image,
        alt=f"{name} forecasts, their interval, what came, to {edge * BPS:.1f} bps; below, skill of the last hour",
    )


def rolling_skill(outcome: Outcome) -> FloatArray:
    """1 - MSE / MSE of the last price over the SKILL_MINUTES up to each forecast; NaN where nothing moved."""
    began = outcome.as_of_us - SKILL_MINUTES * MINUTE_US
    first = np.searchsorted(outcome.as_of_us, began, side="right")
    last = np.arange(outcome.as_of_us.size) + 1
    loss, naive = (np.append(0.0, np.cumsum(one)) for one in (outcome.loss, outcome.naive))
    over = naive[last] - naive[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(over > 0, 1 - (loss[last] - loss[first]) / over, np.nan)


def _draw_returns(draw: ImageDraw.ImageDraw, outcome: Outcome, x: IntArray, *, edge: float) -> None:
    for column, rows in _by_column(x):
        foretold, came, half = outcome.foretold[rows], outcome.came[rows], outcome.half_width[rows]
        ends = np.array([(foretold + half).max(), (foretold - half).min(), came.max(), came.min(), foretold.mean()])
        high, low, top, bottom, line = _rows(ends, edge=edge, top=0, height=RETURN_HEIGHT)
        draw.line((column, high, column, low), fill=png.LIGHT)
        draw.line((column, top, column, bottom), fill=png.HALT)
        agrees = float(foretold.mean()) * float(came.mean()) > 0
        draw.line((column, line, column, line + 1), fill=png.PRESENT if agrees else png.DOWN)


def _draw_skill(draw: ImageDraw.ImageDraw, rolling: FloatArray, x: IntArray) -> None:
    top = RETURN_HEIGHT + MARGIN
    zero = _rows(np.zeros(1), edge=SKILL_EDGE, top=top, height=SKILL_HEIGHT)[0]
    draw.line((0, zero, png.WIDTH - 1, zero), fill=png.HALT)
    for column, rows in _by_column(x):
        known = rolling[rows][np.isfinite(rolling[rows])]
        if known.size:
            (at,) = _rows(known.mean(keepdims=True), edge=SKILL_EDGE, top=top, height=SKILL_HEIGHT)
            draw.line((column, zero, column, at), fill=png.PRESENT if known.mean() >= 0 else png.DOWN)


def _by_column(x: IntArray) -> list[tuple[int, slice]]:
    """Each column of pixels that has forecasts, with their rows; `x` ascends."""
    columns, starts = np.unique(x, return_index=True)
    ends = [*starts[1:].tolist(), x.size]
    return [
        (column, slice(start, end)) for column, start, end in zip(columns.tolist(), starts.tolist(), ends, strict=True)
    ]


def _rows(values: FloatArray, *, edge: float, top: int, height: int) -> list[int]:
    """Values to rows of pixels: `edge` in row `top`, -`edge` in the last of `height` rows."""
    return png.to_rows(values, low=-edge, high=edge, top=top, bottom=top + height - 1)
