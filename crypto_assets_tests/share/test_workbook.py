"""The shared table as rows of a sheet, as CSV and as XLSX."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.config import SHEET_TIMEFRAMES
from crypto_assets.share.sheet_rows import cell, rounded_cells, shared_rows
from crypto_assets.share.tables import PRICE_AGGREGATES, WINDOWS
from crypto_assets.share.workbook import to_csv, to_xlsx

MIDNIGHT = datetime(2024, 8, 8)  # noqa: DTZ001 - the columns of the table have no zone


def aggregates(*symbols: str) -> pa.Table:
    """A day's windows of an hour and of the day, latest first, and one minute."""
    rows = [
        {
            "symbol": symbol,
            "timeframe": timeframe,
            "window_start": MIDNIGHT + timedelta(hours=hour),
            **dict.fromkeys(("open", "high", "low", "close"), Decimal("60000.12000000")),
            "vwap": Decimal("60000.123456789012345678"),
            "volume": Decimal("1.00000001"),
            "quote_volume": Decimal("60000.1240000000000012"),
            "trades": 3 + hour,
            "realised_volatility": 0.1,
            "price_return": None,
        }
        for symbol in symbols
        for timeframe, hours in (("1m", [0]), ("1h", [23, 0, 7]), ("1d", [0]))
        for hour in hours
    ]
    return pa.Table.from_pylist(rows, schema=PRICE_AGGREGATES.schema)


def test_rows_are_those_of_the_shared_time_frames_by_symbol_in_order_of_time() -> None:
    rows = shared_rows(aggregates("ETHUSDT", "BTCUSDT"), timeframes=("1h", "1d"))
    assert list(rows) == ["BTCUSDT", "ETHUSDT"]
    assert [(row[1], row[2]) for row in rows["BTCUSDT"]] == [
        ("1h", "2024-08-08T00:00:00Z"),
        ("1h", "2024-08-08T07:00:00Z"),
        ("1h", "2024-08-08T23:00:00Z"),
        ("1d", "2024-08-08T00:00:00Z"),
    ]
    assert rows["BTCUSDT"][0][3:] == (*[60000.12] * 4, 60000.1234567890, 1.00000001, 60000.124, 3, 0.1, "")


def test_how_many_decimals_were_rounded_is_known() -> None:
    assert rounded_cells(aggregates("BTCUSDT")) == 10  # vwap and quote_volume of five rows


@given(st.decimals(min_value=-(10**15), max_value=10**15, allow_nan=False, allow_infinity=False, places=8))
def test_a_number_in_a_cell_is_within_half_of_its_fifteenth_digit_and_reads_back_the_same(value: Decimal) -> None:
    shown = cell(value)
    assert isinstance(shown, float)
    read = Decimal(repr(shown))
    assert abs(read - value) <= Decimal(5).scaleb(value.adjusted() - 15)
    assert cell(read) == shown


def test_what_a_sheet_cannot_hold_is_an_empty_cell_or_refused() -> None:
    assert (cell(float("nan")), cell(float("inf")), cell(None)) == ("", "", "")
    with pytest.raises(TypeError, match="truth values"):
        cell(True)
    with pytest.raises(TypeError, match="bytes"):
        cell(b"")


def test_csv_has_every_digit() -> None:
    lines = to_csv(aggregates("BTCUSDT")).decode().splitlines()
    assert lines[0] == ",".join(PRICE_AGGREGATES.schema.names)
    assert lines[2] == (
        "BTCUSDT,1h,2024-08-08T23:00:00Z,60000.12000000,60000.12000000,60000.12000000,60000.12000000,"
        "60000.123456789012345678,1.00000001,60000.1240000000000012,26,0.1,"
    )


def test_files_of_the_same_rows_are_the_same_bytes() -> None:
    first, second = (to_xlsx(aggregates("BTCUSDT", "ETHUSDT"), tab_by="symbol") for _ in range(2))
    assert first == second
    assert to_csv(aggregates("BTCUSDT")) == to_csv(aggregates("BTCUSDT"))


def test_a_workbook_has_a_tab_a_symbol_with_numbers_dates_and_the_header() -> None:
    book = zipfile.ZipFile(io.BytesIO(to_xlsx(aggregates("ETHUSDT", "BTCUSDT"), tab_by="symbol")))
    names = book.read("xl/workbook.xml").decode()
    assert names.index('name="BTCUSDT"') < names.index('name="ETHUSDT"')
    sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>45512</v>" in sheet  # 2024-08-08 as workbooks count days
    assert "<v>60000.123456789</v>" in sheet
    assert '<pane xSplit="3" ySplit="1" topLeftCell="D2"' in sheet
    assert "price_return" in book.read("xl/sharedStrings.xml").decode()


def test_numbers_of_a_workbook_are_shown_by_what_they_are() -> None:
    book = zipfile.ZipFile(io.BytesIO(to_xlsx(aggregates("BTCUSDT"), tab_by="symbol")))
    styles, sheet = (ElementTree.fromstring(book.read(f"xl/{name}.xml")) for name in ("styles", "worksheets/sheet1"))
    named = {one.get("numFmtId"): one.get("formatCode") for one in styles.iterfind(".//{*}numFmt")} | {"3": "#,##0"}
    used = [one.get("numFmtId") for one in styles.iterfind("{*}cellXfs/{*}xf")]
    shown = {cell.get("r"): named.get(used[int(cell.get("s") or 0)]) for cell in sheet.iterfind(".//{*}c")}
    assert [shown.get(f"{column}2") for column in "ACDHKL"] == [
        None,
        'yyyy-mm-dd hh:mm "UTC"',
        "#,##0.0000####",
        "#,##0.0000####",
        "#,##0",
        "0.0000%",
    ]


def test_a_day_without_rows_is_a_workbook_with_just_the_header() -> None:
    book = zipfile.ZipFile(io.BytesIO(to_xlsx(aggregates(), tab_by="symbol")))
    assert 'name="empty"' in book.read("xl/workbook.xml").decode()


def test_every_window_of_the_table_can_be_shared() -> None:
    assert tuple(WINDOWS) == SHEET_TIMEFRAMES
