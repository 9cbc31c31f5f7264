"""A stand-in of Google Sheets in this process, and a spreadsheet opened on it by gspread."""

from __future__ import annotations

import math
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from crypto_assets.endpoints import SheetsEndpoint
from crypto_assets.share.spreadsheet import SharedSpreadsheet, open_spreadsheet
from crypto_assets_tests.waiting import wait_for
from resources.services.sheets_book import ApiError, Book, Sheet
from resources.services.sheets_standin import EMBEDDED_ID, HOST, StandIn, create_app

MINUTE_S = 60.0

type Kind = Literal["read", "write"]


@dataclass
class Fault:
    """An answer in place of the right one."""

    status: int
    times: int = 1
    """To how many requests it is given."""
    only: str = ""
    """Part of the method and path of those requests."""
    after: int = 0
    """How many of them are answered before."""
    retry_after: str | None = None
    is_applied: bool = False
    """Whether what was asked is done all the same, as when a connection breaks before the answer arrives."""


@dataclass
class Quota:
    """Requests a minute of one user, as Google counts them: a whole batch is one."""

    limits: Mapping[Kind, int]
    clock: Callable[[], float]
    _seen: dict[Kind, deque[float]] = field(default_factory=lambda: {"read": deque(), "write": deque()})

    def take(self, kind: Kind) -> float | None:
        """Count a request; where there were too many, the seconds until there are not."""
        now, seen = self.clock(), self._seen[kind]
        while seen and seen[0] <= now - MINUTE_S:
            seen.popleft()
        if len(seen) >= self.limits[kind]:
            return seen[0] + MINUTE_S - now
        seen.append(now)
        return None


class FaultyStandIn(StandIn):
    """A stand-in that also counts requests as Google does, and fails where a test wants it to."""

    def __init__(self, folder: Path, *, quota: Quota) -> None:
        super().__init__(folder)
        self.faults: list[Fault] = []
        """First come, first served."""
        self.requests: list[str] = []
        """Method and path of what was asked."""
        self._quota = quota
        self._lock = threading.Lock()

    def answer(self, request: Request, body: bytes) -> Response:
        asked = f"{request.method} {request.url.path}"
        with self._lock:
            self.requests.append(asked)
            fault = self._fault_for(asked)
            pause_s = None if fault else self._quota.take("read" if request.method == "GET" else "write")
        if pause_s:
            return _failed(429, retry_after=str(math.ceil(pause_s)))
        if fault and not fault.is_applied:
            return _failed(fault.status, retry_after=fault.retry_after)
        done = super().answer(request, body)
        return _failed(fault.status, retry_after=fault.retry_after) if fault else done

    def _fault_for(self, asked: str) -> Fault | None:
        fault = next((one for one in self.faults if one.only in asked), None)
        if fault is None:
            return None
        if fault.after:
            fault.after -= 1
            return None
        fault.times -= 1
        self.faults = [one for one in self.faults if one.times > 0]
        return fault


def _failed(status: int, *, retry_after: str | None) -> Response:
    headers = {"Retry-After": retry_after} if retry_after is not None else None
    return JSONResponse(ApiError(status, "Injected by a test").body, status, headers=headers)


@dataclass
class SheetsServer:
    """A running stand-in; what its clients sleep is noted, not slept."""

    standin: FaultyStandIn
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
    standin = FaultyStandIn(folder, quota=quota)
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
