from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets.errors import ConfigurationError, ServiceUnavailable
from resources.redis import RedisResource


@pytest.fixture(autouse=True)
def no_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that is taken and that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_client_of_the_redis_that_is_named(redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", redis_server)
    with RedisResource().client() as client:
        assert client.ping()


def test_without_a_redis_the_error_says_what_to_start() -> None:
    with pytest.raises(ConfigurationError, match=r"No redis runs .*make up"), RedisResource().client():
        pass


def test_a_redis_that_does_not_answer_is_named_without_its_password(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:hidden-word@127.0.0.1:{silent_port}/0")
    with (
        pytest.raises(ServiceUnavailable, match=rf"127\.0\.0\.1:{silent_port} does not answer") as raised,
        RedisResource().client() as client,
    ):
        client.ping()
    assert raised.value.retryable
    assert "hidden-word" not in str(raised.value)


def test_a_wrong_password_is_told_without_showing_it(redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://:hidden-word@{redis_server.rpartition('@')[2]}")
    with pytest.raises(ServiceUnavailable, match="takes its password") as raised, RedisResource().client() as client:
        client.ping()
    assert "hidden-word" not in str(raised.value)


def test_a_url_that_cannot_be_read_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "http://:hidden-word@127.0.0.1")
    with pytest.raises(ConfigurationError, match="REDIS_URL cannot be read") as raised, RedisResource().client():
        pass
    assert "hidden-word" not in str(raised.value)
