"""What the exchange says of a symbol in the first hours of its listing, and after its delisting."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from crypto_assets.simulator.clock import Clock
from crypto_assets_tests.simulator.conftest import Start
from crypto_assets_tests.simulator.reading import archive_rows

STATE = (
    "/api/v3/depth", "/api/v3/ticker/24hr", "/api/v3/ticker/price", "/api/v3/ticker/bookTicker",
    "/fapi/v1/depth", "/fapi/v1/openInterest", "/fapi/v1/premiumIndex", "/fapi/v1/ticker/24hr",
)  # fmt: skip
OF_ALL = (
    "/api/v3/ticker/24hr", "/api/v3/ticker/price", "/api/v3/ticker/bookTicker",
    "/fapi/v1/premiumIndex", "/fapi/v1/ticker/24hr", "/fapi/v1/fundingInfo",
)  # fmt: skip
RECENT = (
    "/api/v3/klines?interval=1m", "/api/v3/trades?", "/fapi/v1/markPriceKlines?interval=1m", "/fapi/v1/fundingRate?",
)  # fmt: skip
SPOT_OPENING = datetime(2020, 8, 21, 4, tzinfo=UTC)
OPENING = datetime(2021, 2, 25, 4, tzinfo=UTC)
END = datetime(2022, 5, 13, tzinfo=UTC)
METRICS = "data/futures/um/daily/metrics/LUNAUSDT/LUNAUSDT-metrics-{}.zip"


def at(start: Start, moment: datetime) -> TestClient:
    """An exchange that lists a symbol which was traded from the openings to END, at a moment."""
    return start(symbols=("BTCUSDT", "LUNAUSDT"), clock=Clock.frozen_at(moment))


def listed(client: TestClient, path: str) -> list[str]:
    return [row["symbol"] for row in client.get(path).json()]


@pytest.mark.parametrize("moment", [END, datetime(2025, 1, 3, 6, tzinfo=UTC)])
def test_a_delisted_symbol_has_no_present_state(start: Start, moment: datetime) -> None:
    client = at(start, moment)
    for path in STATE:
        answer = client.get(path, params={"symbol": "LUNAUSDT"})
        assert (answer.status_code, answer.json()) == (400, {"code": -1121, "msg": "Invalid symbol."}), path
    for path in OF_ALL:
        assert listed(client, path) == ["BTCUSDT"], path


def test_the_rules_name_a_delisted_symbol_and_say_that_it_rests(start: Start) -> None:
    client = at(start, END)
    for path, status in (("/api/v3/exchangeInfo", "BREAK"), ("/fapi/v1/exchangeInfo", "SETTLING")):
        found = {row["symbol"]: row["status"] for row in client.get(path).json()["symbols"]}
        assert found == {"BTCUSDT": "TRADING", "LUNAUSDT": status}


def test_a_symbol_has_no_present_state_in_the_hours_before_its_opening(start: Start) -> None:
    for opening, paths in ((SPOT_OPENING, STATE[:4]), (OPENING, STATE[4:])):
        early, punctual = (at(start, opening.replace(hour=hour)) for hour in (3, 4))
        for path in paths:
            assert early.get(path, params={"symbol": "LUNAUSDT"}).json()["code"] == -1121
            assert punctual.get(path, params={"symbol": "LUNAUSDT"}).status_code == 200
        of_all = [path for path in OF_ALL if path in paths]
        assert [listed(early, path) for path in of_all] == [["BTCUSDT"]] * len(of_all)


@pytest.mark.parametrize("path", RECENT)
def test_the_newest_rows_of_a_delisted_symbol_are_its_last(start: Start, path: str) -> None:
    soon, late = (at(start, moment).get(path, params={"symbol": "LUNAUSDT", "limit": 2}).json()
                  for moment in (END, datetime(2025, 1, 3, 6, tzinfo=UTC)))  # fmt: skip
    assert len(soon) == 2
    assert soon == late


def test_figures_begin_with_the_opening_and_end_with_the_delisting(start: Start) -> None:
    query = {"symbol": "LUNAUSDT", "period": "5m", "limit": 2}
    for moment, first in ((OPENING.replace(minute=7), OPENING), (END.replace(hour=1), END.replace(day=12, hour=23))):
        found = at(start, moment).get("/futures/data/openInterestHist", params=query).json()
        last = min(moment.replace(minute=moment.minute // 5 * 5), END)
        assert [row["timestamp"] for row in found] == [last.timestamp() * 1000 - 300_000, last.timestamp() * 1000]
        assert found[0]["timestamp"] >= first.timestamp() * 1000
    assert at(start, OPENING.replace(hour=3)).get("/futures/data/openInterestHist", params=query).json() == []


def test_the_archive_has_the_first_and_the_last_day_of_metrics_and_of_depth(start: Start) -> None:
    client = at(start, datetime(2025, 1, 3, 6, tzinfo=UTC))
    first, last = (archive_rows(client, METRICS.format(day))[1:] for day in ("2021-02-25", "2022-05-12"))
    assert (first[0][0], first[-1][0]) == ("2021-02-25 04:00:00", "2021-02-26 00:00:00")
    assert (last[0][0], last[-1][0]) == ("2022-05-12 00:05:00", "2022-05-13 00:00:00")
    assert len(last) == 288
    assert client.get("/" + METRICS.format("2022-05-13")).status_code == 404
    depth = METRICS.replace("metrics", "bookDepth").format("2021-02-25")
    assert archive_rows(client, depth)[1][0] == "2021-02-25 04:00:00"
