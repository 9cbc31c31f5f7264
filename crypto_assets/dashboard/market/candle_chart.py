"""Candles and their volume, drawn again and again without flicker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Any

import altair as alt
import pyarrow as pa

from crypto_assets.dashboard import words
from crypto_assets.dashboard.charts import DIRECTION, STILL, draw, finished, moments_ms, spec_of, time_axis
from crypto_assets.dashboard.market.messages import Candle

WIDTH = timedelta(seconds=44)
"""Of a candle's body, centred on its minute."""
ROOM = 0.09
"""Share of the time shown that is left free behind the last candle, for its price."""
LABELS = 64
"""Pixels of the labels of both charts, so that their times lie above each other."""


def draw_candles(candles: Sequence[Candle], *, symbol: str, base: str, quote: str) -> None:
    """Candles of one minute, ascending, and below them their volume; at least one."""
    rows = _rows(candles)
    last = candles[-1]
    shown = last.open_time - candles[0].open_time + 2 * WIDTH
    price = pa.table(
        {
            "edge": moments_ms([last.open_time + shown * ROOM]),
            "close": [last.close],
            "label": [words.price(last.close)],
            "is_up": [last.close >= last.open],
        }
    )
    said = f"{len(candles)} candles of {symbol}, the last at {words.price(last.close, quote)}"
    draw(_prices(symbol, quote), key="candles", alt_text=said, candles=rows, last=price)
    draw(_volumes(base), key="volumes", alt_text=f"volume of each of them in {base}", candles=rows, last=price)


def _rows(candles: Sequence[Candle]) -> pa.Table:
    opens = [one.open_time for one in candles]
    middle = timedelta(seconds=30)
    return pa.table(
        {
            "middle": moments_ms(moment + middle for moment in opens),
            "left": moments_ms(moment + middle - WIDTH / 2 for moment in opens),
            "right": moments_ms(moment + middle + WIDTH / 2 for moment in opens),
            "when": [f"{moment:%Y-%m-%d %H:%M} UTC" for moment in opens],
            "open": [one.open for one in candles],
            "high": [one.high for one in candles],
            "low": [one.low for one in candles],
            "close": [one.close for one in candles],
            "volume": [one.volume for one in candles],
            "none": [0.0] * len(candles),
            "is_up": [one.close >= one.open for one in candles],
        }
    )


def _colour() -> alt.Color:
    return alt.Color("is_up:N", scale=DIRECTION, legend=None)


@cache
def _prices(symbol: str, quote: str) -> Mapping[str, Any]:
    rows = alt.NamedData("candles")
    axis = alt.Axis(format=",~f", minExtent=LABELS, maxExtent=LABELS)
    scale = alt.Scale(zero=False, nice=False, padding=12)
    tooltip = [
        alt.Tooltip("when:N", title="minute"),
        *(alt.Tooltip(f"{name}:Q", title=f"{name}, {quote}", format=",") for name in ("open", "high", "low", "close")),
        alt.Tooltip("volume:Q", title="volume", format=",.4~f"),
    ]
    wick = (
        alt.Chart(rows)
        .mark_rule()
        .encode(
            x=time_axis("middle"),
            y=alt.Y("low:Q", title=f"price, {quote}", scale=scale, axis=axis),
            y2="high:Q",
            color=_colour(),
            tooltip=tooltip,
        )
    )
    body = (
        alt.Chart(rows)
        .mark_bar(minBandSize=1)
        .encode(x=time_axis("left"), x2="right:Q", y="open:Q", y2="close:Q", color=_colour(), tooltip=tooltip)
    )
    newest = alt.NamedData("last")
    line = alt.Chart(newest).mark_rule(strokeDash=[4, 3], color=STILL).encode(y="close:Q")
    label = (
        alt.Chart(newest)
        .mark_text(align="right", dx=-4, dy=-8, fontSize=12, fontWeight="bold")
        .encode(x=time_axis("edge"), y="close:Q", text="label:N", color=_colour())
    )
    return spec_of(finished(wick + body + line + label, title=f"{symbol}, candles of one minute", height=330))


@cache
def _volumes(base: str) -> Mapping[str, Any]:
    axis = alt.Axis(format="~s", tickCount=2, minExtent=LABELS, maxExtent=LABELS)
    rows = alt.NamedData("candles")
    bars = (
        alt.Chart(rows)
        .mark_rect(opacity=0.7)
        .encode(
            x=time_axis("left", title=""),
            x2="right:Q",
            y=alt.Y("none:Q", title=base, axis=axis),
            y2="volume:Q",
            color=_colour(),
            tooltip=[alt.Tooltip("when:N", title="minute"), alt.Tooltip("volume:Q", title=f"volume, {base}")],
        )
    )
    edge = alt.Chart(alt.NamedData("last")).mark_rule(opacity=0).encode(x=time_axis("edge", title=""))
    return spec_of(finished(bars + edge, title=f"Volume, {base} a minute; time, UTC", height=130))
