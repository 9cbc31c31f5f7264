"""A stand-in for Redshift on the session's PostgreSQL and S3, and a schema and a folder of each test's own."""

from __future__ import annotations

import asyncio
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import boto3
import msgspec
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets.config import Settings
from resources.services.folder import ServiceFolder
from resources.services.standin.database import STAND_IN_ROLE, Secrets, make_warehouse, owner_url
from resources.services.standin.s3_objects import Store
from resources.services.standin.server import Options, StandIn

BUCKET = "warehouse-files"
PARQUET = f"IAM_ROLE '{STAND_IN_ROLE}' FORMAT AS PARQUET"


@dataclass(frozen=True)
class Bucket:
    """A folder on S3 that one test has to itself."""

    endpoint: str
    folder: str

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            region_name="us-east-1",
        )

    def uri(self, name: str) -> str:
        return f"s3://{BUCKET}/{self.folder}/{name}"

    def put(self, name: str, body: bytes) -> int:
        self.client.put_object(Bucket=BUCKET, Key=f"{self.folder}/{name}", Body=body)
        return len(body)

    def put_table(self, name: str, table: pa.Table, **options: object) -> int:
        """Bytes of the Parquet file that was put there."""
        file = BytesIO()
        pq.write_table(table, file, **options)
        return self.put(name, file.getvalue())

    def put_manifest(self, name: str, *entries: dict[str, object]) -> None:
        self.put(name, msgspec.json.encode({"entries": entries}))


@pytest.fixture(scope="session")
def run_stand_in(postgres: str, live_settings: Settings) -> Iterator[Callable[[Store], str]]:
    """`run_stand_in(store)`: URL of the warehouse on a stand-in that reads this S3."""
    password = ServiceFolder.of(live_settings.data_dir, "postgres").secret("superuser")
    parts = urlsplit(postgres)
    admin = parts._replace(netloc=f"postgres:{password}@{parts.hostname}:{parts.port}", path="/postgres").geturl()
    folder = ServiceFolder.of(live_settings.data_dir, "redshift")
    folder.make()
    secrets = Secrets(owner=folder.secret("owner"), client=folder.secret("password"))
    make_warehouse(admin, secrets)
    own = owner_url(postgres, password=secrets.owner)
    ends: list[Callable[[], None]] = []

    def run(store: Store) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        ends.append(_serve(Options(lambda: own, lambda: store, STAND_IN_ROLE), listener))
        port = listener.getsockname()[1]
        return f"postgresql://warehouse:{secrets.client}@127.0.0.1:{port}/warehouse"

    yield run
    for end in ends:
        end()


@pytest.fixture(scope="session")
def warehouse(run_stand_in: Callable[[Store], str], s3_endpoint: str) -> str:
    """URL of the warehouse on a stand-in that reads the session's S3."""
    Bucket(s3_endpoint, "").client.create_bucket(Bucket=BUCKET)
    return run_stand_in(Store(s3_endpoint, "test", "test"))


@pytest.fixture
def files(s3_endpoint: str, warehouse: str) -> Bucket:
    """An empty folder on S3."""
    return Bucket(s3_endpoint, uuid.uuid4().hex)


@pytest.fixture
def connect(warehouse: str) -> Iterator[Callable[[], Connection]]:
    """`connect()`: a connection to the warehouse, in a schema of this test's own."""
    schema = f"t_{uuid.uuid4().hex}"
    opened: list[Connection] = []

    def connect() -> Connection:
        connection = psycopg2.connect(warehouse, options=f"-c search_path={schema},redshift_standin")
        opened.append(connection)
        return connection

    with connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {schema}")
    yield connect
    for connection in opened:
        connection.close()
    with psycopg2.connect(warehouse) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {schema} CASCADE")
    connection.close()


@pytest.fixture
def connection(connect: Callable[[], Connection]) -> Connection:
    """A connection to the warehouse."""
    return connect()


def execute(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    """Rows of a statement; none where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def _serve(options: Options, listener: socket.socket) -> Callable[[], None]:
    """Serve in a thread; returns what ends it."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(StandIn(options).serve(listener, stop=stop)), name="stand-in"
    )
    thread.start()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
        assert not thread.is_alive()
        loop.close()

    return end
