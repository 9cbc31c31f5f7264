"""One book of used weight for all processes of a machine."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crypto_assets.binance.rate_limit import FUNDING_REQUESTS, SPOT_WEIGHT, Cost, SharedLimits
from crypto_assets_tests.binance.clocks import FakeClock

HOST = "api.example:443"


@pytest.fixture
def limits(tmp_path: Path, clock: FakeClock) -> SharedLimits:
    return SharedLimits(tmp_path, clock=clock)


def test_what_fits_is_booked_at_once(limits: SharedLimits) -> None:
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 20)) == 0.0
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 2)) == 0.0
    assert limits.used(HOST, SPOT_WEIGHT) == 22


def test_what_comes_near_the_limit_waits_for_the_next_minute(limits: SharedLimits, clock: FakeClock) -> None:
    clock.now += 12.5
    limits.observe(HOST, SPOT_WEIGHT, used=5390)
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 10)) == 0.0
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 1)) == 47.5
    clock.now += 47.5
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 1)) == 0.0
    assert limits.used(HOST, SPOT_WEIGHT) == 1


def test_a_request_larger_than_the_limit_is_sent_when_nothing_else_was(limits: SharedLimits) -> None:
    limits.learn(HOST, SPOT_WEIGHT, limit=10)
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 20)) == 0.0
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 1)) > 0


def test_a_limit_that_the_exchange_tells_replaces_the_default(limits: SharedLimits) -> None:
    limits.learn(HOST, SPOT_WEIGHT, limit=100)
    limits.observe(HOST, SPOT_WEIGHT, used=89)
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT, 2)) == 60.0


def test_an_older_answer_does_not_take_back_what_is_booked_since(limits: SharedLimits) -> None:
    limits.reserve(HOST, Cost(SPOT_WEIGHT, 50))
    limits.observe(HOST, SPOT_WEIGHT, used=10)
    assert limits.used(HOST, SPOT_WEIGHT) == 50


def test_quotas_and_hosts_are_counted_apart(limits: SharedLimits) -> None:
    limits.reserve(HOST, Cost(FUNDING_REQUESTS))
    assert limits.used(HOST, SPOT_WEIGHT) == 0
    assert limits.used("other:443", FUNDING_REQUESTS) == 0


def test_a_pause_holds_for_everybody_who_shares_the_folder(
    limits: SharedLimits, tmp_path: Path, clock: FakeClock
) -> None:
    limits.pause(HOST, seconds=90)
    limits.pause(HOST, seconds=5)
    assert SharedLimits(tmp_path, clock=clock).reserve(HOST, Cost(SPOT_WEIGHT)) == 90.0
    clock.now += 90
    assert limits.reserve(HOST, Cost(SPOT_WEIGHT)) == 0.0


def test_half_a_file_left_by_a_power_cut_is_an_empty_book(limits: SharedLimits, tmp_path: Path) -> None:
    limits.reserve(HOST, Cost(SPOT_WEIGHT, 50))
    book = next(tmp_path.glob("*.json"))
    book.write_bytes(book.read_bytes()[:-5])
    assert limits.used(HOST, SPOT_WEIGHT) == 0


def test_threads_lose_no_booking(limits: SharedLimits) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: limits.reserve(HOST, Cost(SPOT_WEIGHT)), range(200)))
    assert limits.used(HOST, SPOT_WEIGHT) == 200


def test_processes_lose_no_booking(limits: SharedLimits, tmp_path: Path, clock: FakeClock) -> None:
    code = (
        "import sys; from pathlib import Path; from crypto_assets.binance.rate_limit import *\n"
        f"limits = SharedLimits(Path(sys.argv[1]), clock=lambda: {clock.now})\n"
        f"for _ in range(100): limits.reserve({HOST!r}, Cost(SPOT_WEIGHT, 2))"
    )
    started = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(2)]
    assert [process.wait(timeout=60) for process in started] == [0, 0]
    assert limits.used(HOST, SPOT_WEIGHT) == 400
