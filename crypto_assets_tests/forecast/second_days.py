"""Candles of a second that are made up, as the lake keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

from crypto_assets.forecast.table import FloatArray
from crypto_assets.schemas import AMOUNT, KLINES_1S, TIMESTAMP
from crypto_assets.spans import to_us

START = datetime(2024, 8, 1, tzinfo=UTC)


def candle(second: int, close: str, volume: str = "2", *, bought: str = "0.5", flags: int = 0) -> dict[str, object]:
    """A candle so many seconds after START, whose high is 1 above its close and whose low 1 below."""
    traded = Decimal(volume) > 0
    around = Decimal(1 if traded else 0)
    opened = to_us(START) + second * 1_000_000
    return {
        "open_time": opened,
        "open": Decimal(close),
        "high": Decimal(close) + around,
        "low": Decimal(close) - around,
        "close": Decimal(close),
        "volume": Decimal(volume),
        "close_time": opened + 999_999,
        "quote_volume": Decimal(volume),
        "count": 3 if traded else 0,
        "taker_buy_volume": Decimal(bought) if traded else Decimal(0),
        "taker_buy_quote_volume": Decimal(0),
        "flags": flags,
    }


def seconds_of(candles: Sequence[Mapping[str, object]]) -> pa.Table:
    """KLINES_1S of these candles."""
    return pa.table(
        [pa.array([c[field.name] for c in candles]).cast(field.type) for field in KLINES_1S.schema], KLINES_1S.schema
    )


def walk_of_seconds(rows: int, *, seed: int, start: datetime = START) -> pa.Table:
    """A walk in cents, traded in two seconds of three."""
    rng = np.random.default_rng(seed)
    traded = rng.random(rows) < 2 / 3
    moves = np.where(traded, rng.integers(-50, 51, rows), 0)
    close = 6_000_000 + np.cumsum(moves)
    volume = np.where(traded, rng.integers(1, 1_000, rows), 0)
    opened = to_us(start) + np.arange(rows, dtype=np.int64) * 1_000_000
    high = np.maximum(close, close - moves)
    return pa.table(
        {
            "open_time": pa.array(opened, TIMESTAMP),
            "open": _cents(close - moves),
            "high": _cents(high),
            "low": _cents(high - np.abs(moves)),
            "close": _cents(close),
            "volume": _cents(volume),
            "close_time": pa.array(opened + 999_999, TIMESTAMP),
            "quote_volume": _cents(volume),
            "count": pa.array(np.where(traded, 1 + volume // 100, 0)),
            "taker_buy_volume": _cents(volume // 2),
            "taker_buy_quote_volume": _cents(volume // 2),
            "flags": pa.array(np.where(traded, 0, 1024), pa.int32()),
        },
        KLINES_1S.schema,
    )


def _cents(values: FloatArray) -> pa.Array:
    return pa.array(np.round(values / 100, 2)).cast(pa.decimal128(28, 2), safe=False).cast(AMOUNT)
