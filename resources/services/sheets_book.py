"""Spreadsheets of the stand-in of Google Sheets: their cells, what may be asked of them, and the files they lie in."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from gspread.utils import a1_range_to_grid_range, absolute_range_name, rowcol_to_a1

from crypto_assets.lake.files import Files

MAX_CELLS = 10_000_000
STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_RANGE = re.compile(r"(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[^'!]+))(?:!(?P<cells>[A-Za-z0-9:]+))?")


class ApiError(Exception):
    """Raised for what the API refuses; becomes an answer with Google's body."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        return {"error": {"code": self.code, "message": str(self), "status": STATUSES.get(self.code, "UNKNOWN")}}


class Sheet(msgspec.Struct):
    """A tab: its grid's size, and the rows that hold something."""

    sheet_id: int
    title: str
    rows: int = 1_000
    columns: int = 26
    cells: list[list[Any]] = []
    frozen_rows: int = 0

    def properties(self, index: int) -> dict[str, Any]:
        """`SheetProperties` of the API."""
        return {
            "sheetId": self.sheet_id,
            "title": self.title,
            "index": index,
            "sheetType": "GRID",
            "gridProperties": {"rowCount": self.rows, "columnCount": self.columns},
        }

    def put(self, row: int, column: int, value: object) -> None:
        """Set a cell, counted from 0."""
        self.cells.extend([] for _ in range(row + 1 - len(self.cells)))
        line = self.cells[row]
        line.extend("" for _ in range(column + 1 - len(line)))
        line[column] = value


class Book(msgspec.Struct):
    """A spreadsheet and who may write to it."""

    id: str
    title: str
    editors: list[str]
    sheets: list[Sheet]

    def sheet(self, sheet_id: int) -> Sheet:
        """A tab by its number; raises ApiError where there is none."""
        for sheet in self.sheets:
            if sheet.sheet_id == sheet_id:
                return sheet
        raise ApiError(400, f"Invalid requests[0]: No grid with id: {sheet_id}")

    def resolve(self, name: str) -> tuple[Sheet, range, range]:
        """Tab, rows and columns of a range in A1 notation, cut off at the end of the grid."""
        match = _RANGE.fullmatch(name)
        title = (match["quoted"].replace("''", "'") if match["quoted"] else match["plain"]) if match else None
        sheet = next((one for one in self.sheets if one.title == title), None)
        if match is None or sheet is None:
            raise ApiError(400, f"Unable to parse range: {name}")
        grid = a1_range_to_grid_range(match["cells"]) if match["cells"] else {}
        rows = range(grid.get("startRowIndex", 0), grid.get("endRowIndex", sheet.rows))
        columns = range(grid.get("startColumnIndex", 0), grid.get("endColumnIndex", sheet.columns))
        if rows.start >= sheet.rows or columns.start >= sheet.columns:
            limits = f"Max rows: {sheet.rows}, max columns: {sheet.columns}"
            raise ApiError(400, f"Range ({name}) exceeds grid limits. {limits}")
        return sheet, rows, columns

    def read(self, name: str) -> dict[str, Any]:
        """`ValueRange` of a range, values as they were written: empty cells at the end of rows, and empty rows at the
        end, are left out."""
        sheet, rows, columns = self.resolve(name)
        values = [_trimmed(line[columns.start : columns.stop]) for line in sheet.cells[rows.start : rows.stop]]
        while values and not values[-1]:
            values.pop()
        last = rowcol_to_a1(min(rows.stop, sheet.rows), min(columns.stop, sheet.columns))
        shown = absolute_range_name(sheet.title, f"{rowcol_to_a1(rows.start + 1, columns.start + 1)}:{last}")
        return {"range": shown, "majorDimension": "ROWS"} | ({"values": values} if values else {})

    def write(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a `ValueRange`; raises ApiError where it does not fit."""
        name = str(entry["range"])
        sheet, rows, columns = self.resolve(name)
        values: list[list[Any]] = entry.get("values", [])
        is_place = len(rows) == len(columns) == 1  # where the rows begin, however many there are
        if not is_place and (len(values) > len(rows) or any(len(row) > len(columns) for row in values)):
            raise ApiError(400, f"Requested writing within range [{name}], but tried writing outside of it")
        height, width = len(values), max(map(len, values), default=0)
        if rows.start + height > sheet.rows or columns.start + width > sheet.columns:
            limits = f"Max rows: {sheet.rows}, max columns: {sheet.columns}"
            raise ApiError(400, f"Range ({name}) exceeds grid limits. {limits}")
        for down, row in enumerate(values):
            for right, value in enumerate(row):
                if value is not None:
                    sheet.put(rows.start + down, columns.start + right, value)
        cells = sum(map(len, values))
        return {"spreadsheetId": self.id, "updatedRange": name, "updatedRows": height, "updatedCells": cells}

    def change(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one entry of `batchUpdate`; raises ApiError where it cannot be."""
        ((kind, asked),) = request.items()
        match kind:
            case "addSheet":
                return self._add(asked.get("properties", {}))
            case "updateSheetProperties":
                self._update(asked["properties"], str(asked["fields"]).split(","))
            case "deleteDimension" if asked["range"]["dimension"] == "ROWS":
                span = asked["range"]
                sheet, start, end = self.sheet(span["sheetId"]), int(span["startIndex"]), int(span["endIndex"])
                if sheet.rows - (end - start) <= sheet.frozen_rows:
                    text = "Sorry, it is not possible to delete all non-frozen rows."
                    raise ApiError(400, f"Invalid requests[0].deleteDimension: {text}")
                del sheet.cells[start:end]
                sheet.rows -= end - start
            case "appendDimension" if asked["dimension"] == "ROWS":
                self.sheet(asked["sheetId"]).rows += int(asked["length"])
            case _:
                raise ApiError(400, f"Invalid requests[0]: this stand-in of Google Sheets has no {kind}")
        self._check_size()
        return {}

    def _add(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        title = str(properties.get("title", f"Sheet{len(self.sheets) + 1}"))
        if any(sheet.title == title for sheet in self.sheets):
            text = f'A sheet with the name "{title}" already exists. Please enter another name.'
            raise ApiError(400, f"Invalid requests[0].addSheet: {text}")
        grid = properties.get("gridProperties", {})
        number = 1 + max((sheet.sheet_id for sheet in self.sheets), default=0)
        sheet = Sheet(number, title, rows=grid.get("rowCount", 1_000), columns=grid.get("columnCount", 26))
        sheet.frozen_rows = grid.get("frozenRowCount", 0)
        self.sheets.append(sheet)
        self._check_size()
        return {"addSheet": {"properties": sheet.properties(len(self.sheets) - 1)}}

    def _update(self, properties: Mapping[str, Any], fields: list[str]) -> None:
        sheet = self.sheet(properties["sheetId"])
        grid = properties.get("gridProperties", {})
        for field in fields:
            match field:
                case "gridProperties.rowCount":
                    sheet.rows = grid["rowCount"]
                    del sheet.cells[sheet.rows :]
                case "gridProperties.columnCount":
                    sheet.columns = grid["columnCount"]
                    sheet.cells = [line[: sheet.columns] for line in sheet.cells]
                case _:
                    raise ApiError(400, f"Invalid requests[0].updateSheetProperties: no field {field}")

    def _check_size(self) -> None:
        if sum(sheet.rows * sheet.columns for sheet in self.sheets) > MAX_CELLS:
            raise ApiError(
                400,
                "Invalid requests[0]: This action would increase the number of cells in the workbook above the limit "
                f"of {MAX_CELLS} cells.",
            )


class Books:
    """The spreadsheets of a folder, one JSON file each."""

    def __init__(self, folder: Path) -> None:
        self._files = Files(str(folder))
        self._lock = threading.Lock()

    def create(self, book_id: str, *, title: str, editors: list[str]) -> None:
        """Make a spreadsheet with one empty tab where there is none of this id."""
        with self._lock:
            if self._files.read(_file(book_id)) is None:
                self._write(Book(book_id, title, editors, [Sheet(0, "Sheet1")]))

    def delete(self, book_id: str) -> None:
        """Remove a spreadsheet; one that is not there is fine."""
        with self._lock:
            self._files.remove(_file(book_id))

    def get(self, book_id: str) -> Book:
        """A spreadsheet as it is; raises ApiError where there is none."""
        content = self._files.read(_file(book_id)) if re.fullmatch(r"[\w-]+", book_id) else None
        if content is None:
            raise ApiError(404, "Requested entity was not found.")
        return msgspec.json.decode(content, type=Book)

    def change[T](self, book_id: str, change: Callable[[Book], T]) -> T:
        """Apply a change, all of it or, where it raises, none."""
        with self._lock:
            book = self.get(book_id)
            result = change(book)
            self._write(book)
            return result

    def _write(self, book: Book) -> None:
        self._files.publish(_file(book.id), msgspec.json.encode(book))


def _file(book_id: str) -> str:
    return f"{book_id}.json"


def _trimmed(line: list[Any]) -> list[Any]:
    end = len(line)
    while end and line[end - 1] == "":
        end -= 1
    return line[:end]
