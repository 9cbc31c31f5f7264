"""What the simulated exchange counts."""

from __future__ import annotations

from crypto_assets.simulator.metrics import PATH
from crypto_assets_tests.metrics.pages import declared_of, told_by
from crypto_assets_tests.simulator.conftest import Start

DOWN = {"action": "status", "status": 500, "times": 1}


def test_answers_are_counted_by_status_those_of_faults_too(start: Start) -> None:
    client = start()
    client.get("/api/v3/ping")
    client.get("/api/v3/ping")
    client.post("/simulator/faults", json=DOWN)
    client.get("/api/v3/ping")
    page = client.get(PATH).text
    assert 'simulator_requests_total{status="200"} 2.0' in page
    assert 'simulator_requests_total{status="500"} 1.0' in page
    assert "simulator_faults 0.0" in page or "simulator_faults 1.0" in page
    assert told_by(page) == declared_of("simulator")
