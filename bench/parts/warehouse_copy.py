"""COPY of a warehouse table from S3 through the stand-in, beside psycopg's bare COPY of the same rows as prepared text.

Both load into the same table of the same PostgreSQL, and are checked to have loaded the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg2.extensions import connection as Connection  # noqa: N812  the class has a function's name

from bench.measuring import Rounds, Taken, take_turns
from bench.workspace import embedded
from crypto_assets.config import Settings
from crypto_assets.endpoints import BUCKET, S3Endpoint, postgres_url, s3_endpoint, warehouse_url
from crypto_assets.warehouse.ddl import create_table
from crypto_assets.warehouse.staging import copy_manifest
from crypto_assets.warehouse.tables import FACT_TRADES
from resources.services.redshift_standin.database import STAND_IN_ROLE

ROWS = 1_000_000
SYMBOLS = 20
FIRST_MINUTE = np.datetime64("2024-08-05T00:00", "us")


def measure(folder: Path, rounds: int, *, rows: int = ROWS) -> Taken:
    """Both ways into one table, in turns."""
    with (
        embedded(folder / "warehouse", ["redshift"]) as settings,
        closing(psycopg2.connect(warehouse_url(settings))) as stand_in,
        closing(psycopg2.connect(_bare_url(settings))) as bare,
    ):
        stand_in.autocommit = bare.autocommit = True
        copy = _put(s3_endpoint(settings), _facts(rows))
        _execute(stand_in, create_table(FACT_TRADES))
        ours_of = _loading(stand_in, lambda: _execute(stand_in, copy))
        ours_of()
        loaded, text = _fingerprint(bare), _as_text(bare)
        bare_of = _loading(bare, lambda: _copy_text(bare, text))
        bare_of()
        assert _fingerprint(bare) == loaded
        ours, other = take_turns(ours_of, bare_of, rounds=rounds, warm_up=False)  # both have loaded once
        yield "copy.psycopg", Rounds(ours.seconds, other.seconds)


def _bare_url(settings: Settings) -> str:
    """The same role and database without the stand-in."""
    parts, server = urlsplit(warehouse_url(settings)), urlsplit(postgres_url(settings))
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{server.hostname}:{server.port}").geturl()


def _facts(rows: int) -> pa.Table:
    """Minutes of some symbols with amounts of as many digits as real ones have."""
    chance = np.random.default_rng(7)
    minutes = FIRST_MINUTE + (np.arange(rows) // SYMBOLS).astype("timedelta64[m]").astype("timedelta64[us]")
    symbols = pa.array([f"S{number:02d}USDT" for number in range(SYMBOLS)])
    plain: dict[str, pa.Array] = {
        "symbol": symbols.take(pa.array(np.arange(rows) % SYMBOLS)),
        "trade_minute": pa.array(minutes),
        "trade_count": pa.array(chance.integers(1, 5_000, size=rows)),
    }
    columns = [
        plain[field.name] if field.name in plain else _amounts(field.type, rows, chance) for field in FACT_TRADES.schema
    ]
    return pa.table(columns, schema=FACT_TRADES.schema)


def _amounts(kind: pa.Decimal128Type, rows: int, chance: np.random.Generator) -> pa.Array:
    """Decimals up to about 70,000 with a chance digit at every place: their two words of 64 bits are drawn."""
    top = 70_000 * 10**kind.scale
    low = chance.integers(1, min(top, 2**64), size=rows, dtype=np.uint64)
    high = chance.integers(0, top // 2**64 + 1, size=rows, dtype=np.uint64)
    words = np.column_stack([low, high]).tobytes()
    return pa.Array.from_buffers(kind, rows, [None, pa.py_buffer(words)])


def _put(where: S3Endpoint, facts: pa.Table) -> str:
    """Put the rows and their manifest on S3; returns the COPY that loads them."""
    import boto3

    client: Any = boto3.client(
        "s3",
        endpoint_url=where.url,
        aws_access_key_id=where.access_key,
        aws_secret_access_key=where.secret_key,
        region_name=where.region,
    )
    file = BytesIO()
    pq.write_table(facts, file, compression="zstd")
    client.put_object(Bucket=BUCKET, Key="facts/part.parquet", Body=file.getvalue())
    manifest = copy_manifest({f"s3://{BUCKET}/facts/part.parquet": len(file.getvalue())})
    client.put_object(Bucket=BUCKET, Key="facts.manifest", Body=manifest)
    place = f"'s3://{BUCKET}/facts.manifest' IAM_ROLE '{STAND_IN_ROLE}'"
    return f"COPY {FACT_TRADES.name} FROM {place} FORMAT AS PARQUET MANIFEST"


def _loading(connection: Connection, load: Callable[[], object]) -> Callable[[], object]:
    def run() -> None:
        _execute(connection, f"TRUNCATE {FACT_TRADES.name}")
        load()

    return run


def _execute(connection: Connection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _as_text(connection: Connection) -> bytes:
    """The rows as PostgreSQL itself writes them for COPY."""
    text = BytesIO()
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {FACT_TRADES.name} TO STDOUT", text)
    return text.getvalue()


def _copy_text(connection: Connection, text: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {FACT_TRADES.name} FROM STDIN", BytesIO(text))


def _fingerprint(connection: Connection) -> object:
    """Number of rows and a sum over all their digits."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), sum(hashtextextended(f::TEXT, 0)) FROM {FACT_TRADES.name} AS f")
        return cursor.fetchone()
