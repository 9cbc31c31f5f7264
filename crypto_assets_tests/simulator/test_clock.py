"""What time it is for the simulated exchange."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.clock import Clock
from crypto_assets.spans import from_us, to_us

WALL = datetime(2026, 3, 1, 12, tzinfo=UTC)
START = WALL - timedelta(days=30)


def test_a_fast_clock_passes_ten_seconds_in_one() -> None:
    wall = [to_us(WALL)]
    clock = Clock.started_at(START, speed=10, wall_us=lambda: wall[0])
    assert from_us(clock.now_us()) == START
    wall[0] += 60_000_000
    assert from_us(clock.now_us()) == START + timedelta(minutes=10)
    assert clock.speed == 10


def test_a_clock_that_is_started_again_goes_on_where_it_would_be() -> None:
    wall = [to_us(WALL)]
    first = Clock.started_at(START, speed=7.5, wall_us=lambda: wall[0])
    wall[0] += 3_600_000_000
    again = Clock.started_at(START, since=WALL, speed=7.5, wall_us=lambda: wall[0])
    assert again.now_us() == first.now_us()


@given(
    speed=st.floats(0.1, 10_000), behind_s=st.integers(-100, 10**6), steps=st.lists(st.integers(0, 10**12), max_size=9)
)
def test_no_clock_runs_backwards_or_ahead_of_the_machine(speed: float, behind_s: int, steps: list[int]) -> None:
    wall = [to_us(WALL)]
    clock = Clock.started_at(WALL - timedelta(seconds=behind_s), speed=speed, wall_us=lambda: wall[0])
    shown = clock.now_us()
    for step in steps:
        wall[0] += step
        assert shown <= clock.now_us() <= wall[0]
        shown = clock.now_us()


@pytest.mark.parametrize("clock", [Clock.frozen_at(START)])
def test_a_frozen_clock_stands_still(clock: Clock) -> None:
    assert (from_us(clock.now_us()), clock.speed) == (START, 0.0)
