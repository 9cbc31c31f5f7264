"""Faults of the connection, seen from a client of a real server."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from crypto_assets.simulator.process import start_simulator
from crypto_assets_tests.simulator.conftest import NOW

MINUTES = "/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-02.zip"


@pytest.fixture(scope="module")
def server() -> Iterator[httpx.Client]:
    with (
        start_simulator(symbols=["BTCUSDT"], frozen_at=NOW) as simulator,
        httpx.Client(base_url=simulator.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture
def client(server: httpx.Client) -> Iterator[httpx.Client]:
    yield server
    server.delete("/simulator/faults")


@pytest.mark.parametrize("status", [403, 418, 429, 451, 500, 503])
def test_an_address_answers_with_a_scripted_status_as_often_as_asked_for(client: httpx.Client, status: int) -> None:
    fault = {"action": "status", "path": "/api/v3/*", "status": status, "headers": {"Retry-After": "7"}, "times": 2}
    client.post("/simulator/faults", json=fault)
    answers = [client.get("/api/v3/time") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].headers["Retry-After"] == "7"
    assert client.get("/fapi/v1/time").status_code == 200


def test_a_body_may_come_in_scripted_words(client: httpx.Client) -> None:
    body = '{"code":-1003,"msg":"Too many requests."}'
    client.post("/simulator/faults", json={"action": "status", "status": 429, "body": body, "symbol": "BTCUSDT"})
    assert client.get("/api/v3/klines", params={"symbol": "BTCUSDT", "interval": "1m"}).json()["code"] == -1003
    assert client.get("/api/v3/time").status_code == 200


def test_a_connection_is_cut_after_some_bytes(client: httpx.Client) -> None:
    client.post("/simulator/faults", json={"action": "cut", "path": "*.zip", "after_bytes": 1000, "times": 1})
    received = b""
    with client.stream("GET", MINUTES) as answer:
        chunks = answer.iter_raw()
        received += next(chunks)
        with pytest.raises(httpx.RemoteProtocolError):
            next(chunks)
    assert len(received) == 1000
    assert client.get(MINUTES).content[:1000] == received


def test_a_slow_body_comes_whole(client: httpx.Client) -> None:
    whole = client.get(MINUTES).content
    client.post("/simulator/faults", json={"action": "slow", "path": "*.zip", "bytes_per_second": 4 * len(whole)})
    with client.stream("GET", MINUTES) as answer:
        pieces = list(answer.iter_raw())
    assert b"".join(pieces) == whole
    assert len(pieces) >= 4


def test_the_simulators_own_addresses_never_fail(client: httpx.Client) -> None:
    client.post("/simulator/faults", json={"action": "status", "status": 500})
    assert client.get("/health").status_code == 200
    assert client.get("/simulator/faults").json()["faults"][0]["acted"] == 0
    assert client.get("/api/v3/ping").status_code == 500
    assert client.get("/simulator/faults").json()["faults"][0]["acted"] == 1
