"""Calendars: which days of which dataset are there, and what the streams lost on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import altair as alt
import polars as pl

from crypto_assets.dashboard.charts import DOWN, UP, WRONG, finished
from crypto_assets.dashboard.health.figures import Calendar, Losses
from crypto_assets.health.calendar import DayCoverage, DayState, GapMinutes

ROW_HEIGHT = 17
ROWS_APART = alt.Scale(paddingInner=0.1)
AROUND = 175
"""Height of title, legend and axis, which Streamlit counts as the chart's."""
STATES: Mapping[DayState, tuple[int, str, str]] = {
    "partial": (0, DOWN, "rows are missing"),
    "absent": (1, "rgba(128,128,128,0.13)", "never made"),
    "retired": (2, "rgba(42,157,143,0.28)", "deleted by retention, its silver is verified"),
    "empty": (3, "#9bb8d3", "made, and nothing happened"),
    "halt": (4, "#5b7fb5", "complete but for a halt of the exchange"),
    "present": (5, "#6fbfb3", "made; nobody can tell how many rows it ought to have"),
    "complete": (6, UP, "complete"),
    "future": (7, "rgba(128,128,128,0.04)", "not yet begun"),
}
"""Rank, colour and meaning: where several symbols share a square, the lowest rank is seen."""
_DAY_COLUMNS = {
    **dict.fromkeys(("dataset", "day", "state", "means", "symbols"), pl.String),
    "rows": pl.Int64,
}
_GAP_COLUMNS = {
    "dataset": pl.String,
    "day": pl.String,
    "lost": pl.Float64,
    "repaired": pl.Float64,
    "unsettled": pl.Int64,
    "symbols": pl.String,
}


def days_chart(calendar: Calendar, symbols: Sequence[str]) -> Any:
    """A square for each dataset and day; of several symbols it is the one that is worst off.

    A symbol that has no day at all is left out beside others, whose squares it would all grey.
    """
    begun = {day.symbol for day in calendar.days if day.rows is not None}
    days = [day for day in calendar.days if day.symbol in symbols and (day.symbol in begun or not begun & {*symbols})]
    squares = _worst_days(days)
    seen = set(squares["state"])
    states: list[DayState] = [state for state in STATES if state in seen]
    datasets = list(dict.fromkeys(day.dataset for day in days))
    chart = (
        alt.Chart(squares)
        .mark_rect(cornerRadius=2)
        .encode(
            x=_day_axis(calendar),
            y=_dataset_axis(datasets),
            color=alt.Color(
                "state:N",
                title=None,
                scale=alt.Scale(domain=states, range=[STATES[state][1] for state in states]),
                legend=alt.Legend(orient="top", columns=4, symbolType="square"),
            ),
            tooltip=[
                alt.Tooltip("dataset:N"),
                alt.Tooltip("day:N", title="day, UTC"),
                alt.Tooltip("state:N"),
                alt.Tooltip("means:N", title="that is"),
                alt.Tooltip("symbols:N", title="of"),
                alt.Tooltip("rows:Q", format=",", title="rows, the least"),
            ],
        )
    )
    return finished(chart, title=f"Days in the lake, {_span(calendar)}", height=ROW_HEIGHT * len(datasets) + AROUND)


def gaps_chart(losses: Losses, symbols: Sequence[str]) -> Any:
    """A square for each stream and day that lost something: the more minutes, the redder."""
    gaps = [gap for gap in losses.gaps if gap.symbol in symbols]
    streams = sorted({gap.dataset for gap in gaps})
    chart = (
        alt.Chart(_most_lost(gaps))
        .mark_rect(cornerRadius=2)
        .encode(
            x=_day_axis(losses),
            y=_dataset_axis(streams),
            color=alt.Color(
                "lost:Q",
                title="minutes lost, the most of a symbol",
                scale=alt.Scale(domainMin=0, type="sqrt", range=["rgba(42,157,143,0.45)", DOWN, WRONG]),
                legend=alt.Legend(orient="top", gradientLength=140, gradientThickness=10, titleLimit=300),
            ),
            tooltip=[
                alt.Tooltip("dataset:N", title="stream"),
                alt.Tooltip("day:N", title="day, UTC"),
                alt.Tooltip("lost:Q", format=",.1f", title="minutes lost"),
                alt.Tooltip("repaired:Q", format=",.1f", title="minutes repaired"),
                alt.Tooltip("unsettled:Q", title="entries not settled"),
                alt.Tooltip("symbols:N", title="of"),
            ],
        )
    )
    return finished(chart, title=f"Gap ledger, {_span(losses)}", height=ROW_HEIGHT * len(streams) + AROUND + 40)


def _worst_days(days: Iterable[DayCoverage]) -> pl.DataFrame:
    """Dataset by dataset and day by day the symbols that are worst off, and their least rows."""
    rows: list[dict[str, object]] = []
    for (dataset, day), found in _by_square(days).items():
        worst: DayState = min((each.state for each in found), key=_rank)
        alike = [each for each in found if each.state == worst]
        rows.append(
            {
                "dataset": dataset,
                "day": day.isoformat(),
                "state": worst,
                "means": STATES[worst][2],
                "symbols": ", ".join(each.symbol for each in alike),
                "rows": min((each.rows for each in alike if each.rows is not None), default=None),
            }
        )
    return pl.DataFrame(rows, schema=_DAY_COLUMNS)


def _rank(state: DayState) -> int:
    return STATES[state][0]


def _most_lost(gaps: Iterable[GapMinutes]) -> pl.DataFrame:
    """Stream by stream and day by day what the symbol that lost most has lost."""
    rows = [
        {
            "dataset": dataset,
            "day": day.isoformat(),
            "lost": max(gap.lost for gap in found),
            "repaired": max(gap.repaired for gap in found),
            "unsettled": sum(gap.unsettled for gap in found),
            "symbols": ", ".join(f"{gap.symbol} {gap.lost:,.1f}" for gap in found),
        }
        for (dataset, day), found in _by_square(gaps).items()
    ]
    return pl.DataFrame(rows, schema=_GAP_COLUMNS)


def _by_square[T: (DayCoverage, GapMinutes)](each: Iterable[T]) -> dict[tuple[str, date], list[T]]:
    """What several symbols say of one dataset and day."""
    found: dict[tuple[str, date], list[T]] = {}
    for one in each:
        found.setdefault((one.dataset, one.day), []).append(one)
    return found


def _dataset_axis(names: Sequence[str]) -> alt.Y:
    return alt.Y(
        "dataset:N",
        sort=names,
        title=None,
        axis=alt.Axis(labelLimit=170, labelOverlap=False),
        scale=ROWS_APART,
    )


def _day_axis(calendar: Calendar | Losses) -> alt.X:
    """Every day of the calendar, whether a row has it or not; Mondays and the last day are named."""
    count = (calendar.end - calendar.start).days
    days = [calendar.start + timedelta(days=n) for n in range(count)]
    named = [day.isoformat() for day in days if day.weekday() == 0]
    axis = alt.Axis(values=named, labelAngle=0, labelOverlap="greedy", labelExpr="slice(datum.value, 5)", ticks=False)
    return alt.X(
        "day:N",
        title="day, UTC; Mondays are named",
        axis=axis,
        scale=alt.Scale(domain=[day.isoformat() for day in days], paddingInner=0.12),
    )


def _span(calendar: Calendar | Losses) -> str:
    return f"{calendar.start} to {calendar.end - timedelta(days=1)}"
