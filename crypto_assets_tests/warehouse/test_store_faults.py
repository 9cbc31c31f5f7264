"""S3 that asks for fewer requests, in front of the real server of the tests: waited for, and then told."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from crypto_assets.endpoints import S3Endpoint
from crypto_assets.errors import LakeBusy, ServiceUnavailable
from crypto_assets.warehouse.facts import trade_facts
from crypto_assets.warehouse.load import RedshiftClient, load_day
from crypto_assets.warehouse.staging import stage_day
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import FACT_TRADES
from crypto_assets_tests.warehouse.examples import small_day, trades
from resources.services.redshift_standin.database import STAND_IN_ROLE

DAY = date(2024, 8, 8)
SLOW_DOWN = (
    b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>SlowDown</Code>"
    b"<Message>Please reduce your request rate.</Message></Error>"
)


class BusyS3(ThreadingHTTPServer):
    """Passes requests on, except those that it answers with 503 SlowDown."""

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(endpoint).netloc
        self.refuse: Callable[[str, str], bool] = lambda method, path: False
        """Whether a request of this method and path is refused."""
        self.refused = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def refuse_next(self, count: int, *, method: str) -> None:
        """Refuse so many requests of a method, then none."""
        until = self.refused + count
        self.refuse = lambda found, _: found == method and self.refused < until


class _Handler(BaseHTTPRequestHandler):
    server: BusyS3  # pyright: ignore[reportIncompatibleVariableOverride]
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.refuse(self.command, self.path):
            self.server.refused += 1
            self._send(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
            return
        behind = http.client.HTTPConnection(self.server.behind)
        behind.request(self.command, self.path, body=body, headers=dict(self.headers))
        answer = behind.getresponse()
        content = answer.read()
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in ("content-length", "transfer-encoding")}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length", "0")
        self._send(answer.status, kept, content)
        behind.close()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815 - the base class looks for these names

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def s3(s3_endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[BusyS3]:
    """The server in between; clients try twice."""
    del bucket
    server = BusyS3(s3_endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def busy_store(s3: BusyS3, bucket: str) -> WarehouseStore:
    return WarehouseStore(f"{bucket}/warehouse", storage_options={"client_kwargs": {"endpoint_url": s3.url}})


@pytest.fixture
def facts() -> pa.Table:
    return trade_facts(trades(small_day()))


def test_a_store_that_asks_for_a_pause_gets_it(s3: BusyS3, busy_store: WarehouseStore, facts: pa.Table) -> None:
    s3.refuse_next(2, method="PUT")
    assert busy_store.publish(FACT_TRADES, DAY, facts).changed
    assert s3.refused == 2
    assert busy_store.read(FACT_TRADES, DAY) == facts


def test_a_store_that_goes_on_asking_is_told_and_the_former_day_stays(
    s3: BusyS3, busy_store: WarehouseStore, facts: pa.Table
) -> None:
    busy_store.publish(FACT_TRADES, DAY, facts)
    s3.refuse = lambda method, _: method == "PUT"
    with pytest.raises(LakeBusy) as failed:
        busy_store.publish(FACT_TRADES, DAY, facts.slice(1))
    assert failed.value.retryable
    assert "part-0.parquet" in str(failed.value)
    assert "What was there stays as it was. The store asks for fewer requests at once" in str(failed.value)
    assert s3.refused > 2
    assert busy_store.read(FACT_TRADES, DAY) == facts


def test_a_store_that_is_not_there_is_told(bucket: str, facts: pa.Table) -> None:
    gone = WarehouseStore(bucket, storage_options={"client_kwargs": {"endpoint_url": "http://127.0.0.1:1"}})
    with pytest.raises(LakeBusy) as failed:
        gone.publish(FACT_TRADES, DAY, facts)
    assert failed.value.retryable
    assert "Could not connect to the endpoint URL" in str(failed.value)


def test_a_copy_that_s3_refuses_for_its_pace_may_be_tried_again(
    s3: BusyS3,
    store: WarehouseStore,
    facts: pa.Table,
    run_stand_in: Callable[[S3Endpoint], str],
    client_of: Callable[[str], RedshiftClient],
) -> None:
    redshift = client_of(run_stand_in(S3Endpoint(s3.url, "test", "test", "us-east-1")))
    store.publish(FACT_TRADES, DAY, facts)
    load = stage_day(store, FACT_TRADES, DAY)
    redshift.execute_query(f"DROP TABLE IF EXISTS {FACT_TRADES.name}")
    redshift.execute_query("DROP TABLE IF EXISTS warehouse_loads")
    s3.refuse = lambda _, path: "part-0.parquet" in path
    with pytest.raises(ServiceUnavailable) as failed:
        load_day(redshift, load, role=STAND_IN_ROLE, now=lambda: datetime.now(UTC))
    assert "S3 asked Redshift for fewer requests while it loaded fact_trades 2024-08-08" in str(failed.value)
    s3.refuse = lambda *_: False
    assert load_day(redshift, load, role=STAND_IN_ROLE, now=lambda: datetime.now(UTC)).rows == facts.num_rows
