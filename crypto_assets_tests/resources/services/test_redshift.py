"""The stand-in for Redshift as a service: it comes up with what it needs, and ends when it is asked to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import boto3
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.endpoints import s3_endpoint, warehouse_url
from resources.services.manager import Services
from resources.services.redshift_standin.database import STAND_IN_ROLE

type MakeServices = Callable[..., Services]


def copied_rows(services: Services) -> int:
    """Put a file on the embedded S3 and load it."""
    where = s3_endpoint(services.settings)
    file = BytesIO()
    pq.write_table(pa.table({"n": [1, 2, 3]}), file)
    s3 = boto3.client(
        "s3",
        endpoint_url=where.url,
        aws_access_key_id=where.access_key,
        aws_secret_access_key=where.secret_key,
        region_name=where.region,
    )
    s3.create_bucket(Bucket="numbers")
    s3.put_object(Bucket="numbers", Key="n.parquet", Body=file.getvalue())
    with closing(psycopg2.connect(warehouse_url(services.settings))) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS numbers (n BIGINT)")
        cursor.execute(f"COPY numbers FROM 's3://numbers/n' IAM_ROLE '{STAND_IN_ROLE}' FORMAT AS PARQUET")
        connection.commit()
        cursor.execute("SELECT count(*) FROM numbers")
        ((count,),) = cursor.fetchall()
    return count


def test_it_loads_from_the_embedded_s3_and_keeps_its_rows_through_a_restart(
    make_services: MakeServices, tmp_path: Path
) -> None:
    services = make_services(tmp_path)
    services.start(["redshift"])
    assert copied_rows(services) == 3
    process = services.process("redshift")
    with closing(psycopg2.connect(warehouse_url(services.settings))) as interrupted, interrupted.cursor() as cursor:
        cursor.execute("DELETE FROM numbers")
        services.stop(["redshift"])
        with pytest.raises(psycopg2.OperationalError, match="server closed the connection"):
            cursor.execute("SELECT 1")
    assert process is not None
    assert not process.is_running()
    services.start(["redshift"])
    with closing(psycopg2.connect(warehouse_url(services.settings))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM numbers")
        assert cursor.fetchall() == [(3,)]
    (status,) = services.status(["redshift"])
    assert "a stand-in on PostgreSQL" in status.address
    secrets = [(tmp_path / "services" / "redshift" / name) for name in ("owner.secret", "password.secret")]
    log = (tmp_path / "services" / "redshift" / "log").read_text()
    assert all(secret.read_text() not in log for secret in secrets)
