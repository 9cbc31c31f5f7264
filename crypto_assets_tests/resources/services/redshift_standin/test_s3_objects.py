"""What S3 itself refuses, as Redshift tells it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg2
import pytest

from crypto_assets.endpoints import S3Endpoint
from crypto_assets_tests.resources.services.redshift_standin.conftest import PARQUET, execute

DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Refusing(BaseHTTPRequestHandler):
    """Lets nobody read anything."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("Content-Length", str(len(DENIED)))
        self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(DENIED)

    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.mark.parametrize("manifest", ["", "MANIFEST"])
def test_access_denied_is_told_as_such(manifest: str, run_stand_in: Callable[[S3Endpoint], str]) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = run_stand_in(S3Endpoint(f"http://127.0.0.1:{server.server_port}", "test", "test"))
        with closing(psycopg2.connect(url)) as connection:
            execute(connection, "CREATE TEMP TABLE numbers (n BIGINT)")
            connection.commit()
            with pytest.raises(psycopg2.InternalError, match="Access Denied,Status 403,Error AccessDenied"):
                execute(connection, f"COPY numbers FROM 's3://closed/n' {PARQUET} {manifest}")
            connection.rollback()
            told = execute(connection, "SELECT err_reason FROM stl_load_errors WHERE query = pg_last_copy_id()")
        assert "Access Denied" in str(told)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
