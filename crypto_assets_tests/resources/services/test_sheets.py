"""The stand-in of Google Sheets as a service: reached as Google is, it keeps what was shared."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_assets.endpoints import SheetsEndpoint, embedded_endpoint, sheets_endpoint
from crypto_assets.share.sheets_client import SheetsClient
from crypto_assets.share.spreadsheet import service_account
from resources.services.folder import ServiceFolder
from resources.services.manager import Services
from resources.services.process import family

type MakeServices = Callable[..., Services]
ROWS = [["symbol", "close"], ["BTCUSDT", "60000.12"]]


def client_of(endpoint: SheetsEndpoint) -> SheetsClient:
    return SheetsClient(service_account(endpoint), api=endpoint.api, sleep=lambda _: pytest.fail("it was refused"))


def share(endpoint: SheetsEndpoint, tab: str) -> None:
    """Add a tab of two rows."""
    client = client_of(endpoint)
    client.batch_update(endpoint.spreadsheet, {"requests": [{"addSheet": {"properties": {"title": tab}}}]})
    client.values_batch_update(
        endpoint.spreadsheet, {"valueInputOption": "RAW", "data": [{"range": f"'{tab}'!A1", "values": ROWS}]}
    )


def shared(endpoint: SheetsEndpoint, tab: str) -> object:
    return client_of(endpoint).values_get(endpoint.spreadsheet, f"'{tab}'!A1:B2")["values"]


def test_rows_are_written_and_read_with_the_key_that_it_has_made(sheets: SheetsEndpoint) -> None:
    tab = uuid.uuid4().hex
    share(sheets, tab)
    assert shared(sheets, tab) == ROWS


def test_its_files_are_closed_to_other_users(services: Services, sheets: SheetsEndpoint) -> None:
    folder = ServiceFolder.of(services.settings.data_dir, "sheets")
    files = [path for path in folder.path.iterdir() if path.is_file()]
    assert sheets.key_file in files
    assert [path for path in [*files, folder.path] if path.stat().st_mode & 0o077] == []


def test_what_was_shared_is_there_again_after_a_crash_and_a_stop(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path)
    services.start(["sheets"])
    first = sheets_endpoint(services.settings)
    share(first, "BTCUSDT")
    services.kill("sheets")
    assert [status.state for status in services.status(["sheets"])] == ["ended by itself"]
    services.start(["sheets"])
    assert shared(sheets_endpoint(services.settings), "BTCUSDT") == ROWS
    services.stop()
    assert family(ServiceFolder.of(tmp_path, "sheets")) == []
    assert embedded_endpoint(tmp_path, "sheets") is None
    services.start(["sheets"])
    assert sheets_endpoint(services.settings) == first
    assert shared(first, "BTCUSDT") == ROWS


def test_none_is_started_where_a_spreadsheet_is_named(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path, google_sheets_id="of-somebody")
    services.start(["sheets"])
    assert services.process("sheets") is None
    assert sheets_endpoint(services.settings).page.endswith("/of-somebody")
