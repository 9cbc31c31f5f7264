"""What a person wants to know of a day of shared aggregates: pictures of its prices, and how many windows there are."""

from __future__ import annotations

from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.assets.each_partition import published_metadata
from crypto_assets.lake.lake import Published
from crypto_assets.pictures.candles import candle_picture
from crypto_assets.schemas import TIMESTAMP
from crypto_assets.share.tables import WINDOWS
from crypto_assets.spans import day_span

DRAWN = 6
"""Symbols with a picture, some kilobytes each, which Dagster stores with the event; those that traded most."""
PICTURED = "5m"


def describe_windows(windows: pa.Table, published: Published, *, day: date, made_from: str) -> dict[str, Any]:
    """Metadata of a day of PRICE_AGGREGATES: pictures first, then where it lies, then counts."""
    pictures = _pictures(windows, day=day)
    return {
        **({"candles": dg.MetadataValue.md(pictures)} if pictures else {}),
        **published_metadata(published),
        "made_from": made_from,
        "symbols": len(windows["symbol"].unique()),
        **{f"windows_{name}": windows["timeframe"].to_pylist().count(name) for name in WINDOWS},
    }


def _pictures(windows: pa.Table, *, day: date) -> str:
    drawn = windows.filter(pc.field("timeframe") == PICTURED)
    traded = drawn.group_by("symbol").aggregate([("quote_volume", "sum")])
    most = traded.sort_by([("quote_volume_sum", "descending")])["symbol"].to_pylist()[:DRAWN]
    return "\n\n".join(filter(None, (_picture(drawn, symbol, day=day) for symbol in sorted(most))))


def _picture(drawn: pa.Table, symbol: str, *, day: date) -> str | None:
    rows = drawn.filter(pc.field("symbol") == symbol).sort_by("window_start")
    klines = rows.append_column("open_time", rows["window_start"].cast(TIMESTAMP))
    picture = candle_picture(klines, day=day_span(day))
    return f"**{symbol}**\n\n{picture}" if picture else None
