"""Charts of features: how they are spread, how they move together, and where they have no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from crypto_assets.dashboard.charts import DOWN, STILL, UP, WRONG, finished, format_of, time_axis
from crypto_assets.dashboard.features.lanes import LINE
from crypto_assets.dashboard.features.statistics import Correlation, Spread, histogram, share_without_value

MOST_NUMBERS = 12
"""Features of a matrix whose cells have room for a number."""
AROUND = 270
"""Height of a matrix' title, legend and leaning labels, which Streamlit counts as the chart's."""
READABLE = "#7b8798"
"""On light and on dark."""
_FAINT = "rgba(128,128,128,0.10)"


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
                axis=alt.Axis(format=format_of(spread.minimum, spread.maximum), tickCount=5),
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
            .encode(
                x=across,
                y=down,
                text=alt.Text("coefficient:Q", format=".2f"),
                color=alt.condition("abs(datum.coefficient) > 0.6", alt.value("white"), alt.value(READABLE)),
            )
        )
        layers.append(text)
    height = AROUND + (30 if len(order) <= MOST_NUMBERS else 14) * len(order)
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
    return finished(chart, title="Minutes without a value, by quarter of an hour", height=210 + 18 * len(names))
