"""Noise that is continuous over midnight."""

from __future__ import annotations

from crypto_assets.simulator.market.exact import ONE
from crypto_assets.simulator.market.noise import Noise

NOISE = Noise(7, "A", 1, ((86_400, 0.5), (3_600, 0.2), (60, 0.1)))


def test_a_day_ends_where_the_next_one_begins() -> None:
    for day in range(20_000, 20_010):
        assert NOISE.over_day(day, step_s=60)[-1] == NOISE.over_day(day + 1, step_s=60)[0] == NOISE.at_midnight(day + 1)


def test_a_coarser_step_reads_the_same_noise() -> None:
    hourly = Noise(7, "A", 1, ((86_400, 0.5), (3_600, 0.2)))
    assert abs(hourly.over_day(20_000, step_s=10)[::360] - hourly.over_day(20_000, step_s=3_600)).max() <= 1


def test_neighbouring_values_are_near_each_other() -> None:
    values = NOISE.over_day(20_000, step_s=1)
    assert abs(values[1:] - values[:-1]).max() < ONE / 50
