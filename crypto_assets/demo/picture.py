"""A picture of one day: candles, volume, order book and perpetual, from what the lake holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import SILVER_KLINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEATURES = (
    "as_of",
    "bb_lower_20_15m",
    "bb_upper_20_15m",
    "imbalance_5level_mean_1m",
    "spread_bps",
    "premium_bps",
    "open_interest",
)
INCHES = (12, 9)
CANDLE_WIDTH = 11 / (24 * 60)  # in days, as matplotlib counts time: 11 of 15 minutes
RISE, FALL, LINE, SHADE = "#2f855a", "#c53030", "#2b6cb0", "#bee3f8"


def save_day_picture(lake: Lake, *, symbol: str, day: date, path: Path) -> Path | None:
    """Draw the day into a PNG at `path` and return it; None where the lake lacks its candles or features."""
    candles = lake.read(SILVER_KLINES["15m"], symbol, day)
    features = lake.read(GOLD_FEATURES, symbol, day, columns=FEATURES)
    if candles is None or features is None or not candles.num_rows or not features.num_rows:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import DateFormatter
    from matplotlib.figure import Figure

    figure = Figure(figsize=INCHES, layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[4, 1, 1.5, 1.5])
    axes[0].set_title(f"{symbol} {day}, simulated", loc="left", fontweight="bold")
    _draw_price(axes[0], candles, features)
    _draw_volume(axes[1], candles)
    _draw_pair(axes[2], features, left="imbalance_5level_mean_1m", right="spread_bps")
    _draw_pair(axes[3], features, left="premium_bps", right="open_interest")
    axes[-1].xaxis.set_major_formatter(DateFormatter("%H:%M"))
    axes[-1].set_xlabel("UTC")
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
    return path


def _draw_price(axes: Axes, candles: pa.Table, features: pa.Table) -> None:
    times = _middles(candles)
    opens, highs, lows, closes = (_numbers(candles, name) for name in ("open", "high", "low", "close"))
    colours = np.where(closes >= opens, RISE, FALL).tolist()
    axes.fill_between(
        _moments(features["as_of"]),
        _numbers(features, "bb_lower_20_15m"),
        _numbers(features, "bb_upper_20_15m"),
        color=SHADE,
        alpha=0.5,
        linewidth=0,
        label="Bollinger bands 20, 15m, as known at each minute",
    )
    axes.vlines(times, lows, highs, colors=colours, linewidth=1)
    axes.bar(times, np.abs(closes - opens), width=CANDLE_WIDTH, bottom=np.minimum(opens, closes), color=colours)
    axes.set_ylabel("price")
    axes.legend(loc="upper left", frameon=False)


def _draw_volume(axes: Axes, candles: pa.Table) -> None:
    axes.bar(_middles(candles), _numbers(candles, "volume"), width=CANDLE_WIDTH, color=LINE)
    axes.set_ylabel("volume")


def _draw_pair(axes: Axes, features: pa.Table, *, left: str, right: str) -> None:
    """Two features with a scale each; the name is in the colour of its line."""
    for target, name, colour in ((axes, left, LINE), (axes.twinx(), right, FALL)):
        target.plot(_moments(features["as_of"]), _numbers(features, name), color=colour, linewidth=0.8)
        target.set_ylabel(name, color=colour, fontsize="small")


def _middles(candles: pa.Table) -> np.ndarray:
    return _moments(candles["open_time"]) + np.timedelta64(7 * 60 + 30, "s")


def _moments(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.timestamp("us")).to_numpy()


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return table[name].cast(pa.float64()).to_numpy()
