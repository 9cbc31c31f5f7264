from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from crypto_assets.forecast.predictions import Outcome
from crypto_assets.pictures import png
from crypto_assets.pictures.predictions import MARGIN, RETURN_HEIGHT, prediction_picture, rolling_skill
from crypto_assets.spans import day_span, to_us
from crypto_assets_tests.pictures.reading import colours, read_picture

DAY = day_span(date(2024, 8, 5))
MINUTE_US = 60_000_000
CAME = np.random.default_rng(3).normal(0, 1e-4, 1440)


def outcome(foretold: np.ndarray, came: np.ndarray = CAME) -> Outcome:
    """Forecasts of one minute, from the first candle of the day on."""
    as_of = to_us(DAY.start) + MINUTE_US * np.arange(1, foretold.size + 1)
    half_width = np.full(foretold.size, 1.3e-4)
    inside = np.abs(came - foretold) <= half_width
    return Outcome(60, as_of, foretold, came, half_width, inside)


def drawn(one: Outcome):
    markdown = prediction_picture(one, day=DAY)
    assert markdown is not None
    assert len(markdown) < 50_000
    return read_picture(markdown)


def lower(one: Outcome) -> set[tuple[int, ...]]:
    image = drawn(one)
    return set(colours(image.crop((0, RETURN_HEIGHT + MARGIN, image.width, image.height))))


def test_without_an_outcome_there_is_no_picture() -> None:
    assert prediction_picture(outcome(CAME[:0], CAME[:0]), day=DAY) is None


def test_a_good_day_is_above_zero_and_has_no_wrong_colour() -> None:
    good = outcome(0.5 * CAME)
    assert png.PALETTE[png.DOWN] not in colours(drawn(good))
    assert png.PALETTE[png.PRESENT] in lower(good)


def test_a_day_of_wrong_signs_is_below_zero() -> None:
    assert png.PALETTE[png.PRESENT] not in colours(drawn(outcome(-0.5 * CAME)))
    assert png.PALETTE[png.DOWN] in lower(outcome(-0.5 * CAME))


def test_half_a_day_leaves_the_other_half_empty() -> None:
    image = drawn(outcome(0.5 * CAME[:720], CAME[:720]))
    right = image.crop((png.WIDTH // 2 + 1, 0, png.WIDTH, RETURN_HEIGHT))
    assert set(colours(right)) == {png.PALETTE[png.BACKGROUND]}


def test_a_market_that_stands_still_is_drawn_without_a_skill() -> None:
    still = outcome(np.full(100, 1e-5), np.zeros(100))
    assert lower(still) == {png.PALETTE[png.BACKGROUND], png.PALETTE[png.HALT]}


def test_the_picture_says_what_it_shows() -> None:
    assert str(prediction_picture(outcome(CAME), day=DAY)).startswith("![1m forecasts, their interval, what came, to ")


def test_the_skill_of_the_last_hour_looks_back_an_hour_and_no_further() -> None:
    foretold = 0.5 * CAME
    foretold[:100] = -CAME[:100]  # wrong for the first hundred minutes

    found = rolling_skill(outcome(foretold))

    assert found[99] == pytest.approx(-3.0)  # the error is twice what came: 1 - 4
    assert found[158] < 0.75  # the newest of the wrong ones is 59 minutes ago
    assert found[159] == pytest.approx(0.75)  # the error is half of what came: 1 - 1/4
