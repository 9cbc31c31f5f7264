"""Gaps over time: a row for each stream that has one, coloured by what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from PIL import ImageDraw, ImageFont

from crypto_assets.pictures import png
from crypto_assets.spans import Span, to_us
from crypto_assets.stream.gaps import Gap, State

ROW_HEIGHT, BAR_HEIGHT = 16, 12
LABEL_WIDTH = 200
TICKS = 8
MOST_ROWS = 24

COLOURS: dict[State, int] = {
    "halted": png.HALT,
    "repaired": png.PRESENT,
    "unrecoverable": png.UNUSABLE,
    "open": png.MISSING,
}
"""The best first: where several gaps share a pixel, the worst is seen."""


def gaps_picture(gaps: Sequence[Gap], *, now: datetime) -> str | None:
    """Markdown of the gaps of the last week, or since the first one where that is later; None where there are none.

    Rows are streams (dataset, symbol, timeframe) by name. A gap is at least a pixel wide.
    """
    week = now - timedelta(days=7)
    recent = [gap for gap in gaps if gap.end > week]
    if not recent:
        return None
    span = Span(max(week, min(gap.start for gap in recent)), max(now, *(gap.end for gap in recent)))
    rows = sorted({_row(gap) for gap in recent})[:MOST_ROWS]
    image = png.blank(ROW_HEIGHT * len(rows))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=11)
    draw.fontmode = "1"  # a palette has no shades between text and background
    for number in range(TICKS + 1):
        x = LABEL_WIDTH + number * (png.WIDTH - 1 - LABEL_WIDTH) // TICKS
        draw.line((x, 0, x, image.height - 1), fill=png.LIGHT)
    for number, label in enumerate(rows):
        draw.text((0, number * ROW_HEIGHT + 1), label, fill=png.HALT, font=font)
    for gap in sorted(recent, key=lambda gap: list(COLOURS).index(gap.state)):
        if (label := _row(gap)) in rows:
            top = rows.index(label) * ROW_HEIGHT + 2
            left, right = _x(gap.start, span), _x(gap.end, span)
            draw.rectangle((left, top, max(left, right), top + BAR_HEIGHT - 1), fill=COLOURS[gap.state])
    return png.as_markdown(image, alt=f"gaps {span} UTC: red open, violet unrecoverable, teal repaired, grey halted")


def _row(gap: Gap) -> str:
    return f"{gap.dataset} {gap.symbol}" + (f" {gap.timeframe}" if gap.timeframe else "")


def _x(moment: datetime, span: Span) -> int:
    """Column of pixels of a moment."""
    share = (to_us(moment) - to_us(span.start)) / (to_us(span.end) - to_us(span.start))
    return LABEL_WIDTH + round(min(1.0, max(0.0, share)) * (png.WIDTH - 1 - LABEL_WIDTH))
