"""gspread drives the stand-in of Google Sheets: what is shared, what people keep, and what every refusal says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.auth.transport.requests import Request
from pydantic import SecretStr

from crypto_assets.errors import ConfigurationError, ServiceUnavailable, SheetError
from crypto_assets.share.sheet import Layout, Shared
from crypto_assets.share.sheet_retention import Retention
from crypto_assets.share.sheet_rows import Row
from crypto_assets.share.sheets_client import ATTEMPTS
from crypto_assets.share.spreadsheet import open_spreadsheet, service_account
from crypto_assets_tests.sheets_server import SheetsServer, serving
from resources.services.sheets_book import Sheet
from resources.services.sheets_standin import EMAIL, EMBEDDED_ID

LAYOUT = Layout(("symbol", "timeframe", "window_start", "close", "trades"), key=3)


def hours(symbol: str, count: int, *, close: float = 60_000.25) -> list[Row]:
    return [(symbol, "1h", f"2024-08-{8 + n // 24:02}T{n % 24:02}:00:00Z", close + n, n) for n in range(count)]


DAY = {"BTCUSDT": hours("BTCUSDT", 24), "ETHUSDT": hours("ETHUSDT", 24, close=2_500.5)}


def as_lists(rows: Sequence[Row]) -> list[list[object]]:
    return [list(row) for row in rows]


def test_each_symbol_gets_a_tab_with_a_header_and_its_rows(sheets_server: SheetsServer) -> None:
    shared = sheets_server.open().upsert(LAYOUT, DAY)
    assert (shared.created, shared.appended, shared.updated) == (("BTCUSDT", "ETHUSDT"), 48, 0)
    assert sheets_server.rows("ETHUSDT") == [list(LAYOUT.columns), *as_lists(DAY["ETHUSDT"])]
    assert len(sheets_server.asked("POST")) == 2  # both tabs in one request, all values in another
    assert sheets_server.open().read(LAYOUT, ["BTCUSDT"]) == {"BTCUSDT": sheets_server.rows("BTCUSDT")}


def test_a_repeat_writes_nothing(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, DAY)
    written = len(sheets_server.asked("POST"))
    shared = sheets_server.open().upsert(LAYOUT, DAY)
    assert (shared.unchanged, shared.requests) == (48, 0)
    assert len(sheets_server.asked("POST")) == written


def test_what_analysts_wrote_sorted_and_added_stays(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, DAY)

    def work(sheet: Sheet) -> None:
        header, *rows = sheet.cells
        rows[3].append("look here")
        sheet.cells = [[*header, "my note"], *reversed(rows), ["TOTAL", "", "", 7]]

    sheets_server.edit_tab("BTCUSDT", work)
    before = sheets_server.rows("BTCUSDT")
    later = {"BTCUSDT": [(*DAY["BTCUSDT"][3][:3], 1.5, 9), *hours("BTCUSDT", 25)[24:]]}
    shared = sheets_server.open().upsert(LAYOUT, later)
    assert (shared.updated, shared.appended) == (1, 1)
    after = sheets_server.rows("BTCUSDT")
    changed = [n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b]
    assert changed == [21]
    assert after[21] == [*DAY["BTCUSDT"][3][:3], 1.5, 9, "look here"]
    assert after[25:] == [["TOTAL", "", "", 7], list(later["BTCUSDT"][1])]


def test_a_tab_grows_with_its_rows(sheets_server: SheetsServer) -> None:
    book = sheets_server.open()
    book.upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 10)})
    shared = book.upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 2_500)})
    assert shared.appended == 2_490
    assert len(sheets_server.rows("BTCUSDT")) == 2_501


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("is_applied", [False, True])
def test_what_passes_is_repeated_until_it_has_passed(
    sheets_server: SheetsServer, status: int, is_applied: bool
) -> None:
    sheets_server.fail(status, times=2, only="values:batchUpdate", retry_after="7", is_applied=is_applied)
    sheets_server.fail(status, times=1, only="values:batchGet")
    sheets_server.open().upsert(LAYOUT, DAY)
    assert sheets_server.slept == ([7, 1] if is_applied else [7, 1, 7])
    assert sheets_server.rows("BTCUSDT") == [list(LAYOUT.columns), *as_lists(DAY["BTCUSDT"])]


@pytest.mark.parametrize("is_applied", [False, True])
def test_what_an_analyst_writes_during_a_pause_stays(sheets_server: SheetsServer, is_applied: bool) -> None:
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 24)})

    def write_meanwhile(pause_s: float) -> None:
        sheets_server.sleep(pause_s)
        sheets_server.edit_tab("BTCUSDT", lambda sheet: sheet.cells.insert(3, ["NOTE", "", "", 7]))
        sheets_server.edit_tab("BTCUSDT", lambda sheet: sheet.cells.append(["TOTAL", "", "", 9]))

    sheets_server.fail(429, only="values:batchUpdate", retry_after="60", is_applied=is_applied)
    wanted = {"BTCUSDT": [*hours("BTCUSDT", 24, close=1.5), *hours("BTCUSDT", 48)[24:]]}
    shared = open_spreadsheet(sheets_server.endpoint, sleep=write_meanwhile).upsert(LAYOUT, wanted)
    assert (sheets_server.slept, shared.updated, shared.appended) == ([60], 24, 24)
    rows = sheets_server.rows("BTCUSDT")
    assert rows[3] == ["NOTE", "", "", 7]
    assert ["TOTAL", "", "", 9] in rows
    ours = [row for row in rows[1:] if row[0] == "BTCUSDT"]
    assert ours == as_lists(wanted["BTCUSDT"])


def test_rows_that_another_machine_wrote_over_are_written_again(
    sheets_server: SheetsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 24)})
    days, answer = hours("BTCUSDT", 72), sheets_server.standin.answer

    def write_over(request: Any, body: bytes) -> Any:
        answered = answer(request, body)
        if request.url.path.endswith("values:batchUpdate"):
            monkeypatch.undo()
            sheets_server.edit_tab(
                "BTCUSDT", lambda sheet: sheet.cells.__setitem__(slice(25, 49), as_lists(days[24:48]))
            )
        return answered

    monkeypatch.setattr(sheets_server.standin, "answer", write_over)
    shared = sheets_server.open().upsert(LAYOUT, {"BTCUSDT": days[48:]})
    assert shared.appended == 24
    assert sheets_server.rows("BTCUSDT")[1:] == as_lists(days)


def test_a_tab_that_somebody_made_longer_is_not_cut(sheets_server: SheetsServer) -> None:
    book = sheets_server.open()
    book.upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 10)})

    def lengthen(sheet: Sheet) -> None:
        sheet.rows = 9_000
        sheet.put(8_000, 6, "look here")

    sheets_server.edit_tab("BTCUSDT", lengthen)
    book.upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 2_500)})
    assert sheets_server.rows("BTCUSDT")[8_000][6] == "look here"


def test_a_deletion_that_waited_looks_where_the_rows_are_by_then(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": [*MINUTES[8], *hours("BTCUSDT", 5)]})
    sheets_server.fail(429, only=f"{EMBEDDED_ID}:batchUpdate")
    book = open_spreadsheet(
        sheets_server.endpoint,
        sleep=lambda _: sheets_server.edit_tab("BTCUSDT", lambda sheet: sheet.cells.insert(1, ["NOTE", "", "", 7])),
    )
    assert book.upsert(LAYOUT, {"BTCUSDT": MINUTES[10]}, retention=TWO_DAYS).deleted == 30
    left = [["NOTE", "", "", 7], *as_lists([*hours("BTCUSDT", 5), *MINUTES[10]])]
    assert sheets_server.rows("BTCUSDT")[1:] == left


def test_without_a_hint_the_pauses_double(sheets_server: SheetsServer) -> None:
    sheets_server.fail(503, times=4, only="values:batchUpdate")
    sheets_server.open().upsert(LAYOUT, DAY)
    assert sheets_server.slept == [1, 2, 4, 8]


def test_google_that_stays_away_is_told_and_may_be_retried(sheets_server: SheetsServer) -> None:
    sheets_server.fail(500, times=ATTEMPTS)
    with pytest.raises(
        ServiceUnavailable, match=r"Google answered 500.*attempt 8.*a repeat of the run writes the rest"
    ):
        sheets_server.open().upsert(LAYOUT, DAY)


def test_many_days_stay_within_the_quota(tmp_path: Path) -> None:
    with serving(tmp_path, limits={"read": 4, "write": 4}) as server:
        book = server.open()
        for day in range(10):
            book.upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 25 * (day + 1))[25 * day :]})
        assert len(server.rows("BTCUSDT")) == 251
        assert server.slept  # it waited as the stand-in asked


def test_an_end_between_two_requests_leaves_what_a_repeat_completes(
    sheets_server: SheetsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_assets.share.sheet_requests.MAX_BYTES", 2_500)
    sheets_server.fail(403, only="values:batchUpdate", after=1)
    with pytest.raises(SheetError):
        sheets_server.open().upsert(LAYOUT, DAY)
    rows = sheets_server.rows("BTCUSDT") + sheets_server.rows("ETHUSDT")
    assert 0 < len(rows) < 50
    sheets_server.open().upsert(LAYOUT, DAY)
    for title, wanted in DAY.items():
        assert sheets_server.rows(title) == [list(LAYOUT.columns), *as_lists(wanted)]


def test_an_end_before_the_first_value_leaves_tabs_that_a_repeat_fills(sheets_server: SheetsServer) -> None:
    sheets_server.fail(403, only="values:batchUpdate")
    with pytest.raises(SheetError):
        sheets_server.open().upsert(LAYOUT, DAY)
    assert sheets_server.rows("BTCUSDT") == []
    shared = sheets_server.open().upsert(LAYOUT, DAY)
    assert (shared.created, shared.appended) == ((), 48)
    assert sheets_server.rows("BTCUSDT") == [list(LAYOUT.columns), *as_lists(DAY["BTCUSDT"])]


def test_401_names_the_account_and_asks_for_another_key(sheets_server: SheetsServer) -> None:
    sheets_server.fail(401, times=10)
    with pytest.raises(SheetError, match=f"401.*{EMAIL} is not accepted.*GOOGLE_APPLICATION_CREDENTIALS"):
        sheets_server.open().upsert(LAYOUT, DAY)


def test_a_token_that_has_expired_is_renewed_unseen(sheets_server: SheetsServer) -> None:
    sheets_server.fail(401)
    assert sheets_server.open().upsert(LAYOUT, DAY).appended == 48


def test_a_key_that_was_replaced_is_told(sheets_server: SheetsServer) -> None:
    endpoint = replace(sheets_server.endpoint, key_file=None, key_json=SecretStr(_replaced_key(sheets_server)))
    with pytest.raises(SheetError, match=f"401.*{EMAIL} is not accepted"):
        open_spreadsheet(endpoint, sleep=sheets_server.sleep).upsert(LAYOUT, DAY)


def test_a_sign_in_that_is_refused_is_told_without_the_key(sheets_server: SheetsServer) -> None:
    key = json.loads(_replaced_key(sheets_server))
    del key["universe_domain"]  # Google's own: it signs in at the address of the key
    endpoint = replace(sheets_server.endpoint, key_file=None, key_json=SecretStr(json.dumps(key)))
    with pytest.raises(SheetError, match=f"does not let the service account {EMAIL} sign in") as error:
        open_spreadsheet(endpoint, sleep=sheets_server.sleep).upsert(LAYOUT, DAY)
    assert "PRIVATE KEY" not in str(error.value)


def test_an_account_of_googles_kind_is_given_a_token(sheets_server: SheetsServer) -> None:
    key = json.loads(sheets_server.standin.key_file.read_text())
    del key["universe_domain"]
    account = service_account(replace(sheets_server.endpoint, key_file=None, key_json=SecretStr(json.dumps(key))))
    account.refresh(Request())
    url = f"{sheets_server.url}/v4/spreadsheets/{EMBEDDED_ID}"
    assert httpx.get(url, headers={"Authorization": f"Bearer {account.token}"}).status_code == 200
    assert httpx.get(url, headers={"Authorization": "Bearer none"}).status_code == 401


def _replaced_key(server: SheetsServer) -> str:
    old = server.standin.key_file.read_text()
    server.standin.key_file.unlink()
    server.standin.write_key(f"{server.url}/token")
    return old


def test_403_says_whom_to_share_the_spreadsheet_with(sheets_server: SheetsServer) -> None:
    sheets_server.edit(lambda book: book.editors.clear())
    with pytest.raises(SheetError, match=f"403.*Share the spreadsheet with {EMAIL} as editor"):
        sheets_server.open().upsert(LAYOUT, DAY)


def test_a_deleted_spreadsheet_is_told(sheets_server: SheetsServer) -> None:
    sheets_server.standin.books.delete(EMBEDDED_ID)
    with pytest.raises(SheetError, match=f"404.*no spreadsheet {EMBEDDED_ID}.*GOOGLE_SHEETS_ID.*{EMAIL}"):
        sheets_server.open().upsert(LAYOUT, DAY)


def test_a_deleted_tab_is_made_again(sheets_server: SheetsServer) -> None:
    book = sheets_server.open()
    book.upsert(LAYOUT, DAY)
    sheets_server.edit(lambda held: held.sheets.remove(next(s for s in held.sheets if s.title == "BTCUSDT")))
    with pytest.raises(SheetError, match=r"renamed, protected or deleted just then\?.*Repeat the run"):
        book.upsert(LAYOUT, DAY)
    assert book.upsert(LAYOUT, DAY).created == ("BTCUSDT",)
    assert sheets_server.rows("BTCUSDT") == [list(LAYOUT.columns), *as_lists(DAY["BTCUSDT"])]


def test_a_header_changed_by_hand_stops_everything_before_the_first_write(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, DAY)
    sheets_server.edit_tab("ETHUSDT", lambda sheet: sheet.put(0, 3, "Close price"))
    before = {title: sheets_server.rows(title) for title in DAY}
    with pytest.raises(SheetError, match=r"Tab 'ETHUSDT'.*Cell D1 reads 'Close price', where 'close' belongs"):
        sheets_server.open().upsert(LAYOUT, {title: hours(title, 30) for title in DAY})
    assert {title: sheets_server.rows(title) for title in DAY} == before


def test_more_than_ten_million_cells_are_refused_before_anything_is_written(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, DAY)
    sheets_server.edit_tab("Sheet1", lambda sheet: setattr(sheet, "rows", 380_000))  # times 26 columns
    before = sheets_server.rows("BTCUSDT")
    with pytest.raises(SheetError, match=r"10,\d{3},\d{3} cells, and Google allows 10,000,000.*SHEET_TIMEFRAMES"):
        sheets_server.open().upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 10_000)})
    assert sheets_server.rows("BTCUSDT") == before


def test_google_that_counts_more_cells_than_we_do_is_believed(
    sheets_server: SheetsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.services.sheets_book.MAX_CELLS", 40_000)
    with pytest.raises(SheetError, match=r"above the limit of 40000 cells.*begin another spreadsheet"):
        sheets_server.open().upsert(LAYOUT, {"BTCUSDT": hours("BTCUSDT", 3_000)})


MINUTES = {day: [("BTCUSDT", "1m", f"2024-08-{day:02}T00:{n:02}:00Z", 1.5, n) for n in range(30)] for day in (8, 9, 10)}
TWO_DAYS = Retention(2)


def share_three_days(server: SheetsServer) -> Shared:
    """Of minutes, and one of hours; what an analyst wrote after the first is beside its second minute."""
    book = server.open()
    book.upsert(LAYOUT, {"BTCUSDT": [*MINUTES[8], DAY["BTCUSDT"][0]]}, retention=TWO_DAYS)
    server.edit_tab("BTCUSDT", lambda sheet: sheet.put(2, 6, "look here"))
    server.edit_tab("BTCUSDT", lambda sheet: sheet.put(3, 6, "=D4*2"))
    book.upsert(LAYOUT, {"BTCUSDT": MINUTES[9]}, retention=TWO_DAYS)
    return book.upsert(LAYOUT, {"BTCUSDT": MINUTES[10]}, retention=TWO_DAYS)


def left_after_three_days() -> list[list[object]]:
    noted: list[object] = [*MINUTES[8][1], "", "look here"]
    return [list(LAYOUT.columns), noted, *as_lists([DAY["BTCUSDT"][0], *MINUTES[9], *MINUTES[10]])]


def test_old_minutes_leave_the_tab_unless_somebody_wrote_beside_them(sheets_server: SheetsServer) -> None:
    shared = share_three_days(sheets_server)
    assert (shared.deleted, shared.appended) == (29, 30)
    assert sheets_server.rows("BTCUSDT") == left_after_three_days()
    again = sheets_server.open().upsert(LAYOUT, {"BTCUSDT": MINUTES[10]}, retention=TWO_DAYS)
    assert (again.deleted, again.requests) == (0, 0)


def test_without_a_number_of_days_no_row_is_ever_deleted(sheets_server: SheetsServer) -> None:
    book = sheets_server.open()
    for day in MINUTES.values():
        assert book.upsert(LAYOUT, {"BTCUSDT": day}).deleted == 0
    assert len(sheets_server.rows("BTCUSDT")) == 91


@pytest.mark.parametrize("is_applied", [False, True])
def test_a_deletion_that_may_have_been_done_is_not_sent_twice(sheets_server: SheetsServer, is_applied: bool) -> None:
    # The first request to the spreadsheet itself makes the tab, the second deletes.
    sheets_server.fail(503, only=f"{EMBEDDED_ID}:batchUpdate", after=1, is_applied=is_applied)
    with pytest.raises(ServiceUnavailable, match=r"SHEET_KEEP_DAYS.*a repeat of the run looks first"):
        share_three_days(sheets_server)
    assert sheets_server.slept == []
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": MINUTES[10]}, retention=TWO_DAYS)
    assert sheets_server.rows("BTCUSDT") == left_after_three_days()


def test_a_deletion_beyond_the_quota_waits(sheets_server: SheetsServer) -> None:
    sheets_server.fail(429, only=f"{EMBEDDED_ID}:batchUpdate", after=1, retry_after="7")
    share_three_days(sheets_server)
    assert sheets_server.slept == [7]
    assert sheets_server.rows("BTCUSDT") == left_after_three_days()


def test_a_header_changed_by_hand_stops_the_deletion_of_other_tabs_as_well(sheets_server: SheetsServer) -> None:
    both = {"BTCUSDT": MINUTES[8], "ETHUSDT": hours("ETHUSDT", 1)}
    sheets_server.open().upsert(LAYOUT, both)
    sheets_server.edit_tab("ETHUSDT", lambda sheet: sheet.put(0, 0, "Symbol"))
    with pytest.raises(SheetError, match=r"Tab 'ETHUSDT'.*Cell A1 reads 'Symbol'"):
        sheets_server.open().upsert(LAYOUT, both | {"BTCUSDT": MINUTES[10]}, retention=TWO_DAYS)
    assert sheets_server.rows("BTCUSDT") == [list(LAYOUT.columns), *as_lists(MINUTES[8])]


def test_old_rows_make_room_in_a_spreadsheet_that_is_full(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": [*MINUTES[8], *MINUTES[9]]})
    sheets_server.edit_tab("Sheet1", lambda sheet: setattr(sheet, "rows", (10_000_000 - 61 * 12) // 26))
    sheets_server.edit_tab("BTCUSDT", lambda sheet: setattr(sheet, "rows", 61))
    with pytest.raises(SheetError, match="SHEET_KEEP_DAYS"):
        sheets_server.open().upsert(LAYOUT, {"BTCUSDT": MINUTES[10]})
    shared = sheets_server.open().upsert(LAYOUT, {"BTCUSDT": MINUTES[10]}, retention=TWO_DAYS)
    assert shared.cells > 9_999_900
    assert sheets_server.rows("BTCUSDT") == [list(LAYOUT.columns), *as_lists([*MINUTES[9], *MINUTES[10]])]


def test_a_server_that_is_not_there_is_told(sheets_server: SheetsServer) -> None:
    endpoint = replace(sheets_server.endpoint, api="http://127.0.0.1:1")
    with pytest.raises(ServiceUnavailable, match="Google Sheets does not answer"):
        open_spreadsheet(endpoint, sleep=sheets_server.sleep).upsert(LAYOUT, DAY)
    assert len(sheets_server.slept) == ATTEMPTS - 1


def test_no_key_a_wrong_key_and_a_missing_file_say_what_to_do(sheets_server: SheetsServer, tmp_path: Path) -> None:
    endpoint = replace(sheets_server.endpoint, key_file=None)
    with pytest.raises(ConfigurationError, match="GOOGLE_SHEETS_ID is set, and no service account"):
        open_spreadsheet(endpoint)
    with pytest.raises(ConfigurationError, match=r"GOOGLE_APPLICATION_CREDENTIALS.*No such file"):
        open_spreadsheet(replace(endpoint, key_file=tmp_path / "none.json"))
    key = json.loads(sheets_server.standin.key_file.read_text()) | {"private_key": "secret"}
    with pytest.raises(ConfigurationError, match="GOOGLE_SERVICE_ACCOUNT_JSON holds no key") as error:
        open_spreadsheet(replace(endpoint, key_json=SecretStr(json.dumps(key))))
    assert "secret" not in str(error.value)


def test_the_stand_in_shows_the_spreadsheet_as_a_page(sheets_server: SheetsServer) -> None:
    sheets_server.open().upsert(LAYOUT, {"BTCUSDT": [("BTCUSDT", "1h", "<b>", 1.5, 2)]})
    page = httpx.get(sheets_server.endpoint.page).text
    assert "BTCUSDT" in page
    assert "&lt;b&gt;" in page
