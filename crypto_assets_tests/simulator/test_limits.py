"""Who asks too much is refused, who goes on asking is banned, and a new minute begins at nothing."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.testclient import TestClient

from crypto_assets_tests.simulator.conftest import Start

SECOND_US = 1_000_000


@dataclass
class Wall:
    """A wall clock that is set by hand."""

    now_us: int = 15 * SECOND_US

    def __call__(self) -> int:
        return self.now_us


def exhausted(start: Start) -> tuple[TestClient, Wall]:
    """An exchange whose spot limit of 6,000 is used up, a quarter past a minute."""
    wall = Wall()
    client = start(wall_us=wall)
    for _ in range(24):  # of weight 250
        client.get("/api/v3/depth", params={"symbol": "NOSUCH", "limit": "5000"})
    return client, wall


def test_weights_add_up_within_the_minute(start: Start) -> None:
    client = start(wall_us=Wall())
    used = [client.get("/api/v3/time").headers["X-MBX-USED-WEIGHT-1M"] for _ in range(3)]
    assert used == ["1", "2", "3"]


def test_above_the_limit_the_answer_is_429_with_the_seconds_to_wait(start: Start) -> None:
    client, _ = exhausted(start)
    refused = client.get("/api/v3/time")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "45"
    assert refused.json()["code"] == -1003
    assert "current limit is 6000 request weight per 1 MINUTE" in refused.json()["msg"]


def test_the_next_minute_begins_at_nothing(start: Start) -> None:
    client, wall = exhausted(start)
    wall.now_us += 45 * SECOND_US
    answer = client.get("/api/v3/time")
    assert (answer.status_code, answer.headers["X-MBX-USED-WEIGHT-1M"]) == (200, "1")


def test_who_goes_on_asking_is_banned_beyond_the_minute(start: Start) -> None:
    client, wall = exhausted(start)
    statuses = [client.get("/api/v3/time").status_code for _ in range(12)]
    assert statuses == [429] * 10 + [418] * 2
    wall.now_us += 60 * SECOND_US
    banned = client.get("/api/v3/time")
    assert (banned.status_code, banned.headers["Retry-After"]) == (418, "60")
    wall.now_us += 60 * SECOND_US
    assert client.get("/api/v3/time").status_code == 200


def test_the_venues_have_limits_of_their_own(start: Start) -> None:
    client, _ = exhausted(start)
    client.get("/api/v3/time")
    assert client.get("/fapi/v1/time").status_code == 200
    assert client.get("/data/spot/daily/klines/NOSUCH/1m/NOSUCH-1m-2024-01-01.zip").status_code == 404


def test_funding_rates_are_limited_by_requests_in_five_minutes(start: Start) -> None:
    client = start(wall_us=Wall())
    statuses = [client.get("/fapi/v1/fundingInfo").status_code for _ in range(501)]
    assert statuses == [200] * 500 + [429]
    assert client.get("/fapi/v1/fundingRate").headers["Retry-After"] == "285"
