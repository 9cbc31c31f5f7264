"""The shared table as files that every spreadsheet program opens: CSV and XLSX, the same bytes for the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from crypto_assets.share.sheet_rows import EMPTY, TIME_FORMAT, Cell, cell

TIMES_SHOWN = "yyyy-mm-dd hh:mm"
NUMBERS_SHOWN = "#,##0.0000####"
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

    Times are dates of the workbook, UTC; numbers are rounded to 15 significant digits, as many as a workbook keeps.
    """
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True}) as book:
        book.set_properties({"created": _WRITTEN_AT})
        bold = book.add_format({"bold": True})
        times, numbers = (book.add_format({"num_format": shown}) for shown in (TIMES_SHOWN, NUMBERS_SHOWN))
        for name, rows in _by(table, tab_by).items():
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, table.schema.names, bold)
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, len(rows), table.num_columns - 1)
            sheet.set_column(0, table.num_columns - 1, 18)
            for number, row in enumerate(rows, start=1):
                for place, value in enumerate(row):
                    if isinstance(value, datetime):
                        sheet.write_datetime(number, place, value, times)
                    else:
                        _put(sheet, number, place, cell(value), numbers if isinstance(value, Decimal) else None)
        if not table.num_rows:
            book.add_worksheet("empty").write_row(0, 0, table.schema.names, bold)
    return buffer.getvalue()


def _put(sheet: Worksheet, row: int, column: int, value: Cell, shown: Format | None) -> None:
    if isinstance(value, str):
        if value != EMPTY:
            sheet.write_string(row, column, value)
    else:
        sheet.write_number(row, column, value, shown)


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
