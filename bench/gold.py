"""A day of features beside the bare pandas-ta calls for its indicators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from importlib import import_module
from typing import Any

import pandas as pd
import pyarrow as pa

from bench.measuring import Line, side_by_side
from bench.workspace import SYMBOL
from crypto_assets.features.compute import compute_features
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS, FeatureInputs
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL

ROUNDS = 7


def measure(lake: Lake, *, day: date) -> list[Line]:
    """Calculation against calculation, then the whole day with reading and publishing."""
    inputs = read_inputs(lake, day=day)
    candles = [series_of(table) for table in inputs.klines.values()]
    calculation = side_by_side(
        lambda: compute_features(inputs, day=day), lambda: bare_indicators(candles), rounds=ROUNDS
    )
    whole = side_by_side(whole_day(lake, day=day), lambda: bare_indicators(candles), rounds=ROUNDS)
    return [
        calculation.line("gold day, calculation / bare pandas-ta", aim="at most 2"),
        whole.line("gold day, read, calculate, publish / bare pandas-ta", aim="at most 1 s"),
    ]


def read_inputs(lake: Lake, *, day: date) -> FeatureInputs:
    """The day and what its windows look back on."""
    days = [day - timedelta(days=n) for n in range(LEAD_IN_DAYS, -1, -1)]
    return FeatureInputs(
        klines={tf: lake.read_days(dataset, SYMBOL, days) for tf, dataset in SILVER_KLINES.items()},
        orderbook=lake.read_days(SILVER_ORDERBOOK, SYMBOL, days[-2:]),
        perpetual=lake.read_days(SILVER_PERPETUAL, SYMBOL, days[-2:]),
    )


def whole_day(lake: Lake, *, day: date) -> Callable[[], object]:
    """Reads silver, computes, and publishes a file that differs from the last, as a new day's would."""
    rounds = iter(range(1_000_000))

    def run() -> None:
        table = compute_features(read_inputs(lake, day=day), day=day)
        lake.publish(GOLD_FEATURES, SYMBOL, day, table, footer={"round": str(next(rounds))})

    return run


def series_of(klines: pa.Table) -> dict[str, pd.Series]:
    """Prices and volume as pandas-ta takes them."""
    return {name: klines[name].cast(pa.float64()).to_pandas() for name in ("high", "low", "close", "volume")}


def bare_indicators(candles: list[dict[str, pd.Series]]) -> None:
    """The indicators of the price, volume and momentum families, nothing else."""
    ta: Any = import_module("pandas_ta")
    for series in candles:
        high, low, close, volume = (series[name] for name in ("high", "low", "close", "volume"))
        ta.rsi(close, length=14, talib=True)
        ta.macd(close, fast=12, slow=26, signal=9, talib=True)
        ta.bbands(close, length=20, lower_std=2.0, upper_std=2.0, ddof=0, talib=True)
        ta.atr(high, low, close, length=14, talib=True)
        ta.vwma(close, volume, length=20)
        ta.sma(volume, length=20, talib=True)
        for length in (1, 3, 5, 10):
            ta.roc(close, length=length, talib=True)
