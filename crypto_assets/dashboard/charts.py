"""What all charts share: title, named axes in UTC, colours that work on light and dark, the width of their part."""

from __future__ import annotations

from typing import Any

import altair as alt

from crypto_assets.dashboard.flags import GREY, ORANGE, RED, TEAL

UP, DOWN, WRONG, STILL = TEAL, ORANGE, RED, GREY
DIRECTION = alt.Scale(domain=[True, False], range=[UP, DOWN])


def time_axis(field: str, *, title: str = "time, UTC", axis_format: str = "%H:%M") -> alt.X:
    """An axis of moments, drawn in UTC wherever the visitor is; `field` is a column of datetimes."""
    return alt.X(
        f"{field}:T",
        title=title,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format=axis_format, labelOverlap="greedy", grid=False),
    )


def value_axis(field: str, *, title: str, zero: bool = False, axis_format: str = "~g") -> alt.Y:
    """An axis of numbers; the title says the unit."""
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(zero=zero), axis=alt.Axis(format=axis_format))


def finished(chart: Any, *, title: str, height: int = 280) -> Any:
    """The chart under its title, as wide as its part."""
    heading = alt.TitleParams(title, anchor="start", fontSize=13, fontWeight="normal")
    return chart.properties(title=heading, height=height, width="container")
