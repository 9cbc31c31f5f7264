"""The shared table as files that every spreadsheet program opens: CSV and XLSX, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa

from crypto_assets.share.sheet_rows import EMPTY, TIME_FORMAT, cell

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

TIMES_SHOWN = 'yyyy-mm-dd hh:mm "UTC"'
AMOUNTS_SHOWN = "#,##0.0000####"
COUNTS_SHOWN = "#,##0"
RATES_SHOWN = "0.0000%"
KEY_COLUMNS = 3
"""Symbol, timeframe and start of a row, which stay in sight however far one scrolls."""
_WRITTEN_AT = datetime(2000, 1, 1)  # noqa: DTZ001 - of the document's properties: the same whenever it is written


def to_csv(table: pa.Table) -> bytes:
    """All rows with their header; decimals with every digit of their type, times in ISO 8601, UTC; null is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.schema.names)
    for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
        writer.writerow(map(_exact, row))
    return text.getvalue().encode()


def to_xlsx(table: pa.Table, *, tab_by: str) -> bytes:
    """A workbook with a tab for each value of the column `tab_by`, under a header that stays in sight.

    Times are dates of the workbook, UTC; numbers are rounded to 15 significant digits, as many as a workbook keeps;
    those that are no decimals of the table, returns and volatility, are shown in percent.
    """
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.set_properties({"created": _WRITTEN_AT})
        header = book.add_format({"bold": True, "bottom": 1})
        formats: dict[type, Format] = {
            kind: book.add_format({"num_format": shown})
            for kind, shown in {
                datetime: TIMES_SHOWN,
                Decimal: AMOUNTS_SHOWN,
                int: COUNTS_SHOWN,
                float: RATES_SHOWN,
            }.items()
        }
        for name, rows in _by(table, tab_by).items():
            sheet = _tab(book, name, table.schema.names, header)
            sheet.autofilter(0, 0, len(rows), table.num_columns - 1)
            for number, row in enumerate(rows, start=1):
                for place, value in enumerate(row):
                    _put(sheet, number, place, value, formats.get(type(value)))
        if not table.num_rows:
            _tab(book, "empty", table.schema.names, header)
    return buffer.getvalue()


def _tab(book: xlsxwriter.Workbook, name: str, columns: Sequence[str], header: Format) -> Worksheet:
    sheet = book.add_worksheet(name)
    sheet.write_row(0, 0, columns, header)
    sheet.freeze_panes(1, KEY_COLUMNS)
    sheet.set_column(0, len(columns) - 1, 20)
    sheet.set_column(0, 1, 12)
    return sheet


def _put(sheet: Worksheet, row: int, column: int, value: object, shown: Format | None) -> None:
    if isinstance(value, datetime):
        sheet.write_datetime(row, column, value, shown)
        return
    match cell(value):
        case str() as text if text != EMPTY:
            sheet.write_string(row, column, text)
        case int() | float() as number:
            sheet.write_number(row, column, number, shown)
        case _:
            return


def _by(table: pa.Table, column: str) -> dict[str, list[Sequence[object]]]:
    rows: dict[str, list[Sequence[object]]] = {}
    names: list[str] = table[column].to_pylist()
    for name, *row in zip(names, *(values.to_pylist() for values in table.columns), strict=True):
        rows.setdefault(name, []).append(row)
    return dict(sorted(rows.items()))


def _exact(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.strftime(TIME_FORMAT)
        case Decimal():
            return f"{value:f}"
        case float():
            return repr(value)
        case _:
            return str(value)
