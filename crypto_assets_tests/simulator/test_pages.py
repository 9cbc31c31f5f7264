"""The rows of a page equal those of a slow, obvious choice among all rows."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.pages import select_rows
from crypto_assets.simulator.parameters import TimeRange

MOMENTS = st.integers(0, 300)


@given(
    times=st.lists(MOMENTS, unique=True).map(sorted),
    span=st.builds(TimeRange, st.none() | MOMENTS, st.none() | MOMENTS),
    limit=st.integers(1, 20),
    width_us=st.integers(1, 50),
    now_us=MOMENTS,
)
def test_the_oldest_from_the_start_or_the_newest_to_the_end(
    times: list[int], *, span: TimeRange, limit: int, width_us: int, now_us: int
) -> None:
    rows = pl.DataFrame({"time_us": times}, schema={"time_us": pl.Int64})

    def fetch(start_us: int, end_us: int) -> pl.DataFrame:
        assert start_us <= end_us
        return rows.filter(pl.col("time_us").is_between(start_us, end_us, closed="left"))

    found = select_rows(fetch, span, limit=limit, width_us=width_us, first_us=0, now_us=now_us)["time_us"].to_list()
    start_us, end_us = span.start_us or 0, now_us if span.end_us is None else min(span.end_us, now_us)
    inside = [time for time in times if start_us <= time <= end_us]
    assert found == (inside[-limit:] if span.start_us is None else inside[:limit])
