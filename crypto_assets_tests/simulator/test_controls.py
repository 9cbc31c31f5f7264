"""Faults are switched while the exchange runs."""

from __future__ import annotations

import pytest

from crypto_assets_tests.simulator.conftest import NOW, Start

DOWN = {"action": "status", "status": 500}


def test_health_tells_mode_and_clock(start: Start) -> None:
    expected = {"status": "ok", "mode": "simulator", "serverTime": int(NOW.timestamp() * 1000)}
    told = start().get("/health").json()
    assert told.pop("streams").startswith("ws://127.0.0.1:")
    assert told == expected


def test_faults_come_and_go_by_their_number(start: Start) -> None:
    client = start()
    added = client.post("/simulator/faults", json={"faults": [DOWN, {**DOWN, "path": "/api/*"}]})
    assert (added.status_code, added.json()) == (201, {"ids": [1, 2]})
    assert client.delete("/simulator/faults/1").json() == {"removed": 1}
    assert client.delete("/simulator/faults/1").status_code == 404
    assert [entry["id"] for entry in client.get("/simulator/faults").json()["faults"]] == [2]
    assert (client.get("/api/v3/ping").status_code, client.get("/fapi/v1/ping").status_code) == (500, 200)
    assert client.delete("/simulator/faults").json() == {"removed": 1}
    assert client.get("/api/v3/ping").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        '{"action": "explode"}',
        '{"faults": 3}',
        '{"action": "flash_crash", "symbol": "NOSUCH", "start": "2024-08-05T10:00:00Z"}',
    ],
)
def test_what_is_no_fault_is_refused_and_changes_nothing(start: Start, body: str) -> None:
    client = start()
    answer = client.post("/simulator/faults", content=body)
    assert answer.status_code == 400
    assert answer.json()["msg"]
    assert client.get("/simulator/faults").json() == {"faults": []}
