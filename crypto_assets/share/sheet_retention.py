"""Which rows of short windows have become too old for a tab that people work in, decided without touching anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from crypto_assets.share.sheet import Layout
from crypto_assets.share.sheet_requests import MIN_ROWS, Tab
from crypto_assets.share.sheet_rows import EMPTY, TIME_FORMAT, Cell, Row
from crypto_assets.share.tables import WINDOWS
from crypto_assets.spans import day_span

SHORTER_THAN = timedelta(hours=1)
"""Windows that retention is about: 1,440 and 288 rows a day of a symbol. Longer ones fill a tab in centuries."""

_ANY = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long rows of short windows stay, in days of UTC."""

    days: int

    def first_kept(self, rows: Iterable[Sequence[Cell]]) -> datetime:
        """Where what stays begins, counted back from the newest short window of `rows`; no clock is asked.

        Sharing asks of the rows that it writes, not of the tab: a wrong year typed there must not empty it.
        """
        newest = max(filter(None, map(_short_start, rows)), default=None)
        return day_span(newest.date()).start - timedelta(days=self.days - 1) if newest else _ANY

    def due(self, have: Iterable[Sequence[Cell]], want: Sequence[Row]) -> list[Row]:
        """Rows of `want` that a tab should hold which holds `have`: all but those that a later day has made too old."""
        first = self.first_kept((*have, *want))
        return [row for row in want if (_short_start(row) or first) >= first]


def expired(layout: Layout, rows: Sequence[Sequence[Cell]], *, first_kept: datetime) -> list[range]:
    """Spans of rows, counted from 0 as the API does, that have become too old; `rows` are whole, row 1 first.

    A row with anything right of our columns but formulas stays: somebody wrote it there.
    """
    spans: list[range] = []
    for place, row in enumerate(rows):
        if (_short_start(row) or first_kept) >= first_kept:
            continue
        if any(cell != EMPTY and not str(cell).startswith("=") for cell in row[layout.width :]):
            continue
        if spans and spans[-1].stop == place:
            spans[-1] = range(spans[-1].start, place + 1)
        else:
            spans.append(range(place, place + 1))
    return spans


def delete_rows(tab: Tab, spans: Sequence[range]) -> list[dict[str, Any]]:
    """Entries of `batchUpdate` that delete rows, of `expired`; the last first: each moves up what is below it.

    A tab of which less than MIN_ROWS would be left gets an empty row before: Google keeps one below the header.
    """
    of_tab = {"sheetId": tab.sheet_id, "dimension": "ROWS"}
    places = (of_tab | {"startIndex": span.start, "endIndex": span.stop} for span in reversed(spans))
    is_short = tab.rows - sum(map(len, spans)) < MIN_ROWS
    room = [{"appendDimension": of_tab | {"length": 1}}] if spans and is_short else []
    return [*room, *({"deleteDimension": {"range": place}} for place in places)]


def _short_start(row: Sequence[Cell]) -> datetime | None:
    """Start of the short window that a row is about; None of a long window's row, the header and people's own."""
    _, timeframe, start, *_ = (*row, EMPTY, EMPTY, EMPTY)
    if WINDOWS.get(str(timeframe), SHORTER_THAN) >= SHORTER_THAN:
        return None
    try:
        return datetime.strptime(str(start), TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None
