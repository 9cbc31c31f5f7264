"""Pages of REST rows until a span is covered: no gap and no overlap at the inclusive ends, and always an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import polars as pl
import pyarrow as pa

from crypto_assets.binance.parsed import Parsed, join_parsed
from crypto_assets.binance.rest_rows import Page
from crypto_assets.binance.typed_rows import UTC_TIME, as_table
from crypto_assets.errors import BadPayload
from crypto_assets.spans import EPOCH, Span, to_us

MILLISECOND = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """The first whole millisecond since 1970-01-01 UTC that is not before the moment."""
    return -((EPOCH - moment) // MILLISECOND)


def pages_by_time(
    fetch: Callable[[int, int], Page], *, time: str, span: Span, step: timedelta, limit: int
) -> list[Page]:
    """All pages of rows whose `time` lies in the span, oldest first.

    `fetch(first_ms, last_ms)` asks for the oldest `limit` rows between two moments, both included. The next page begins
    one millisecond after the newest row; rows are at least `step` apart, so that a row within one step of the end is
    the last. A short page proves nothing, an empty one does. Rows outside the request are rejected. Raises BadPayload
    for a full page without a usable row, from which no next page follows.
    """
    pages: list[Page] = []
    first, stop = to_ms(span.start), to_ms(span.end)
    while first < stop:
        page = _within(fetch(first, stop - 1), time=time, first_ms=first, stop_ms=stop)
        pages.append(page)
        newest = page.rows.accepted()[time].max()
        if not isinstance(newest, datetime):
            _check_last(page, limit=limit)
            break
        first = to_us(newest) // 1000 + 1
        if newest + step >= span.end:
            break
    return pages


def pages_by_id(
    fetch: Callable[[int], Page], *, key: str, time: str, first_id: int, end: datetime, limit: int
) -> list[Page]:
    """All pages from `first_id` on until a row's `time` reaches `end` or there are no more.

    `fetch(id)` asks for the oldest `limit` rows from an id on, included. Ids find every row of a millisecond, which
    paging by time would cut. Rows of ids before the asked one are rejected.
    """
    pages: list[Page] = []
    while True:
        page = fetch(first_id)
        early = pl.format("has the id {}, but {} was asked for", pl.col(key), pl.lit(first_id))
        page = page.with_rows(page.rows.reject(pl.col(key) < first_id, early))
        pages.append(page)
        rows = page.rows.accepted()
        newest, latest = rows[key].max(), rows[time].max()
        if not isinstance(newest, int) or not isinstance(latest, datetime):
            _check_last(page, limit=limit)
            return pages
        first_id = newest + 1
        if latest >= end:
            return pages


def join_pages(pages: Sequence[Page], *, payload: pa.Schema, where: pl.Expr | None = None) -> Parsed:
    """Rows of all pages, repeated ones once, those where `where` holds; and all rejected ones."""
    frames = [page.rows.accepted() for page in pages if page.received]
    frames = [frame if where is None else frame.filter(where) for frame in frames]
    if not frames:
        return join_parsed([], payload=payload)
    rows = pl.concat(frames).unique(maintain_order=True)
    rejected = pa.concat_tables([page.rejected() for page in pages])
    return Parsed(as_table(rows, schema=payload), rejected.combine_chunks())


def _within(page: Page, *, time: str, first_ms: int, stop_ms: int) -> Page:
    moment = pl.col(time)
    first, stop = (pl.lit(ms * 1000).cast(UTC_TIME) for ms in (first_ms, stop_ms))
    reason = pl.format("{} {} is outside of what was asked for", pl.lit(time), moment)
    return page.with_rows(page.rows.reject((moment < first) | (moment >= stop), reason))


def _check_last(page: Page, *, limit: int) -> None:
    if page.received >= limit:
        raise BadPayload(f"{page.origin}: none of {page.received} rows can be used; first {page.raws[0][:100]!r}")
