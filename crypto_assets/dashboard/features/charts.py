"""Charts of features: over the candles of their day, spread, together, and where they have no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from crypto_assets.dashboard.charts import DOWN, STILL, UP, WRONG, finished, time_axis
from crypto_assets.dashboard.features.gold_day import GoldDay, candle_minutes, candles_of, spans_where, values_of
from crypto_assets.dashboard.features.statistics import Correlation, Spread, histogram, share_without_value
from crypto_assets.features.declaration import FEATURES, Feature
from crypto_assets.spans import Span

MOST_LANES = 12
"""Features drawn at once; with more the page would be long and slow, and nobody compares so many lines."""
MOST_NUMBERS = 12
"""Features of a matrix whose cells have room for a number."""
LANE_HEIGHT = 84
PRICES_HEIGHT = 260
LINE = "#3a86c8"
OVERLAYS = ("#3a86c8", "#9b5de5", "#c77d0a", "#6c757d", "#00838f", "#b5179e", "#5f8a1f", "#8d6e63")
_FAINT = "rgba(128,128,128,0.10)"
HOVER = "moment"
_MILLION = 1_000_000
_PRICE_MARGIN = 0.1
"""A price may leave the day's range by this share of it, as bands do, and still be drawn on the candles."""

BY_NAME = {feature.name: feature for feature in FEATURES}


def split_by_scale(day: GoldDay, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Features that are prices near those of the day, which share the candles' axis, and those that need their own."""
    if day.candles.is_empty():
        return [], list(names)
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


def over_candles(day: GoldDay, names: Sequence[str], span: Span) -> Any:
    """Candles, prices among the features on them, and a lane for each other feature below, over one axis of time.

    Minutes whose row is not warm are grey. At most MOST_LANES of the names are drawn.
    """
    shown = list(names)[:MOST_LANES]
    on_prices, apart = split_by_scale(day, shown)
    values = values_of(day, shown, span)
    candles = candles_of(day, span, minutes=candle_minutes(span))
    behind, pointer = _not_warm(day, span), _pointer(values, candles, names=shown, span=span)
    parts = [_prices(day, on_prices, values, candles=candles, last=not apart)]
    parts += [_lane(BY_NAME[name], values, last=name == apart[-1]) for name in apart]
    views = [f"pointer_{place}" for place in range(len(parts))]
    lanes = [
        alt.layer(*behind, *layers, pointer.properties(name=view)).properties(
            title=_title(title), height=LANE_HEIGHT if place else PRICES_HEIGHT
        )
        for place, (view, (title, layers)) in enumerate(zip(views, parts, strict=True))
    ]
    chart = alt.vconcat(*lanes, spacing=10, padding=0, params=[_hover(views)])
    return chart.resolve_scale(x="shared")


def spread_chart(gold: pl.DataFrame, spread: Spread) -> Any:
    """How many minutes have which value, with the median and the middle nine tenths marked."""
    feature = spread.feature
    bars = (
        alt.Chart(histogram(gold, feature.name))
        .mark_rect(color=LINE, opacity=0.75)
        .encode(
            x=alt.X(
                "start:Q",
                title=None,
                scale=alt.Scale(zero=False),
                axis=alt.Axis(format=_format_of(spread.minimum, spread.maximum), tickCount=5),
            ),
            x2="end:Q",
            y=alt.Y("rows:Q", title="minutes", axis=alt.Axis(tickCount=4)),
            y2=alt.Y2Datum(0),
            tooltip=[
                alt.Tooltip("start:Q", format=".5~g", title="from"),
                alt.Tooltip("end:Q", format=".5~g", title="to"),
                alt.Tooltip("rows:Q", format=",", title="minutes"),
            ],
        )
    )
    marks = pl.DataFrame(
        {"value": [spread.low, spread.median, spread.high], "what": ["5 %", "median", "95 %"]},
        schema={"value": pl.Float64, "what": pl.String},
    )
    rules = (
        alt.Chart(marks)
        .mark_rule(strokeWidth=1.5)
        .encode(
            x="value:Q",
            color=alt.condition("datum.what == 'median'", alt.value(WRONG), alt.value(STILL)),
            tooltip=[alt.Tooltip("what:N", title="mark"), alt.Tooltip("value:Q", format=".5~g", title=feature.unit)],
        )
    )
    return finished(alt.layer(bars, rules), title=f"{feature.name}, {feature.unit}", height=190)


def correlation_chart(found: Correlation) -> Any:
    """A coloured square for each pair: teal where they rise together, orange where one falls, faint where neither."""
    cells = pl.DataFrame(
        {
            "one": [name for name in found.names for _ in found.names],
            "other": list(found.names) * len(found.names),
            "coefficient": found.matrix.ravel(),
        },
        schema={"one": pl.String, "other": pl.String, "coefficient": pl.Float64},
    ).with_columns(pl.col("coefficient").fill_nan(None))
    order = list(found.names)
    # How far a label leans is what a phone has room for.
    across = alt.X("other:N", sort=order, title=None, axis=alt.Axis(labelAngle=-50, labelLimit=150))
    down = alt.Y("one:N", sort=order, title=None, axis=alt.Axis(labelLimit=150))
    colour = alt.Color(
        "coefficient:Q",
        title=f"{found.method}, -1 to 1",
        scale=alt.Scale(domain=[-1, 0, 1], range=[DOWN, _FAINT, UP]),
        legend=alt.Legend(orient="top", gradientLength=180, gradientThickness=10, titleLimit=300),
    )
    pair = [
        alt.Tooltip("one:N", title="feature"),
        alt.Tooltip("other:N", title="with"),
        alt.Tooltip("coefficient:Q", format=".3f", title=found.method),
    ]
    squares = alt.Chart(cells).mark_rect(cornerRadius=2).encode(x=across, y=down, color=colour, tooltip=pair)
    layers: list[Any] = [squares]
    if len(order) <= MOST_NUMBERS:
        text = (
            alt.Chart(cells)
            .mark_text(fontSize=11)
            .encode(x=across, y=down, text=alt.Text("coefficient:Q", format=".2f"))
        )
        layers.append(text)
    height = 190 + (30 if len(order) <= MOST_NUMBERS else 14) * len(order)
    return finished(
        alt.layer(*layers), title=f"{found.method} correlation over {found.rows:,} warm minutes", height=height
    )


def missing_chart(gold: pl.DataFrame, names: Sequence[str]) -> Any:
    """A row for each feature and a square for each quarter of an hour: the more of it has no value, the redder."""
    shares = share_without_value(gold, names)
    chart = (
        alt.Chart(shares)
        .mark_rect()
        .encode(
            x=time_axis("open_time"),
            x2="end:T",
            y=alt.Y("name:N", sort=list(names), title=None, axis=alt.Axis(labelLimit=160)),
            color=alt.Color(
                "share:Q",
                title="share without a value",
                scale=alt.Scale(domain=[0, 1], range=[_FAINT, WRONG]),
                legend=alt.Legend(orient="top", format="%", gradientLength=120, gradientThickness=10, titleLimit=300),
            ),
            tooltip=[
                alt.Tooltip("name:N", title="feature"),
                alt.Tooltip("open_time:T", format="%H:%M", title="from, UTC"),
                alt.Tooltip("share:Q", format=".0%", title="without a value"),
            ],
        )
    )
    return finished(chart, title="Minutes without a value, by quarter of an hour", height=160 + 18 * len(names))


def _prices(
    day: GoldDay, names: Sequence[str], values: pl.DataFrame, *, candles: pl.DataFrame, last: bool
) -> tuple[str, list[Any]]:
    """Title and layers of the candles and what lies on them."""
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
        base.mark_rule().encode(x=_time("middle", last=last), y=price, y2="high:Q"),
        base.mark_bar().encode(x=_time("left", last=last), x2="right:T", y="open:Q", y2="close:Q"),
    ]
    layers += [_lines(names, values, last=last)] if names else []
    minutes = 0 if drawn.is_empty() else (drawn["end"][0] - drawn["open_time"][0]).seconds // 60
    kind = f"candles of {minutes} min" if minutes else "no candles"
    return f"{day.symbol} {day.day}, {kind}; price in the quote asset", layers


def _lines(names: Sequence[str], values: pl.DataFrame, *, last: bool) -> Any:
    """Features that are prices, each in its colour."""
    long = values.unpivot(names, index="as_of", variable_name="name", value_name="value")
    colour = alt.Color(
        "name:N",
        title=None,
        scale=alt.Scale(domain=list(names), range=[OVERLAYS[i % len(OVERLAYS)] for i in range(len(names))]),
        legend=alt.Legend(orient="top", direction="horizontal", columns=2, symbolType="stroke", labelLimit=200),
    )
    return alt.Chart(long).mark_line(strokeWidth=1.4).encode(x=_time("as_of", last=last), y="value:Q", color=colour)


def _lane(feature: Feature, values: pl.DataFrame, *, last: bool) -> tuple[str, list[Any]]:
    """Title and layer of a feature that needs an axis of its own."""
    column = values[feature.name]
    axis = _inner_axis(_format_of(column.min(), column.max()), ticks=3)
    y = alt.Y(f"{feature.name}:Q", scale=alt.Scale(zero=False, nice=True), axis=axis)
    line = alt.Chart(values).mark_line(color=LINE, strokeWidth=1.2).encode(x=_time("as_of", last=last), y=y)
    return f"{feature.name}, {feature.unit}", [line]


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


def _time(field: str, *, last: bool) -> alt.X:
    """The one axis of time, labelled below the last lane."""
    if last:
        return time_axis(field)
    hidden = alt.Axis(labels=False, ticks=False, title=None, grid=False)
    return alt.X(f"{field}:T", scale=alt.Scale(type="utc"), axis=hidden)


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


def _format_of(least: object, most: object) -> str:
    """How an axis writes its values: `12M` for millions, else digits as its steps need them."""
    largest = max((abs(v) for v in (least, most) if isinstance(v, int | float)), default=0)
    return "~s" if largest >= _MILLION else ",f"


def _title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, anchor="start", fontSize=12, fontWeight="normal", offset=4)


def _lies_within(values: pl.Series, low: float, high: float) -> bool:
    finite = values.filter(values.is_finite().fill_null(value=False))
    return not finite.is_empty() and bool(finite.is_between(low, high).all())
