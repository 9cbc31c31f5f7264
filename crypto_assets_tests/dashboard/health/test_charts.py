"""Calendars hold a square for each dataset and day, the worst of its symbols."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, get_args

from crypto_assets.dashboard.health.charts import STATES, days_chart, gaps_chart
from crypto_assets.dashboard.health.figures import Calendar, Losses
from crypto_assets.health.calendar import DayCoverage, DayState, GapMinutes

FIRST, SECOND, END = date(2026, 1, 19), date(2026, 1, 20), date(2026, 1, 21)
BOTH = ("BTCUSDT", "ETHUSDT")


def squares(chart: Any) -> list[dict[str, Any]]:
    (rows,) = chart.to_dict(validate=True)["datasets"].values()
    return rows


def calendar(*days: DayCoverage) -> Calendar:
    return Calendar(FIRST, END, days)


def test_every_state_of_a_day_has_a_rank_a_colour_and_a_meaning() -> None:
    assert set(STATES) == set(get_args(DayState.__value__))
    assert len({rank for rank, _, _ in STATES.values()}) == len(STATES)


def test_of_several_symbols_the_one_that_is_worst_off_is_seen() -> None:
    shown = calendar(
        DayCoverage("gold_features", "BTCUSDT", FIRST, "complete", 1_440),
        DayCoverage("gold_features", "ETHUSDT", FIRST, "partial", 900),
    )
    (square,) = squares(days_chart(shown, BOTH))
    assert (square["state"], square["symbols"], square["rows"]) == ("partial", "ETHUSDT", 900)
    (square,) = squares(days_chart(shown, ("BTCUSDT",)))
    assert square["state"] == "complete"


def test_a_symbol_that_never_began_does_not_grey_the_others() -> None:
    shown = calendar(
        DayCoverage("gold_features", "BTCUSDT", FIRST, "complete", 1_440),
        DayCoverage("gold_features", "ETHUSDT", FIRST, "absent", None),
    )
    assert [square["state"] for square in squares(days_chart(shown, BOTH))] == ["complete"]
    assert [square["state"] for square in squares(days_chart(shown, ("ETHUSDT",)))] == ["absent"]


def test_the_axis_has_every_day_also_those_without_a_gap() -> None:
    gap = GapMinutes("trades", "BTCUSDT", SECOND, lost=3, open=0, repaired=1, halted=0, unsettled=1)
    worse = GapMinutes("trades", "ETHUSDT", SECOND, lost=4, open=0, repaired=0, halted=0, unsettled=2)
    chart = gaps_chart(Losses(FIRST, END, (gap, worse), datetime(2026, 1, 20, tzinfo=UTC)), BOTH)
    assert chart.to_dict()["encoding"]["x"]["scale"]["domain"] == ["2026-01-19", "2026-01-20"]
    (square,) = squares(chart)
    assert (square["lost"], square["unsettled"], square["symbols"]) == (4, 3, "BTCUSDT 3.0, ETHUSDT 4.0")
