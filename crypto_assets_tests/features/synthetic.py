"""Silver tables of a made-up market, for tests of features: every number follows from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.schemas import BOOK_LEVELS, SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, TIMEFRAMES
from crypto_assets.spans import MICROSECOND, to_us

DAY = date(2024, 8, 5)
MINUTE = 60_000_000
DAY_US = 1440 * MINUTE


def midnight_us(day: date = DAY, *, days: int = 0) -> int:
    """Microseconds of 00:00 UTC, so many days after the day."""
    return to_us(datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=days))


def klines(timeframe: str, columns: Mapping[str, Sequence[float] | np.ndarray]) -> pa.Table:
    """A silver table from arrays; `open_us` and `close` are needed, everything else has a plain default."""
    open_us = np.asarray(columns["open_us"], dtype=np.int64)
    close = np.asarray(columns["close"], dtype=float)
    volume = np.asarray(columns.get("volume", np.ones(close.size)), dtype=float)
    given = {
        "open_time": open_us,
        "open": columns.get("open", close),
        "high": columns.get("high", close),
        "low": columns.get("low", close),
        "close": close,
        "volume": volume,
        "close_time": open_us + TIMEFRAMES[timeframe] // MICROSECOND - 1,
        "quote_volume": columns.get("quote_volume", volume * close),
        "count": np.asarray(columns.get("count", (volume > 0) * 10), dtype=np.int64),
        "taker_buy_volume": columns.get("taker_buy_volume", volume / 2),
        "taker_buy_quote_volume": columns.get("taker_buy_quote_volume", volume * close / 2),
        "flags": np.asarray(columns.get("flags", np.zeros(close.size)), dtype=np.int32),
        "source": ["archive"] * close.size,
    }
    schema = SILVER_KLINES[timeframe].payload
    return pa.table([_cast(given[field.name], field.type) for field in schema], schema=schema)


def aggregate(table: pa.Table, timeframe: str) -> pa.Table:
    """Candles of a longer timeframe from the 1m candles that exist."""
    length = TIMEFRAMES[timeframe] // MICROSECOND
    slot = np.asarray(table["open_time"].cast(pa.int64())) // length * length
    _, first = np.unique(slot, return_index=True)
    numbers = {
        name: pc.cast(table[name], pa.float64()).to_numpy()
        for name in ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume")
    }
    last = np.append(first[1:], slot.size) - 1 if slot.size else first
    sums = {
        name: np.add.reduceat(numbers[name], first) if first.size else np.zeros(0)
        for name in ("volume", "quote_volume", "taker_buy_volume")
    }
    return klines(
        timeframe,
        {
            "open_us": slot[first],
            "open": numbers["open"][first],
            "high": np.maximum.reduceat(numbers["high"], first) if first.size else np.zeros(0),
            "low": np.minimum.reduceat(numbers["low"], first) if first.size else np.zeros(0),
            "close": numbers["close"][last],
            **sums,
        },
    )


def walk(
    *, seed: int, start_us: int, minutes: int, tick: float = 0.01, price: float = 60_000.0, quiet: float = 0.05
) -> pa.Table:
    """1m candles of a random walk in ticks; a part `quiet` of the candles has no trades."""
    rng = np.random.default_rng(seed)
    silent = rng.random(minutes) < quiet
    returns = np.where(silent, 0.0, rng.standard_t(4, minutes) * 5e-4)
    close = np.maximum(np.round(price * np.exp(np.cumsum(returns)) / tick), 1) * tick
    open_ = np.append(price, close[:-1])
    reach = np.where(silent[:, None], 0.0, rng.exponential(2e-4, (minutes, 2)))
    volume = np.where(silent, 0.0, np.round(rng.gamma(1.0, 5.0, minutes), 5))
    high = np.maximum(np.maximum(open_, close), np.round(np.maximum(open_, close) * (1 + reach[:, 0]) / tick) * tick)
    low = np.minimum(np.minimum(open_, close), np.round(np.minimum(open_, close) * (1 - reach[:, 1]) / tick) * tick)
    return klines(
        "1m",
        {
            "open_us": start_us + MINUTE * np.arange(minutes),
            "open": np.where(silent, close, open_),
            "high": np.where(silent, close, high),
            "low": np.where(silent, close, np.maximum(low, tick)),
            "close": close,
            "volume": volume,
            "quote_volume": volume * (open_ + close) / 2,
            "taker_buy_volume": np.round(volume * rng.random(minutes), 8),
        },
    )


def orderbook(*, seed: int, start_us: int, end_us: int, pace_us: int = 10_000_000, price: float = 60_000.0) -> pa.Table:
    """States at a steady pace in (start_us, end_us]: ten levels a side around a wandering price."""
    rng = np.random.default_rng(seed)
    time_us = np.arange(start_us + pace_us, end_us + 1, pace_us)
    mid = price * np.exp(np.cumsum(rng.normal(0, 1e-5, time_us.size)))
    steps = np.cumsum(rng.uniform(0.01, 2.0, (2, time_us.size, BOOK_LEVELS)), axis=2)
    columns: dict[str, np.ndarray] = {"time": time_us, "last_update_id": np.arange(time_us.size)}
    for side, sign, step in (("bid", -1, steps[0]), ("ask", 1, steps[1])):
        for level in range(BOOK_LEVELS):
            columns[f"{side}_price_{level + 1}"] = mid + sign * step[:, level]
            columns[f"{side}_quantity_{level + 1}"] = rng.gamma(1.0, 2.0, time_us.size) + 1e-5
    columns["flags"] = np.zeros(time_us.size)
    return _table(columns, SILVER_ORDERBOOK.payload)


def perpetual(*, seed: int, start_us: int, minutes: int, price: float = 60_000.0) -> pa.Table:
    """Minutes of a perpetual: funding every 8 h, open interest every 5 min, liquidations now and then."""
    rng = np.random.default_rng(seed)
    open_us = start_us + MINUTE * np.arange(minutes)
    as_of = open_us + MINUTE
    eight_hours = 480 * MINUTE
    settled = as_of // eight_hours
    rates = rng.normal(0, 1e-4, 64)
    first = int(settled[0]) if minutes else 0
    interest = 80_000 * np.exp(np.cumsum(rng.normal(0, 1e-3, minutes // 5 + 2)))
    mark = price * np.exp(np.cumsum(rng.normal(0, 2e-4, minutes)))
    counts = rng.poisson(0.2, (2, minutes))
    columns: dict[str, np.ndarray] = {
        "open_time": open_us,
        "as_of": as_of,
        "funding_rate": rates[settled - first + 1],
        "funding_time": settled * eight_hours,
        "previous_funding_rate": rates[settled - first],
        "next_funding_time": (settled + 1) * eight_hours,
        "open_interest": interest[as_of // (5 * MINUTE) - (as_of[0] // (5 * MINUTE) if minutes else 0)],
        "open_interest_value": mark,
        "open_interest_time": as_of // (5 * MINUTE) * (5 * MINUTE),
        "mark_price": mark,
        "index_price": mark * (1 + rng.normal(0, 1e-4, minutes)),
        "liquidated_long_count": counts[0],
        "liquidated_short_count": counts[1],
        "liquidated_long_volume": counts[0] * 1500.0,
        "liquidated_short_volume": counts[1] * 900.0,
    }
    return _table(columns, SILVER_PERPETUAL.payload)


def inputs_of(klines_1m: pa.Table, *, book: pa.Table | None = None, perp: pa.Table | None = None) -> FeatureInputs:
    """Inputs with 5m and 15m aggregated from the 1m candles."""
    tables = {"1m": klines_1m, **{tf: aggregate(klines_1m, tf) for tf in ("5m", "15m")}}
    return FeatureInputs(klines=tables, orderbook=book, perpetual=perp)


def market(*, seed: int, days: int = 4, pace_us: int = 10_000_000) -> FeatureInputs:
    """Inputs of DAY with so many days before it, an order book and a perpetual."""
    start = midnight_us(days=-days)
    return inputs_of(
        walk(seed=seed, start_us=start, minutes=(days + 1) * 1440),
        book=orderbook(seed=seed, start_us=midnight_us() - 60 * MINUTE, end_us=midnight_us(days=1), pace_us=pace_us),
        perp=perpetual(seed=seed, start_us=midnight_us(days=-1), minutes=2880),
    )


def without_rows(table: pa.Table, rows: Sequence[int] | range) -> pa.Table:
    """The table without rows of these numbers."""
    keep = np.ones(table.num_rows, dtype=bool)
    keep[list(rows)] = False
    return table.filter(pa.array(keep))


def with_column(table: pa.Table, name: str, values: object) -> pa.Table:
    """The table with another content of one column."""
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(name), _cast(values, table.schema.field(name).type))


def _table(columns: Mapping[str, np.ndarray], schema: pa.Schema) -> pa.Table:
    return pa.table([_cast(columns[field.name], field.type) for field in schema], schema=schema)


def _cast(values: object, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(kind)
    if pa.types.is_decimal(kind):
        return pa.array(np.round(np.asarray(values, dtype=float), 8)).cast(kind)
    if pa.types.is_string(kind):
        return pa.array(values, kind)
    array = np.asarray(values)
    if pa.types.is_integer(kind):
        array = array.astype(np.int64)
    return pa.array(array).cast(kind)
