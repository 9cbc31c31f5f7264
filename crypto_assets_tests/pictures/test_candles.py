from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from crypto_assets.pictures import png
from crypto_assets.pictures.candles import PRICE_HEIGHT, candle_picture
from crypto_assets.schemas import TIMESTAMP
from crypto_assets.spans import day_span, to_us
from crypto_assets_tests.pictures.reading import colours, read_picture

DAY = day_span(date(2024, 8, 5))


def klines(close: np.ndarray) -> pa.Table:
    opened = to_us(DAY.start) + 60_000_000 * np.arange(close.size)
    before = np.append(close[:1], close[:-1])
    return pa.table(
        {
            "open_time": pa.array(opened, TIMESTAMP),
            "open": before,
            "high": np.maximum(close, before),
            "low": np.minimum(close, before),
            "close": close,
            "volume": np.ones(close.size),
        }
    )


def drawn(table: pa.Table):
    markdown = candle_picture(table, day=DAY)
    assert markdown is not None
    return read_picture(markdown)


def test_no_candles_no_picture() -> None:
    assert candle_picture(klines(np.empty(0)), day=DAY) is None


def test_a_rising_day_goes_from_the_lower_left_to_the_upper_right() -> None:
    image = drawn(klines(np.linspace(100, 200, 1440)))
    bottom_left = image.crop((0, PRICE_HEIGHT - 10, 40, PRICE_HEIGHT))
    top_right = image.crop((png.WIDTH - 40, 0, png.WIDTH, 10))
    assert png.PALETTE[png.PRESENT] in colours(bottom_left)
    assert png.PALETTE[png.PRESENT] in colours(top_right)
    assert png.PALETTE[png.DOWN] not in colours(image)


def test_a_falling_day_has_the_other_colour() -> None:
    image = drawn(klines(np.linspace(200, 100, 1440)))
    assert png.PALETTE[png.PRESENT] not in colours(image)
    assert png.PALETTE[png.DOWN] in colours(image)


def test_half_a_day_leaves_the_other_half_empty() -> None:
    image = drawn(klines(np.linspace(100, 200, 720)))
    assert set(colours(image.crop((png.WIDTH // 2 + 1, 0, png.WIDTH, image.height)))) == {png.PALETTE[png.BACKGROUND]}


def test_a_market_that_stands_still_is_drawn() -> None:
    assert png.PALETTE[png.PRESENT] in colours(drawn(klines(np.full(1440, 100.0))))


def test_the_picture_says_the_prices_it_spans() -> None:
    markdown = candle_picture(klines(np.linspace(100, 200, 1440)), day=DAY)
    assert str(markdown).startswith("![price 100 to 200, and volume](data:image/png;base64,")
