"""A day as candles of a quarter of an hour over their volume."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import ImageDraw

from crypto_assets.pictures import png
from crypto_assets.spans import Span, times_us, to_us

CANDLES = 96
PRICE_HEIGHT, VOLUME_HEIGHT, MARGIN = 150, 40, 4


def candle_picture(klines: pa.Table, *, day: Span) -> str | None:
    """Markdown of the day's candles; None where there are none. `klines` are usable ones, ascending."""
    if klines.num_rows == 0:
        return None
    width_us = (to_us(day.end) - to_us(day.start)) // CANDLES
    slot = (times_us(klines["open_time"]) - to_us(day.start)) // width_us
    places, starts = np.unique(slot, return_index=True)
    opens, highs, lows, closes, volumes = (
        pc.cast(klines[name], pa.float64()).to_numpy() for name in ("open", "high", "low", "close", "volume")
    )
    ends = np.append(starts[1:], slot.size) - 1
    high, low = np.maximum.reduceat(highs, starts), np.minimum.reduceat(lows, starts)
    volume = np.add.reduceat(volumes, starts)

    image = png.blank(PRICE_HEIGHT + VOLUME_HEIGHT + MARGIN)
    draw = ImageDraw.Draw(image)
    to_y = partial(png.to_rows, low=low.min(), high=high.max(), top=0, bottom=PRICE_HEIGHT - 1)
    bars = png.to_rows(volume, low=0.0, high=volume.max(), top=PRICE_HEIGHT + MARGIN, bottom=image.height - 1)
    columns = zip(places, opens[starts], closes[ends], to_y(high), to_y(low), bars, strict=True)
    for place, first, last, top, bottom, bar in columns:
        left = round(place * png.WIDTH / CANDLES) + 1
        right, middle = left + 5, left + 2
        colour = png.PRESENT if last >= first else png.DOWN
        body = to_y([max(first, last), min(first, last)])
        draw.line((middle, top, middle, bottom), fill=colour)
        draw.rectangle((left, body[0], right, body[1]), fill=colour)
        draw.rectangle((left, bar, right, image.height - 1), fill=png.HALT)
    return png.as_markdown(image, alt=f"price {low.min():,.8g} to {high.max():,.8g}, and volume")
