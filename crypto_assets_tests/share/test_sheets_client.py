"""What the client of the Sheets API repeats before it gives up."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import SecretStr

from crypto_assets.errors import ServiceUnavailable
from crypto_assets.share.sheet import Layout
from crypto_assets.share.sheets_client import ATTEMPTS
from crypto_assets.share.spreadsheet import open_spreadsheet
from crypto_assets_tests.sheets_server import SheetsServer


def test_a_network_that_fails_at_sign_in_is_waited_for_and_not_taken_for_a_deleted_key(
    sheets_server: SheetsServer,
) -> None:
    key = json.loads(sheets_server.standin.key_file.read_text()) | {"token_uri": "http://127.0.0.1:1/token"}
    del key["universe_domain"]  # Google's own: it signs in at the address of the key
    endpoint = replace(sheets_server.endpoint, key_file=None, key_json=SecretStr(json.dumps(key)))
    with pytest.raises(ServiceUnavailable, match=r"Signing in to Google failed: .*127\.0\.0\.1.*repeat the run"):
        open_spreadsheet(endpoint, sleep=sheets_server.sleep).read(Layout(("symbol",), key=1), ["BTCUSDT"])
    assert len(sheets_server.slept) == ATTEMPTS - 1
