"""Predictions over what came, and skill as time went on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import altair as alt
import pyarrow as pa

from crypto_assets.dashboard import words
from crypto_assets.dashboard.charts import DOWN as BELOW
from crypto_assets.dashboard.charts import STILL, UP, draw, finished, moments_ms, spec_of, time_axis
from crypto_assets.dashboard.forecasts.realised import Record
from crypto_assets.dashboard.forecasts.skill import SkillCurve, SkillPoint
from crypto_assets.forecast.predictions import horizon_name
from crypto_assets.spans import from_us

MOST_POINTS = 1_500
"""Predictions that a chart draws; more are thinned out evenly."""


def draw_predictions(record: Record, *, symbol: str, quote: str, horizon_s: int, share: float) -> None:
    """The interval as a band, the prediction and what came as lines, by the moment that was foretold; not empty."""
    step = -(-record.rows.num_rows // MOST_POINTS)
    rows = record.rows.take(list(range(record.rows.num_rows - 1, -1, -step))[::-1])
    targets: list[datetime] = rows["target_time"].to_pylist()
    came: list[float | None] = rows["realised_price"].to_pylist()
    table = pa.table(
        {
            "at": moments_ms(targets),
            "when": [words.utc(moment, seconds=False) for moment in targets],
            "low": rows["low"],
            "high": rows["high"],
            "foretold": rows["predicted_price"],
            "came": pa.array(came, pa.float64()),
            "verdict": [_verdict(*each) for each in zip(came, *_ends(rows), strict=True)],
        }
    )
    said = f"{rows.num_rows} predictions of {symbol} {horizon_name(horizon_s)} ahead beside what came"
    spec = _predictions(symbol, quote, horizon_name(horizon_s), words.percent(share, digits=0), _format(targets))
    draw(spec, key="predictions", alt_text=said, rows=table)


def draw_skill(curve: SkillCurve, *, horizon_s: int) -> None:
    """Skill as a line within its interval, and zero, where a forecast is worth as much as the last price."""
    moments = [from_us(one.end_us) for one in curve.points]
    table = pa.table(
        {
            "at": moments_ms(moments),
            "when": [words.utc(moment, seconds=False) for moment in moments],
            "skill": [one.skill for one in curve.points],
            "low": pa.array([one.low for one in curve.points], pa.float64()),
            "high": pa.array([one.high for one in curve.points], pa.float64()),
            "forecasts": [one.forecasts for one in curve.points],
            "worth": [_worth(one) for one in curve.points],
        }
    )
    last = curve.points[-1]
    said = f"skill over the last price, {len(curve.points)} points, the last {words.percent(last.skill)}"
    spec = _skill(horizon_name(horizon_s), words.span(curve.window_s), _format(moments))
    draw(spec, key="skill", alt_text=said, rows=table)


def _ends(rows: pa.Table) -> tuple[list[float], list[float]]:
    return rows["low"].to_pylist(), rows["high"].to_pylist()


def _verdict(came: float | None, low: float, high: float) -> str:
    if came is None:
        return "not known yet"
    return "inside the interval" if low <= came <= high else "outside"


def _format(moments: list[datetime]) -> str:
    is_a_day = (moments[-1] - moments[0]).total_seconds() <= 26 * 3600
    return "%H:%M" if is_a_day else "%b %d %H:%M"


def _named(rows: alt.NamedData, what: str) -> alt.Chart:
    """A layer with a constant for the legend."""
    return alt.Chart(rows).transform_calculate(what=f"'{what}'")


@cache
def _predictions(symbol: str, quote: str, ahead: str, share: str, axis_format: str) -> Mapping[str, Any]:
    rows = alt.NamedData("rows")
    tooltip = [
        alt.Tooltip("when:N", title="foretold moment"),
        *(alt.Tooltip(f"{name}:Q", title=f"{name}, {quote}", format=",.6~f") for name in ("foretold", "low", "high")),
        alt.Tooltip("came:Q", title=f"came, {quote}", format=",.6~f"),
        alt.Tooltip("verdict:N", title="what came lies"),
    ]
    x = time_axis("at", title="moment that was foretold, UTC", axis_format=axis_format)
    scale = alt.Scale(zero=False, nice=False, padding=8)
    y = alt.Y("low:Q", title=f"price, {quote}", scale=scale, axis=alt.Axis(format=",~f"))
    interval = f"{share} interval"
    colours = alt.Scale(domain=[interval, "foretold", "came"], range=[UP, UP, BELOW])
    colour = alt.Color("what:N", scale=colours, legend=alt.Legend(title=None, orient="top", symbolOpacity=1))
    band = _named(rows, interval).mark_area(opacity=0.22).encode(x=x, y=y, y2="high:Q", color=colour)
    foretold = _named(rows, "foretold").mark_line(strokeWidth=1.5, strokeDash=[4, 2])
    came = _named(rows, "came").mark_line(strokeWidth=1.5)
    lines = foretold.encode(x=x, y="foretold:Q", color=colour) + came.encode(x=x, y="came:Q", color=colour)
    hit = alt.Chart(rows).mark_rule(opacity=0, strokeWidth=6).encode(x=x, tooltip=tooltip)
    chart = band + lines + hit
    return spec_of(finished(chart, title=f"{symbol}, {ahead} ahead: foretold and what came", height=340))


BETTER, WORSE, UNCERTAIN = "better than the last price", "worse", "not told apart"
_WORTH = alt.Scale(domain=[BETTER, UNCERTAIN, WORSE], range=[UP, STILL, BELOW])


def _worth(point: SkillPoint) -> str:
    if point.low is None or point.high is None or point.low <= 0 <= point.high:
        return UNCERTAIN
    return BETTER if point.low > 0 else WORSE


@cache
def _skill(ahead: str, window: str, axis_format: str) -> Mapping[str, Any]:
    rows = alt.NamedData("rows")
    x = time_axis("at", title="end of the window, UTC", axis_format=axis_format)
    y = alt.Y("low:Q", title="skill, % of squared error", axis=alt.Axis(format=".1%"))
    tooltip = [
        alt.Tooltip("when:N", title="window ends"),
        alt.Tooltip("skill:Q", format="+.2%"),
        alt.Tooltip("low:Q", title="low, 95 %", format="+.2%"),
        alt.Tooltip("high:Q", title="high, 95 %", format="+.2%"),
        alt.Tooltip("forecasts:Q", format=","),
    ]
    band = alt.Chart(rows).mark_area(opacity=0.2, color=STILL).encode(x=x, y=y, y2="high:Q")
    line = alt.Chart(rows).mark_line(color=STILL).encode(x=x, y="skill:Q")
    dots = (
        alt.Chart(rows)
        .mark_circle(size=46, opacity=1)
        .encode(
            x=x,
            y="skill:Q",
            color=alt.Color("worth:N", scale=_WORTH, legend=alt.Legend(title=None, orient="top")),
            tooltip=tooltip,
        )
    )
    zero = alt.Chart(rows).mark_rule(strokeDash=[4, 3], color=STILL).encode(y=alt.datum(0))
    return spec_of(
        finished(
            band + zero + line + dots,
            title=f"Skill over the last price, {ahead} ahead, of the {window} before, with its 95 % interval",
            height=260,
        )
    )
