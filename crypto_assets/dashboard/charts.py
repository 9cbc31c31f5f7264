"""What all charts share: title, named axes in UTC, colours that work on light and dark, the width of their part."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import altair as alt
import pyarrow as pa
import streamlit as st

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


def format_of(least: object, most: object) -> str:
    """How an axis writes its values: `12M` for millions, else digits as its steps need them."""
    largest = max((abs(v) for v in (least, most) if isinstance(v, int | float)), default=0)
    return "~s" if largest >= 1_000_000 else ",f"


def finished(chart: Any, *, title: str, height: int = 280) -> Any:
    """The chart under its title, as wide as its part."""
    heading = alt.TitleParams(title, anchor="start", fontSize=13, fontWeight="normal")
    return chart.properties(title=heading, height=height, width="container")


def spec_of(chart: Any) -> Mapping[str, Any]:
    """What a chart says without its rows, which it names (`alt.NamedData`): made once, drawn often."""
    spec: dict[str, Any] = chart.to_dict()
    spec.pop("datasets", None)
    return spec


def draw(spec: Mapping[str, Any], *, key: str, alt_text: str, **rows: pa.Table) -> None:
    """Draw a chart of `spec_of` with its named rows.

    While spec and names stay the same the browser only changes the marks: drawn anew every second, a chart made by
    Altair each time would flicker, for Streamlit names rows by their content.
    """
    st.vega_lite_chart(
        spec={**copy.deepcopy(dict(spec)), "datasets": dict(rows)}, key=key, width="stretch", alt=alt_text
    )


def moments_ms(moments: Iterable[datetime]) -> pa.Array:
    """Times as charts take them whatever the visitor's zone: milliseconds since 1970-01-01 UTC."""
    return pa.array([moment.timestamp() * 1000 for moment in moments], pa.float64())
