"""The embedded S3 server: right keys, wrong keys, what it keeps, and what it says of the rest."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import httpx
import polars as pl
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
import s3fs
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.endpoints import BUCKET, S3Endpoint, embedded_endpoint, s3_endpoint, warehouse_s3_uri
from resources.services.folder import ServiceFolder
from resources.services.java import packaged_java_home
from resources.services.manager import Services
from resources.services.process import family

type MakeServices = Callable[..., Services]


def client_of(endpoint: S3Endpoint, **other: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=endpoint.url,
        aws_access_key_id=other.get("access_key", endpoint.access_key),
        aws_secret_access_key=other.get("secret_key", endpoint.secret_key),
        region_name=endpoint.region,
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def prefix() -> str:
    """Prefix of a test's own in the bucket."""
    return uuid.uuid4().hex


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response.get("Error", {}).get("Code", "")


def test_what_one_client_writes_every_other_reads(s3_server: S3Endpoint, prefix: str) -> None:
    trades = pa.table({"price": ["60000.12"] * 100_000})
    keys = {"access_key": s3_server.access_key, "secret_key": s3_server.secret_key}
    arrow = pafs.S3FileSystem(**keys, endpoint_override=s3_server.url, region=s3_server.region)
    pq.write_table(trades, f"{BUCKET}/{prefix}/part.parquet", filesystem=arrow)
    files = s3fs.S3FileSystem(
        key=s3_server.access_key, secret=s3_server.secret_key, client_kwargs={"endpoint_url": s3_server.url}
    )
    assert files.ls(f"{BUCKET}/{prefix}") == [f"{BUCKET}/{prefix}/part.parquet"]
    with files.open(f"{BUCKET}/{prefix}/part.parquet", "rb") as file:
        assert pq.read_table(file).equals(trades)  # pyright: ignore[reportArgumentType]
    options = {
        "aws_endpoint_url": str(s3_server.url),
        "aws_access_key_id": str(s3_server.access_key),
        "aws_secret_access_key": str(s3_server.secret_key),
        "aws_region": str(s3_server.region),
        "aws_allow_http": "true",
    }
    assert pl.scan_parquet(f"s3://{BUCKET}/{prefix}/*.parquet", storage_options=options).collect().height == 100_000


def test_only_its_key_is_let_in(s3_server: S3Endpoint, prefix: str) -> None:
    wrong_secret = client_of(s3_server, secret_key="wrong")
    wrong_key = client_of(s3_server, access_key="somebody")
    client_of(s3_server).put_object(Bucket=BUCKET, Key=f"{prefix}/x", Body=b"x")
    assert code_of(lambda: wrong_secret.get_object(Bucket=BUCKET, Key=f"{prefix}/x")) == "SignatureDoesNotMatch"
    assert code_of(lambda: wrong_secret.put_object(Bucket=BUCKET, Key=f"{prefix}/y", Body=b"")) == (
        "SignatureDoesNotMatch"
    )
    assert code_of(lambda: wrong_key.list_objects_v2(Bucket=BUCKET)) == "InvalidAccessKeyId"
    assert httpx.get(f"{s3_server.url}/{BUCKET}/{prefix}/x", trust_env=False).status_code == httpx.codes.FORBIDDEN


@settings(max_examples=10)
@given(body=st.binary(max_size=5_000))
def test_the_tag_is_the_hash_of_the_bytes(s3_server: S3Endpoint, body: bytes) -> None:
    with closing(client_of(s3_server)) as client:
        put = client.put_object(Bucket=BUCKET, Key="tagged/x", Body=body)
        assert put["ETag"] == client.head_object(Bucket=BUCKET, Key="tagged/x")["ETag"]
        assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert client.get_object(Bucket=BUCKET, Key="tagged/x")["Body"].read() == body


def test_a_file_of_many_parts_comes_back_whole(s3_server: S3Endpoint, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(18 << 20))
    client = client_of(s3_server)
    client.upload_file(str(tmp_path / "large"), BUCKET, f"{prefix}/large")
    client.download_file(BUCKET, f"{prefix}/large", str(tmp_path / "again"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "large").read_bytes()


def test_what_is_not_there_is_said(s3_server: S3Endpoint, prefix: str) -> None:
    client = client_of(s3_server)
    assert code_of(lambda: client.get_object(Bucket=BUCKET, Key=f"{prefix}/none")) == "NoSuchKey"
    assert code_of(lambda: client.list_objects_v2(Bucket="no-such-bucket")) == "NoSuchBucket"
    client.put_object(Bucket=BUCKET, Key=f"{prefix}/x", Body=b"x")
    client.delete_object(Bucket=BUCKET, Key=f"{prefix}/x")
    assert "Contents" not in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)


@pytest.mark.parametrize("keys", [("x", "x/y"), ("x/y", "x")])
def test_a_key_below_another_one_is_refused_and_the_other_stays(
    keys: tuple[str, str], s3_server: S3Endpoint, prefix: str
) -> None:
    client = client_of(s3_server)
    first, second = (f"{prefix}/{key}" for key in keys)
    client.put_object(Bucket=BUCKET, Key=first, Body=b"first")
    assert code_of(lambda: client.put_object(Bucket=BUCKET, Key=second, Body=b"second")) == "InternalError"
    assert client.get_object(Bucket=BUCKET, Key=first)["Body"].read() == b"first"
    assert [each["Key"] for each in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]] == [first]


def test_clients_at_the_same_time_see_whole_objects(s3_server: S3Endpoint, prefix: str) -> None:
    def write_and_read(number: int) -> bool:
        client = client_of(s3_server)
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/shared", Body=str(number).encode() * 50_000)
        seen = client.get_object(Bucket=BUCKET, Key=f"{prefix}/shared")["Body"].read()
        return len(seen) == 50_000 and len(set(seen)) == 1

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(write_and_read, range(8)))


def test_objects_and_keys_are_there_again_after_a_crash_and_a_stop(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path)
    services.start(["s3"])
    first = s3_endpoint(services.settings)
    client_of(first).put_object(Bucket=BUCKET, Key="kept/x", Body=b"kept", Metadata={"rows": "1"})
    services.kill("s3")
    assert [status.state for status in services.status(["s3"])] == ["ended by itself"]
    services.start(["s3"])
    services.stop()
    assert family(ServiceFolder.of(tmp_path, "s3")) == []
    assert embedded_endpoint(tmp_path, "s3") is None
    assert [status.state for status in services.status(["s3"])] == ["on demand"]
    services.start(["s3"])
    assert s3_endpoint(services.settings) == first
    kept = client_of(first).get_object(Bucket=BUCKET, Key="kept/x")
    assert (kept["Body"].read(), kept["Metadata"], kept["ETag"]) == (
        b"kept",
        {"rows": "1"},
        f'"{hashlib.md5(b"kept").hexdigest()}"',
    )


def test_its_secret_is_in_no_log_no_command_and_no_status(services: Services, s3_server: S3Endpoint) -> None:
    folder = ServiceFolder.of(services.settings.data_dir, "s3")
    commands = [" ".join(process.cmdline()) for process in family(folder)]
    shown = "\n".join([folder.log.read_text(), *commands, *map(str, services.status(["s3"])), repr(s3_server)])
    assert commands
    assert s3_server.secret_key
    assert s3_server.secret_key not in shown
    assert [path for path in folder.path.iterdir() if path.is_file() and path.stat().st_mode & 0o077] == []


def test_it_runs_on_the_packaged_java_in_a_folder_of_any_name(make_services: MakeServices, tmp_path: Path) -> None:
    settings = make_services(tmp_path / "my data, ünd <more>").settings
    services = Services(settings, environment={"LC_ALL": "C"}, attached=True, java_home=packaged_java_home)
    try:
        services.start(["s3"])
        client = client_of(s3_endpoint(settings))
        client.put_object(Bucket=BUCKET, Key="ünd/x y=1", Body=b"x")
        assert [found["Key"] for found in client.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["ünd/x y=1"]
    finally:
        services.stop()


def test_none_is_started_where_a_bucket_is_named(make_services: MakeServices, tmp_path: Path) -> None:
    services = make_services(tmp_path, warehouse_s3_uri="s3://mine/warehouse")
    services.start(["s3"])
    assert services.process("s3") is None
    assert s3_endpoint(services.settings) == S3Endpoint()
    assert warehouse_s3_uri(services.settings) == "s3://mine/warehouse"
