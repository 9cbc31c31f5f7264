"""Days of several symbols side by side: each as a candle that lies, in percent of its open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import ImageDraw

from crypto_assets.pictures import png

HEIGHT = 16
LEAST_PERCENT = 0.01
"""Edge of the picture where nothing moved further."""


@dataclass(frozen=True, slots=True)
class DayRange:
    """Prices of a symbol's day, in one unit; above zero."""

    open: float
    close: float
    low: float
    high: float


def day_ranges_picture(days: Mapping[str, DayRange]) -> str:
    """Markdown of a table with a strip for each symbol: line from lowest to highest, body from open to close.

    The middle of a strip is the symbol's open; all have one scale, whose edge is the widest move of all.
    """
    edge = max([LEAST_PERCENT, *(abs(_percent(price, d)) for d in days.values() for price in (d.low, d.high))])
    lines = [f"| symbol | {-edge:.2f} % … open … +{edge:.2f} % | close |", "|---|---|---|"]
    for symbol, day in days.items():
        lines.append(f"| {symbol} | {_strip(day, edge=edge)} | {_percent(day.close, day):+.2f} % |")
    return "\n".join(lines)


def _strip(day: DayRange, *, edge: float) -> str:
    def x(price: float) -> int:
        return round((1 + _percent(price, day) / edge) / 2 * (png.STRIP_WIDTH - 1))

    image = png.blank(HEIGHT, width=png.STRIP_WIDTH)
    draw = ImageDraw.Draw(image)
    colour = png.PRESENT if day.close >= day.open else png.DOWN
    draw.line((x(day.open), 0, x(day.open), HEIGHT - 1), fill=png.LIGHT)
    draw.line((x(day.low), HEIGHT // 2, x(day.high), HEIGHT // 2), fill=colour)
    body = sorted((x(day.open), x(day.close)))
    draw.rectangle((body[0], 3, body[1], HEIGHT - 4), fill=colour)
    return png.as_markdown(image, alt=f"from {day.low:,.8g} to {day.high:,.8g}")


def _percent(price: float, day: DayRange) -> float:
    return 100 * (price / day.open - 1)
