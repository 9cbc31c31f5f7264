"""What the exchange refuses is asked for again; REST of a test's own, without Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from crypto_assets.binance.spot import SpotClient
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode
from crypto_assets.stream.collector.ledger import GRACE_S, Ledger
from crypto_assets.stream.collector.repair import GIVE_UP_AFTER, Repairer
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import KINDS, Stream
from crypto_assets.stream.gaps import Gap, decode_gap
from crypto_assets.stream.topics import GAPS, TRADES
from crypto_assets_tests.stream.collector.conftest import WAIT_S
from crypto_assets_tests.stream.collector.feeder import Feeder
from crypto_assets_tests.stream.collector.messages import rest_trade

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
HISTORICAL = "/api/v3/historicalTrades"
NEWEST = "/api/v3/trades"
FIREWALL = (403, b"<html>Request blocked</html>")


@dataclass
class Taken:
    """In the place of the sink: entries of the ledger, and ids of trades."""

    is_accepting: bool = True
    gaps: list[Gap] = field(default_factory=list[Gap])
    ids: list[int] = field(default_factory=list[int])

    def emit(self, outlet: Outlet, key: bytes, value: bytes, timestamp_ms: int) -> None:
        headers = [(FINGERPRINT_HEADER, outlet.fingerprint)]
        if outlet.name == GAPS.name:
            self.gaps.append(decode_gap(value, headers))
        else:
            self.ids.append(decode(outlet.name, value, headers)["trade_id"])

    @property
    def states(self) -> list[str]:
        return [gap.state for gap in self.gaps]


class Repairs:
    """A repairer beside a ledger of trades of which 2 to 9 are missing."""

    def __init__(self, feeder: Feeder, rate_limits: Path) -> None:
        self.feeder = feeder
        self.now = NOW
        self.taken = Taken()
        self.trades = CollectedState(Stream(KINDS["trade"], "BTCUSDT"), Outlet.of(TRADES, "simulator-7"))
        sink = cast("Sink", self.taken)
        self.ledger = Ledger(Outlet.of(GAPS, "simulator-7"), sink, [self.trades])
        client = SpotClient(feeder.url, rate_limits=rate_limits)
        self.repairer = Repairer(client, self.ledger, sink, now=lambda: self.now)
        for number in (1, 10):
            self.trades.track.admit(number)
        self.ledger.notice(now=self.now, now_s=GRACE_S)

    def until(self, met: Callable[[], bool]) -> None:
        """Repair until that is met."""

        async def run() -> None:
            running = asyncio.create_task(self.repairer.run())
            async with asyncio.timeout(WAIT_S):
                while not met():
                    assert not running.done()
                    await asyncio.sleep(0.01)
            running.cancel()

        asyncio.run(run())

    def asked(self, path: str) -> int:
        return self.feeder.asked.count(path)


@pytest.fixture
def repairs(feeder: Feeder, tmp_path: Path) -> Repairs:
    feeder.trades = {number: rest_trade(number) for number in range(1, 12)}
    return Repairs(feeder, tmp_path)


@pytest.mark.parametrize(
    "answer",
    [FIREWALL, (451, b"{}"), (404, b"<html>"), (400, b'{"code":-1016,"msg":"This service is no longer available."}')],
)
def test_what_is_refused_for_a_moment_is_repaired_after_it(repairs: Repairs, answer: tuple[int, bytes]) -> None:
    repairs.feeder.refusals = {HISTORICAL: answer, NEWEST: answer}
    repairs.until(lambda: repairs.asked(NEWEST) >= 2)
    assert repairs.taken.states == ["open"]
    repairs.feeder.refusals = {}
    repairs.until(lambda: not repairs.ledger.open)
    assert repairs.taken.states == ["open", "repaired"]
    assert sorted(repairs.taken.ids) == [*range(2, 10)]


def test_what_is_refused_for_an_hour_is_given_up_with_the_reason(repairs: Repairs) -> None:
    repairs.feeder.refusals = {HISTORICAL: FIREWALL, NEWEST: FIREWALL}
    repairs.until(lambda: repairs.asked(NEWEST) >= 1)
    assert repairs.taken.states == ["open"]

    def an_hour_later() -> bool:
        if repairs.asked(NEWEST) >= 2:
            repairs.now = NOW + GIVE_UP_AFTER + timedelta(seconds=1)
        return not repairs.ledger.open

    repairs.until(an_hour_later)
    assert repairs.taken.states == ["open", "unrecoverable"]
    assert "HTTP 403" in repairs.taken.gaps[-1].detail


def test_a_gap_that_waited_for_this_run_for_long_is_not_given_up_at_its_first_refusal(repairs: Repairs) -> None:
    repairs.now = NOW + 2 * GIVE_UP_AFTER
    repairs.feeder.refusals = {HISTORICAL: FIREWALL, NEWEST: FIREWALL}
    repairs.until(lambda: repairs.asked(NEWEST) >= 2)
    assert repairs.taken.states == ["open"]


def test_what_can_never_be_answered_is_given_up_at_once(repairs: Repairs) -> None:
    body = json.dumps({"code": -1121, "msg": "Invalid symbol."}).encode()
    repairs.feeder.refusals = {HISTORICAL: (400, body)}
    repairs.until(lambda: not repairs.ledger.open)
    assert repairs.taken.states == ["open", "unrecoverable"]
    assert (repairs.asked(HISTORICAL), repairs.asked(NEWEST)) == (1, 0)


def test_a_firewall_is_not_asked_for_one_gap_after_the_other(repairs: Repairs) -> None:
    for number in range(12, 32, 2):
        repairs.trades.track.admit(number)
    repairs.ledger.notice(now=repairs.now, now_s=GRACE_S)
    assert len(repairs.ledger.open) == 11
    repairs.feeder.refusals = {HISTORICAL: FIREWALL, NEWEST: FIREWALL}
    repairs.until(lambda: repairs.asked(NEWEST) >= 1)
    assert repairs.asked(HISTORICAL) == 1
    repairs.until(lambda: repairs.asked(NEWEST) >= 2)
    assert repairs.asked(HISTORICAL) == 2


def test_a_host_without_trades_by_id_repairs_what_its_newest_trades_hold(repairs: Repairs) -> None:
    repairs.feeder.refusals = {HISTORICAL: (404, b"<html>")}
    del repairs.feeder.trades[5]
    repairs.until(lambda: not repairs.ledger.open)
    (_, gap) = repairs.taken.gaps
    assert (gap.state, gap.recovered, "1 do not exist" in gap.detail) == ("repaired", 7, True)


def test_newest_trades_that_begin_within_a_gap_prove_nothing_of_what_is_before(repairs: Repairs) -> None:
    repairs.feeder.refusals = {HISTORICAL: (404, b"<html>")}
    for number in (1, 2, 3):
        del repairs.feeder.trades[number]
    repairs.until(lambda: repairs.asked(NEWEST) >= 2)
    assert [(gap.state, gap.recovered) for gap in repairs.taken.gaps] == [("open", 0), ("open", 6)]
    assert repairs.trades.track.missing(1, 10) == 2
