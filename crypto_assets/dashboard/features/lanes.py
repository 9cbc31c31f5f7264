"""Features over the candles of their day: lanes of one axis of time, and one pointer through all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import altair as alt
import polars as pl

from crypto_assets.dashboard.charts import DOWN, STILL, UP, format_of
from crypto_assets.dashboard.features.gold_day import GoldDay, candle_minutes, candles_of, spans_where, values_of
from crypto_assets.features.declaration import FEATURES, Feature
from crypto_assets.spans import Span

type XAxis = Callable[[str], alt.X]

MOST_LANES = 12
"""Features drawn at once; with more the page would be long and slow, and nobody compares so many lines."""
LANE_HEIGHT = 84
PRICES_HEIGHT = 260
LINE = "#3a86c8"
OVERLAYS = ("#3a86c8", "#9b5de5", "#c77d0a", "#6c757d", "#00838f", "#b5179e", "#5f8a1f", "#8d6e63")
HOVER = "moment"
ROOM = 0.035
"""Share of the span that is left free before it, for the values written there."""
_PRICE_MARGIN = 0.1
"""A price may leave the day's range by this share of it, as bands do, and still be drawn on the candles."""

BY_NAME = {feature.name: feature for feature in FEATURES}


def split_by_scale(day: GoldDay, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Features that are prices near those of the day, which share the candles' axis, and those that need their own."""
    low, high = day.candles["low"].min(), day.candles["high"].max()
    assert isinstance(low, float)
    assert isinstance(high, float)
    margin = _PRICE_MARGIN * high
    on_prices = [
        name
        for name in names
        if BY_NAME[name].unit == "quote asset" and _lies_within(day.gold[name], low - margin, high + margin)
    ]
    return on_prices, [name for name in names if name not in on_prices]


def drawable(day: GoldDay, names: Sequence[str], span: Span) -> list[str]:
    """Those of the features that have a value in a span, at most MOST_LANES."""
    values = values_of(day, names, span)
    return [name for name in names if values[name].count()][:MOST_LANES]


def over_candles(day: GoldDay, names: Sequence[str], span: Span) -> Any | None:
    """Candles, prices among the features on them, and a lane for each other feature below, over one axis of time.

    `names` are those of `drawable`. Minutes whose row is not warm are grey. None where there is nothing to draw.
    """
    values = values_of(day, names, span)
    candles = candles_of(day, span, minutes=candle_minutes(span))
    on_prices, apart = ([], list(names)) if candles.is_empty() else split_by_scale(day, names)
    if candles.is_empty() and not apart:
        return None
    parts: list[tuple[str, int, list[Any]]] = []
    if not candles.is_empty():
        parts.append(_prices(day, on_prices, values, candles=candles, x=_axis_of_time(is_labelled=not apart)))
    parts += [_lane(BY_NAME[name], values, x=_axis_of_time(is_labelled=name == apart[-1])) for name in apart]
    behind, pointer = [_edges(span), *_not_warm(day, span)], _pointer(values, candles, names=names, span=span)
    views = [f"pointer_{place}" for place in range(len(parts))]
    lanes = [
        alt.layer(*behind, *layers, pointer.properties(name=view)).properties(title=_title(title), height=height)
        for view, (title, height, layers) in zip(views, parts, strict=True)
    ]
    chart = alt.vconcat(*lanes, spacing=10, padding=0, params=[_hover(views)])
    return chart.resolve_scale(x="shared")


def _prices(
    day: GoldDay, names: Sequence[str], values: pl.DataFrame, *, candles: pl.DataFrame, x: XAxis
) -> tuple[str, int, list[Any]]:
    """Title, height and layers of the candles and what lies on them."""
    length = pl.col("end") - pl.col("open_time")
    drawn = candles.with_columns(
        (pl.col("close") >= pl.col("open")).alias("rose"),
        (pl.col("open_time") + length / 2).alias("middle"),
        (pl.col("open_time") + length * 0.15).alias("left"),
        (pl.col("open_time") + length * 0.85).alias("right"),
    )
    base = alt.Chart(drawn).encode(color=alt.condition("datum.rose", alt.value(UP), alt.value(DOWN)))
    price = alt.Y("low:Q", scale=alt.Scale(zero=False), axis=_inner_axis(",f", ticks=6))
    layers: list[Any] = [
        base.mark_rule().encode(x=x("middle"), y=price, y2="high:Q"),
        base.mark_bar().encode(x=x("left"), x2="right:T", y="open:Q", y2="close:Q"),
    ]
    layers += [_lines(names, values, x=x)] if names else []
    minutes = (drawn["end"][0] - drawn["open_time"][0]) // timedelta(minutes=1)
    return f"{day.symbol} {day.day}, candles of {minutes} min; price in the quote asset", PRICES_HEIGHT, layers


def _lines(names: Sequence[str], values: pl.DataFrame, *, x: XAxis) -> Any:
    """Features that are prices, each in its colour."""
    long = values.unpivot(names, index="as_of", variable_name="name", value_name="value")
    colour = alt.Color(
        "name:N",
        title=None,
        scale=alt.Scale(domain=list(names), range=[OVERLAYS[i % len(OVERLAYS)] for i in range(len(names))]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=2, symbolType="stroke", labelLimit=200),
    )
    return alt.Chart(long).mark_line(strokeWidth=1.4).encode(x=x("as_of"), y="value:Q", color=colour)


def _lane(feature: Feature, values: pl.DataFrame, *, x: XAxis) -> tuple[str, int, list[Any]]:
    """Title, height and layer of a feature that needs an axis of its own."""
    column = values[feature.name]
    axis = _inner_axis(format_of(column.min(), column.max()), ticks=3)
    y = alt.Y(f"{feature.name}:Q", scale=alt.Scale(zero=False, nice=True), axis=axis)
    line = alt.Chart(values).mark_line(color=LINE, strokeWidth=1.2).encode(x=x("as_of"), y=y)
    return f"{feature.name}, {feature.unit}", LANE_HEIGHT, [line]


def _pointer(values: pl.DataFrame, candles: pl.DataFrame, *, names: Sequence[str], span: Span) -> Any:
    """A column for each candle that lights up in all lanes where the pointer is, and tells all values at its end."""
    minutes = candle_minutes(span)
    ends = values.filter((pl.col("as_of") - span.start).dt.total_minutes() % minutes == 0)
    moments = ends.with_columns((pl.col("as_of") - pl.duration(minutes=minutes)).alias("open_time")).join(
        candles.select("open_time", "open", "high", "low", "close", "volume"), on="open_time", how="left"
    )
    tooltip = [alt.Tooltip("as_of:T", format="%H:%M", title="at, UTC")]
    tooltip += [alt.Tooltip(f"{name}:Q", format=",.2~f") for name in ("open", "high", "low", "close", "volume")]
    tooltip += [alt.Tooltip(f"{name}:Q", format=".5~g") for name in names]
    lit = alt.condition({"param": HOVER, "empty": False}, alt.value(0.25), alt.value(0))
    columns = alt.Chart(moments).mark_rect(color=STILL)
    return columns.encode(x="open_time:T", x2="as_of:T", opacity=lit, tooltip=tooltip)


def _hover(views: Sequence[str]) -> alt.TopLevelSelectionParameter:
    """Which moment the pointer is on, in any of the views."""
    select = alt.PointSelectionConfig(type="point", fields=["as_of"], on="pointerover", clear="pointerout")
    return alt.TopLevelSelectionParameter(name=HOVER, select=select, views=list(views))


def _not_warm(day: GoldDay, span: Span) -> list[Any]:
    """Grey behind minutes whose row is not warm; no layer where all are."""
    cold = spans_where(day, ~pl.col("warm"), span)
    if not cold:
        return []
    frame = pl.DataFrame({"start": [s.start for s in cold], "end": [s.end for s in cold]})
    return [alt.Chart(frame).mark_rect(color=STILL, opacity=0.18).encode(x="start:T", x2="end:T")]


def _axis_of_time(*, is_labelled: bool) -> XAxis:
    """The one axis of all lanes; the last of them has its labels."""
    hidden = alt.Axis(labels=False, ticks=False, title=None, grid=False)

    def axis(field: str) -> alt.X:
        shown = alt.Axis(format="%H:%M", labelOverlap="greedy", grid=False, tickCount=12) if is_labelled else hidden
        title = "time, UTC" if is_labelled else None
        return alt.X(f"{field}:T", title=title, axis=shown, scale=alt.Scale(type="utc", nice=False))

    return axis


def _edges(span: Span) -> Any:
    """Nothing to see: it stretches the axis over the whole span, and the room before it."""
    ends = pl.DataFrame({"moment": [span.start - (span.end - span.start) * ROOM, span.end]})
    return alt.Chart(ends).mark_rule(opacity=0).encode(x="moment:T")


def _inner_axis(number_format: str, *, ticks: int) -> alt.Axis:
    """Values written on the lines of the grid: beside the plot they would cost a phone a sixth of its width, and
    Streamlit gives each of charts that stand on each other the whole width."""
    return alt.Axis(
        format=number_format,
        title=None,
        tickCount=ticks,
        ticks=False,
        domain=False,
        labelAlign="left",
        labelBaseline="bottom",
        labelPadding=-2,
        labelFontSize=10,
    )


def _title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", fontSize=12, fontWeight="normal", offset=4)


def _lies_within(values: pl.Series, low: float, high: float) -> bool:
    finite = values.filter(values.is_finite().fill_null(value=False))
    return not finite.is_empty() and bool(finite.is_between(low, high).all())
