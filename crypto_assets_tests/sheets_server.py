"""A stand-in of Google Sheets in this process, and a spreadsheet opened on it by gspread."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from crypto_assets.endpoints import SheetsEndpoint
from crypto_assets_tests.waiting import wait_for
from resources.services.sheets_book import Book, Sheet
from resources.services.sheets_standin import EMBEDDED_ID, HOST, Fault, Quota, StandIn, create_app
from resources.sheets import SharedSpreadsheet, open_spreadsheet


@dataclass
class SheetsServer:
    """A running stand-in; what its clients sleep is noted, not slept."""

    standin: StandIn
    url: str
    now: list[float]
    """The clock of its quota."""
    slept: list[float] = field(default_factory=list)

    @property
    def endpoint(self) -> SheetsEndpoint:
        """Where it is, as `sheets_endpoint` says it."""
        page = f"{self.url}/spreadsheets/d/{EMBEDDED_ID}"
        return SheetsEndpoint(EMBEDDED_ID, self.url, self.standin.key_file, None, page, is_google=False)

    def open(self) -> SharedSpreadsheet:
        """The spreadsheet through gspread, as a new process would open it."""
        return open_spreadsheet(self.endpoint, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        """Note a pause, and let the quota's clock go on."""
        self.slept.append(seconds)
        self.now[0] += seconds

    def fail(self, status: int, **how: Any) -> None:
        """Give an answer in place of the right one."""
        self.standin.faults.append(Fault(status, **how))

    def rows(self, title: str) -> list[list[Any]]:
        """Everything that a tab holds."""
        return self._sheet(self.standin.books.get(EMBEDDED_ID), title).cells

    def edit(self, change: Callable[[Book], None]) -> None:
        """Do by hand what an analyst would."""
        self.standin.books.change(EMBEDDED_ID, change)

    def edit_tab(self, title: str, change: Callable[[Sheet], None]) -> None:
        """The same within a tab."""
        self.edit(lambda book: change(self._sheet(book, title)))

    def asked(self, part: str) -> Sequence[str]:
        """Requests so far whose method and path hold a text."""
        return [request for request in self.standin.requests if part in request]

    @staticmethod
    def _sheet(book: Book, title: str) -> Sheet:
        return next(sheet for sheet in book.sheets if sheet.title == title)


@contextmanager
def serving(folder: Path, *, limits: dict[Any, int] | None = None) -> Iterator[SheetsServer]:
    """A stand-in on a free port, gone at the end of the block."""
    now = [0.0]
    quota = Quota(limits or {"read": 60, "write": 60}, clock=lambda: now[0])
    standin = StandIn(folder, quota=quota)
    with socket.create_server((HOST, 0)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        standin.write_key(f"{url}/token")
        server = uvicorn.Server(uvicorn.Config(create_app(standin), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        wait_for(lambda: server.started, until=bool, deadline_s=30)
        yield SheetsServer(standin, url, now)
        server.should_exit = True
        thread.join()


@pytest.fixture
def sheets_server(tmp_path: Path) -> Iterator[SheetsServer]:
    """A stand-in of the test's own, with the spreadsheet of the embedded default."""
    with serving(tmp_path / "sheets") as server:
        yield server
