"""Which rows a request for a limited number of them gets."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from crypto_assets.simulator.parameters import TimeRange

type Fetch = Callable[[int, int], pl.DataFrame]
"""Rows of a half-open span of microseconds, sorted by time."""


def select_rows(
    fetch: Fetch, span: TimeRange, *, limit: int, width_us: int, first_us: int, now_us: int
) -> pl.DataFrame:
    """The oldest `limit` rows from `startTime` on, or without one the newest up to `endTime`.

    Both ends are inclusive. Rows are fetched in spans of `width_us` at first, which double until there are enough.
    """
    end_us = now_us + 1 if span.end_us is None else min(span.end_us, now_us) + 1
    if span.start_us is not None:
        start_us = min(max(span.start_us, first_us), end_us)
        return _oldest(fetch, start_us, end_us, limit=limit, width_us=width_us)
    return _newest(fetch, min(first_us, end_us), end_us, limit=limit, width_us=width_us)


def _oldest(fetch: Fetch, start_us: int, end_us: int, *, limit: int, width_us: int) -> pl.DataFrame:
    reached_us = min(end_us, start_us + width_us)
    found = fetch(start_us, reached_us)
    while found.height < limit and reached_us < end_us:
        width_us *= 2
        further_us = min(end_us, reached_us + width_us)
        found = pl.concat([found, fetch(reached_us, further_us)])
        reached_us = further_us
    return found.head(limit)


def _newest(fetch: Fetch, start_us: int, end_us: int, *, limit: int, width_us: int) -> pl.DataFrame:
    reached_us = max(start_us, end_us - width_us)
    found = fetch(reached_us, end_us)
    while found.height < limit and reached_us > start_us:
        width_us *= 2
        further_us = max(start_us, reached_us - width_us)
        found = pl.concat([fetch(further_us, reached_us), found])
        reached_us = further_us
    return found.tail(limit)
