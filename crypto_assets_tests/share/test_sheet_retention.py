"""Which rows become too old for a tab, and which stay however old they are."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.share.sheet import Layout
from crypto_assets.share.sheet_requests import Tab
from crypto_assets.share.sheet_retention import Retention, delete_rows, expired
from crypto_assets.share.sheet_rows import Cell, Row
from crypto_assets_tests.sheets_server import SheetsServer

LAYOUT = Layout(("symbol", "timeframe", "window_start", "close"), key=3)
HEADER: list[Cell] = [*LAYOUT.columns]
FIRST = datetime(2024, 8, 7, tzinfo=UTC)


def row(start: str, *, timeframe: str = "1m", close: float = 1.5) -> Row:
    return ("BTCUSDT", timeframe, f"2024-08-{start}:00Z", close)


def test_days_are_counted_back_from_the_newest_short_window() -> None:
    want = [row("05T00:00"), row("08T12:00"), row("20T00:00", timeframe="1h")]
    assert Retention(2).first_kept(want) == FIRST


def test_without_short_windows_everything_stays() -> None:
    have = [HEADER, row("01T00:00", timeframe="1h"), row("01T00:00")]
    first = Retention(1).first_kept([row("20T00:00", timeframe="1h")])
    assert expired(LAYOUT, have, first_kept=first) == []


def test_a_tab_is_due_what_no_later_day_has_made_too_old() -> None:
    want = [row("06T23:59"), row("07T00:00"), row("01T00:00", timeframe="1d")]
    assert Retention(2).due([HEADER, row("08T00:05", timeframe="5m")], want) == want[1:]
    assert Retention(2).due([HEADER], want) == want


def test_old_rows_expire_unless_somebody_wrote_beside_them() -> None:
    rows = [
        HEADER,
        row("05T00:00"),
        row("05T00:05", timeframe="5m"),
        [*row("05T00:01"), "", "look here"],
        [*row("05T00:02"), "=D5*2"],
        row("07T00:00"),
        row("05T00:00", timeframe="1h"),
        ["my", "1m", "notes of 2024-08-01"],
        [],
        row("06T23:59"),
    ]
    assert expired(LAYOUT, rows, first_kept=FIRST) == [range(1, 3), range(4, 5), range(9, 10)]


def test_rows_are_deleted_from_the_last_to_the_first() -> None:
    entries = delete_rows(Tab(7, "BTCUSDT", 100, 20), [range(1, 3), range(9, 10)])
    places = [entry["deleteDimension"]["range"] for entry in entries]
    assert [(p["sheetId"], p["dimension"], p["startIndex"], p["endIndex"]) for p in places] == [
        (7, "ROWS", 9, 10),
        (7, "ROWS", 1, 3),
    ]


def test_a_tab_of_nothing_but_old_rows_keeps_its_header_and_one_row(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": [row("05T00:00"), row("05T00:01")]})
    sheets_server.edit_tab("BTCUSDT", lambda sheet: setattr(sheet, "rows", 3))  # somebody deleted the empty ones
    shared = sheets_server.open().upsert(LAYOUT, {"BTCUSDT": [row("08T00:00")]}, retention=Retention(1))
    assert (shared.deleted, shared.appended) == (2, 1)
    assert sheets_server.rows("BTCUSDT") == [HEADER, list(row("08T00:00"))]


starts = st.tuples(st.integers(1, 28), st.integers(0, 23)).map(lambda at: f"{at[0]:02}T{at[1]:02}:00")
rows = st.lists(st.builds(row, starts, timeframe=st.sampled_from(["1m", "5m", "1h", "1d"])), max_size=20)


@given(have=rows, want=rows, days=st.integers(1, 9))
def test_what_was_deleted_once_leaves_nothing_to_delete(have: list[Row], want: list[Row], days: int) -> None:
    first = Retention(days).first_kept(want)
    spans = expired(LAYOUT, have, first_kept=first)
    gone = {place for span in spans for place in span}
    left = [line for place, line in enumerate(have) if place not in gone]
    assert expired(LAYOUT, left, first_kept=first) == []
    assert not {have[place] for place in gone} & set(Retention(days).due(left, want))
