"""TLS to PostgreSQL, Redis, S3 and a schema registry: every consumer checks whom it speaks with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg2
import pytest

from crypto_assets.access import Registry, Secret
from crypto_assets.config import Settings
from crypto_assets.endpoints import S3Endpoint, schema_registry
from crypto_assets.errors import LakeError, ServiceUnavailable
from crypto_assets.lake.files import Files
from crypto_assets.postgres.connection import connect, transaction
from crypto_assets.postgres.migrate import migrate
from crypto_assets.stream.registry import RegistryUnavailable, frame, register
from crypto_assets.stream.topics import TICKERS
from crypto_assets_tests.databases import EXCHANGE
from crypto_assets_tests.security.tls import Authority, tls_before
from resources.redis import RedisResource

if TYPE_CHECKING:
    pass

DAY = date(2024, 8, 8)
LetIn = Callable[..., Settings]


def test_postgres_is_migrated_and_used_over_tls(
    encrypted: Callable[[Authority], str], authority: Authority, stranger: Authority
) -> None:
    url = encrypted(authority)
    assert migrate(url)
    with transaction(url) as connection:
        assert connection.info.ssl_in_use
    with pytest.raises(ServiceUnavailable, match="certificate verify failed") as refused:
        connect(encrypted(stranger))
    password = urlsplit(url).password
    assert password is not None
    assert password not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_redis_is_used_over_tls_and_a_stranger_is_not_spoken_with(
    redis_server: str, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = urlsplit(redis_server)
    assert parts.port is not None
    with tls_before(parts.port, authority) as port:
        place = parts._replace(scheme="rediss", netloc=f":{parts.password}@127.0.0.1:{port}")
        monkeypatch.setenv("REDIS_URL", place._replace(query=f"ssl_ca_certs={authority.ca}").geturl())
        with RedisResource().client() as client:
            assert client.ping()
        monkeypatch.setenv("REDIS_URL", place._replace(query=f"ssl_ca_certs={stranger.ca}").geturl())
        with pytest.raises(ServiceUnavailable, match="its certificate is not trusted") as refused, _client() as client:
            client.ping()
    assert str(parts.password) not in str(refused.value)


def _client() -> object:
    return RedisResource().client()


def test_the_lake_lies_on_a_server_of_ones_own_over_tls(
    s3_server: S3Endpoint, authority: Authority, stranger: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(s3_server.url or "").port
    assert port is not None
    with tls_before(port, authority) as secured:
        for name, value in {
            "AWS_ENDPOINT_URL": f"https://127.0.0.1:{secured}",
            "AWS_ACCESS_KEY_ID": s3_server.access_key,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret_key,
            "AWS_DEFAULT_REGION": s3_server.region,
            "AWS_CA_BUNDLE": authority.ca,
        }.items():
            monkeypatch.setenv(name, str(value))
        files = Files("s3://crypto-assets/tls", storage_options={"skip_instance_cache": True})
        assert files.publish("a/b.txt", b"whole")
        assert files.read("a/b.txt") == b"whole"
        monkeypatch.setenv("AWS_CA_BUNDLE", str(stranger.ca))
        with pytest.raises(LakeError, match=r"(?i)certificate") as refused:
            Files("s3://crypto-assets/tls", storage_options={"skip_instance_cache": True}).read("a/b.txt")
    assert str(s3_server.secret_key) not in str(refused.value)


class _Registry(BaseHTTPRequestHandler):
    """As much of a registry as a registration needs; it takes `platform:opens`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        known = self.headers.get("Authorization") == "Basic cGxhdGZvcm06b3BlbnM="
        body = json.dumps({"id": 7} if known else {"error_code": 40101, "message": "Unauthorized"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_a_schema_registry_is_told_who_asks_over_tls(authority: Authority, stranger: Authority) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with tls_before(server.server_port, authority) as port:
            named = Settings.model_validate(
                {
                    "schema_registry_url": f"https://127.0.0.1:{port}",
                    "schema_registry_username": "platform",
                    "schema_registry_password": "opens",
                    "schema_registry_ca_file": authority.ca,
                }
            )
            url = schema_registry(named)
            assert url is not None
            assert register(url, TICKERS, EXCHANGE) == frame(7)
            for wrong, reason in (
                (Registry(url, username="platform", password=Secret("hidden"), ca_file=authority.ca), "Unauthorized"),
                (Registry(url, username="platform", password=Secret("opens"), ca_file=stranger.ca), "certificate"),
            ):
                with pytest.raises(RegistryUnavailable, match=reason) as refused:
                    register(wrong, TICKERS, EXCHANGE)
                assert "hidden" not in str(refused.value)
                assert "opens" not in str(refused.value)
    finally:
        server.shutdown()
        server.server_close()


def test_a_plain_connection_is_not_taken_for_an_encrypted_one(postgres: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="does not support SSL"):
        psycopg2.connect(f"{postgres}?sslmode=require")
    with pytest.raises(ServiceUnavailable, match="does not support SSL"):
        connect(f"{postgres}?sslmode=require")
