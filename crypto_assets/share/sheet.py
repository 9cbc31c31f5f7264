"""Upserting rows into a tab that people work in: what is written where, decided without touching anything.

Our columns are the first of the tab, under a header in row 1. What stands right of them, below them or between our rows
belongs to the people who wrote it, and is never written to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from crypto_assets.errors import SheetError
from crypto_assets.share.sheet_rows import EMPTY, Cell, Row

HEADER_ROW = 1


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a tab; the first `key` of them say which row is which."""

    columns: tuple[str, ...]
    key: int

    @property
    def width(self) -> int:
        """How many columns are ours."""
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class RowsWrite:
    """Values for consecutive rows, from column A on."""

    row: int
    """Number of the first, as the sheet counts: from 1."""
    values: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class TabPlan:
    """What brings a tab to the wanted rows; empty where it has them."""

    writes: tuple[RowsWrite, ...]
    updated: int
    appended: int
    unchanged: int
    repeated: tuple[int, ...]
    """Rows that repeat a wanted key of a row above: somebody's copies, left as they are."""
    last_row: int
    """The last row that holds anything of ours once it is done."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What an upsert did."""

    tabs: int
    created: tuple[str, ...]
    updated: int
    appended: int
    unchanged: int
    repeated: tuple[str, ...]
    """Cells where a row stands that has the key of a row above it."""
    requests: int
    """Requests that changed something."""
    cells: int
    """Size of the whole spreadsheet, of 10 million at most."""
    deleted: int = 0
    """Rows that had become too old."""


def plan_upsert(title: str, layout: Layout, have: Sequence[Sequence[Cell]], want: Sequence[Row]) -> TabPlan:
    """What to write into the tab `title`, of which `have` holds our columns, row 1 first, so that it has `want`.

    A row whose key is there is overwritten where it differs, wherever people sorted it to; others follow below the last
    row in which any of our columns holds something. Raises SheetError where the header is not ours, ValueError where
    `want` has a key twice.
    """
    wanted = _by_key(layout, want)
    rows = [_padded(row, layout.width) for row in have]
    fresh = all(_is_empty(row) for row in rows)
    if not fresh:
        check_header(title, layout, rows[0])
    places, repeated = _places(layout, rows, set(wanted))
    end = 1 + max((n for n, row in enumerate(rows) if not _is_empty(row)), default=0)
    changed = {
        places[key]: row for key, row in wanted.items() if key in places and not _equal(rows[places[key] - 1], row)
    }
    new = [row for key, row in wanted.items() if key not in places]
    writes = dict(changed)
    if fresh:
        writes[HEADER_ROW] = layout.columns
    writes.update({end + n: row for n, row in enumerate(new, start=1)})
    return TabPlan(
        writes=tuple(_joined(writes)),
        updated=len(changed),
        appended=len(new),
        unchanged=len(wanted) - len(changed) - len(new),
        repeated=tuple(repeated),
        last_row=end + len(new),
    )


def check_header(title: str, layout: Layout, header: Sequence[Cell]) -> None:
    """Raise SheetError that names the first cell of row 1 that does not read as it should, and what to do."""
    found = [str(cell) for cell in _padded(header, layout.width)]
    for place, (expected, actual) in enumerate(zip(layout.columns, found, strict=True)):
        if expected == actual:
            continue
        where = f"{column_letters(place)}{HEADER_ROW}"
        moved = f"; {expected!r} stands in {column_letters(found.index(expected))}1" if expected in found else ""
        reads = f"reads {actual!r}" if actual else "is empty"
        raise SheetError(
            f"Tab {title!r}: the header was changed by hand. Cell {where} {reads}, where {expected!r} belongs{moved}. "
            f"Nothing was written. Let columns A to {column_letters(layout.width - 1)} of row 1 read "
            f"{', '.join(layout.columns)} again, your own columns right of them; or rename the tab, and a new one is "
            "made. Then repeat the run."
        )


def missing_keys(layout: Layout, have: Sequence[Sequence[Cell]], want: Sequence[Row]) -> list[Row]:
    """Rows of `want` that the tab does not hold as they are."""
    held = {tuple(_padded(row, layout.width)[: layout.key]): _padded(row, layout.width) for row in reversed(have)}
    return [row for row in want if (key := row[: layout.key]) not in held or not _equal(held[key], row)]


def keys_of_day(layout: Layout, have: Sequence[Sequence[Cell]], *, day: str) -> dict[int, Row]:
    """Number and key of each row whose key ends with a time of a day, `2024-08-08`."""
    keys = {number: _padded(row, layout.width)[: layout.key] for number, row in enumerate(have, start=1)}
    return {number: key for number, key in keys.items() if str(key[-1]).startswith(f"{day}T")}


def column_letters(place: int) -> str:
    """How a sheet names a column, counted from 0: A, B, …, Z, AA."""
    letters = ""
    number = place + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _by_key(layout: Layout, want: Sequence[Row]) -> dict[Row, Row]:
    wanted = {row[: layout.key]: row for row in want}
    if len(wanted) != len(want):
        raise ValueError("Rows to share have the same key twice.")
    return wanted


def _places(layout: Layout, rows: Sequence[Row], wanted: set[Row]) -> tuple[dict[Row, int], list[int]]:
    """Row number of each wanted key that is there, and the numbers of rows that repeat one."""
    places: dict[Row, int] = {}
    repeated: list[int] = []
    for number, row in enumerate(rows, start=1):
        key = row[: layout.key]
        if number == HEADER_ROW or key not in wanted:
            continue
        if key in places:
            repeated.append(number)
        else:
            places[key] = number
    return places, repeated


def _joined(writes: dict[int, Row]) -> Iterator[RowsWrite]:
    """Writes of rows that follow each other as one."""
    ordered = sorted(writes.items())
    for _, run in groupby(enumerate(ordered), key=lambda entry: entry[1][0] - entry[0]):
        numbered = [entry for _, entry in run]
        yield RowsWrite(numbered[0][0], tuple(row for _, row in numbered))


def _padded(row: Sequence[Cell], width: int) -> Row:
    return tuple(row[:width]) + (EMPTY,) * (width - len(row))


def _is_empty(row: Row) -> bool:
    return all(cell == EMPTY for cell in row)


def _equal(have: Row, want: Row) -> bool:
    # `True == 1` in Python, in a sheet it is another thing.
    return all(a == b and not isinstance(a, bool) for a, b in zip(have, want, strict=True))
