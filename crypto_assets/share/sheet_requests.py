"""Requests of the Sheets API that carry out plans: few, none too large."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto_assets.errors import SheetError
from crypto_assets.share.sheet import Layout, RowsWrite, column_letters

MAX_BYTES = 2_000_000
"""What Google recommends a request to be smaller than."""
MAX_CELLS = 10_000_000
"""Cells of a spreadsheet, empty ones included: rows times columns of each tab."""
NEARLY_FULL = 0.8
SPARE_COLUMNS = 7
"""Empty columns of a new tab right of ours, for people's own. They count as cells."""
SPARE_ROWS = 1_000
"""Rows that a tab is made longer by at least, where there is room, so that most days need no request for it."""
MIN_ROWS = 2
"""Of a tab with a row that stays in sight: Google wants one more."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab and the size of its grid."""

    sheet_id: int
    title: str
    rows: int
    columns: int

    @property
    def cells(self) -> int:
        """Its share of MAX_CELLS."""
        return self.rows * self.columns


def range_name(title: str, first_row: int, last_row: int | None, *, width: int) -> str:
    """A1 notation of rows of a tab from column A on; to the end of the tab where `last_row` is None."""
    return f"{whole_tab(title)}!A{first_row}:{column_letters(width - 1)}{last_row or ''}"


def whole_tab(title: str) -> str:
    """A1 notation of everything in a tab."""
    return f"'{title.replace("'", "''")}'"


def value_ranges(title: str, layout: Layout, writes: Sequence[RowsWrite]) -> Iterator[dict[str, Any]]:
    """Entries of `values:batchUpdate`, none of them larger than a request may be."""
    for write in writes:
        for start, values in _pieces(write.values, MAX_BYTES // 2):
            first = write.row + start
            name = range_name(title, first, first + len(values) - 1, width=layout.width)
            yield {"range": name, "majorDimension": "ROWS", "values": [list(row) for row in values]}


def batches(ranges: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Bodies of `values:batchUpdate`, each smaller than MAX_BYTES; values are taken as they are, not parsed."""
    batch: list[Mapping[str, Any]] = []
    size = 0
    for entry in ranges:
        more = _size(entry)
        if batch and size + more > MAX_BYTES - 1_000:
            yield {"valueInputOption": "RAW", "data": batch}
            batch, size = [], 0
        batch.append(entry)
        size += more
    if batch:
        yield {"valueInputOption": "RAW", "data": batch}


def add_tabs(
    titles: Sequence[str], layout: Layout, *, last_rows: Mapping[str, int], spare: int = SPARE_ROWS
) -> list[dict[str, Any]]:
    """Entries of `batchUpdate` that make tabs, as long as `last_rows` needs and `spare` more; headers stay in sight."""
    grid = {"columnCount": layout.width + SPARE_COLUMNS, "frozenRowCount": 1}
    sizes = {title: max(MIN_ROWS, last_rows.get(title, 0) + spare) for title in titles}
    properties = ({"title": title, "gridProperties": {"rowCount": rows} | grid} for title, rows in sizes.items())
    return [{"addSheet": {"properties": one}} for one in properties]


def grow_tabs(
    tabs: Sequence[Tab], last_rows: Mapping[str, int], layout: Layout, *, spare: int = SPARE_ROWS
) -> list[Tab]:
    """The tabs whose grid is too small for what is to be written, as large as they have to be and `spare` rows more."""
    grown: list[Tab] = []
    for tab in tabs:
        needed = last_rows.get(tab.title, 0)
        rows = tab.rows if needed <= tab.rows else needed + spare
        columns = max(tab.columns, layout.width)
        if (rows, columns) != (tab.rows, tab.columns):
            grown.append(Tab(tab.sheet_id, tab.title, rows, columns))
    return grown


def resize(tab: Tab) -> dict[str, Any]:
    """An entry of `batchUpdate` that says how large a tab is; unlike appending rows, the same when sent twice."""
    grid = {"rowCount": tab.rows, "columnCount": tab.columns}
    return {
        "updateSheetProperties": {
            "properties": {"sheetId": tab.sheet_id, "gridProperties": grid},
            "fields": "gridProperties.rowCount,gridProperties.columnCount",
        }
    }


def check_size(cells: int) -> None:
    """Raise SheetError where a spreadsheet would have more cells than one may."""
    if cells > MAX_CELLS:
        raise SheetError(too_many_cells(cells))


def too_many_cells(cells: int | None = None) -> str:
    """What to do where a spreadsheet is full."""
    size = f"{cells:,}" if cells else "more than it may"
    return (
        f"The spreadsheet would have {size} cells, and Google allows {MAX_CELLS:,} in one, empty ones included. "
        "Nothing of this day was written. Delete rows, empty columns or tabs you no longer need, share fewer time "
        "frames (SHEET_TIMEFRAMES), keep short windows for fewer days (SHEET_KEEP_DAYS), or begin another spreadsheet "
        "and name it in GOOGLE_SHEETS_ID. Then repeat the run."
    )


def size_warning(cells: int) -> str | None:
    """What to know where a spreadsheet is nearly full; None where it is not."""
    if cells < NEARLY_FULL * MAX_CELLS:
        return None
    return (
        f"the spreadsheet has {cells:,} of {MAX_CELLS:,} cells. Delete old rows or tabs, share fewer time frames "
        "(SHEET_TIMEFRAMES), keep short windows for fewer days (SHEET_KEEP_DAYS), or begin another one "
        "(GOOGLE_SHEETS_ID) before it is full"
    )


def _pieces[R: Sequence[object]](rows: Sequence[R], limit: int) -> Iterator[tuple[int, Sequence[R]]]:
    start = size = 0
    for place, row in enumerate(rows):
        more = _size(row)
        if place > start and size + more > limit:
            yield start, rows[start:place]
            start, size = place, 0
        size += more
    yield start, rows[start:]


def _size(value: object) -> int:
    return len(json.dumps(value)) + 2  # as gspread writes it, and what stands between two
