"""A schema of the stand-in for Redshift, and a folder on S3, of each test's own."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
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

from resources.services.redshift_standin.database import STAND_IN_ROLE

BUCKET = "warehouse-files"
NUMBERS = pa.table({"n": pa.array(range(1_000))})
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

    def put_table(self, name: str, table: pa.Table, **options: Any) -> int:
        """Bytes of the Parquet file that was put there."""
        file = BytesIO()
        pq.write_table(table, file, **options)
        return self.put(name, file.getvalue())

    def put_manifest(self, name: str, *entries: Mapping[str, object]) -> None:
        self.put(name, msgspec.json.encode({"entries": entries}))


@pytest.fixture
def files(s3_endpoint: str) -> Bucket:
    """An empty folder on S3."""
    bucket = Bucket(s3_endpoint, uuid.uuid4().hex)
    bucket.client.create_bucket(Bucket=BUCKET)
    return bucket


@pytest.fixture
def connect(warehouse: str) -> Iterator[Callable[[], Connection]]:
    """`connect()`: a connection to the warehouse, in a schema of this test's own."""
    schema = f"t_{uuid.uuid4().hex}"
    opened: list[Connection] = []

    def connect() -> Connection:
        connection = psycopg2.connect(warehouse, options=f"-c search_path={schema},redshift_standin,pg_catalog")
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


@pytest.fixture
def numbers(connection: Connection, files: Bucket) -> str:
    """A COPY of 1,000 rows into the table numbers, which is there and empty."""
    execute(connection, "CREATE TABLE numbers (n BIGINT NOT NULL) SORTKEY (n)")
    connection.commit()
    files.put_table("n.parquet", NUMBERS)
    return f"COPY numbers FROM '{files.uri('n.parquet')}' {PARQUET}"


@pytest.fixture
def direct(administrator: str, warehouse: str) -> Iterator[Connection]:
    """The superuser in the warehouse, without the stand-in; each statement is committed at once."""
    with closing(psycopg2.connect(urlsplit(administrator)._replace(path="/warehouse").geturl())) as connection:
        connection.autocommit = True
        yield connection


@dataclass(frozen=True)
class Halt:
    """Where loads of the table numbers stand still: at the row 500, until `end`."""

    direct: Connection
    key: int

    def waits(self) -> list[int]:
        """PostgreSQL's processes that stand there."""
        query = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {self.key} AND NOT granted"
        return [int(str(pid)) for (pid,) in execute(self.direct, query)]

    def end(self) -> None:
        """Let them go on."""
        execute(self.direct, f"SELECT pg_advisory_unlock_all() IS NULL, {self.key}")


@pytest.fixture
def halt(connection: Connection, numbers: str, direct: Connection) -> Iterator[Halt]:
    """Makes every COPY into numbers stand still in its middle."""
    ((schema,),) = execute(connection, "SELECT current_schema()")
    connection.rollback()
    halt = Halt(direct, secrets.randbits(30))
    execute(
        direct,
        f"""
        CREATE FUNCTION {schema}.halt() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_advisory_xact_lock({halt.key}); RETURN NEW; END $$;
        CREATE TRIGGER halt BEFORE INSERT ON {schema}.numbers FOR EACH ROW WHEN (NEW.n = 500)
        EXECUTE FUNCTION {schema}.halt();
        SELECT pg_advisory_lock({halt.key})
        """,
    )
    yield halt
    halt.end()


def execute(connection: Connection, sql: str) -> list[tuple[object, ...]]:
    """Rows of a statement; none where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def count(connection: Connection) -> object:
    """Rows of the table numbers."""
    ((found,),) = execute(connection, "SELECT count(*) FROM numbers")
    return found
