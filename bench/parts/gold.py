"""A day of features beside bare pandas-ta: the calls that its features have there, joined to the minutes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from bench.measuring import Rounds, Taken, take_turns
from bench.workspace import SYMBOL
from crypto_assets.features.compute import compute_features
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import LEAD_IN_DAYS, FeatureInputs
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, TIMEFRAMES


def measure(lake: Lake, *, day: date, folder: Path, rounds: int) -> Taken:
    """Candle features against the same from pandas-ta, then the whole day, from files to a file, against that."""
    inputs = read_inputs(lake, day=day)
    candles_only = FeatureInputs(klines=inputs.klines)
    frames = {timeframe: frame_of(table) for timeframe, table in inputs.klines.items()}
    ours, joined, calls = take_turns(
        lambda: compute_features(candles_only, day=day),
        lambda: bare_features(frames),
        lambda: [pandas_ta_calls(frame) for frame in frames.values()],
        rounds=rounds,
    )
    yield "features.gold_candles", Rounds(ours.ms, joined.ms)
    yield "features.gold_calls", Rounds(ours.ms, calls.ms)
    ours, bare = take_turns(
        whole_day(lake, day=day), lambda: bare_day(lake, day=day, target=folder / "bare.parquet"), rounds=rounds
    )
    yield "features.gold_day", Rounds(ours.ms, bare.ms)
    yield "features.gold_time", Rounds(ours.ms)


def read_inputs(lake: Lake, *, day: date) -> FeatureInputs:
    """The day and what its windows look back on."""
    days = _days(day)
    return FeatureInputs(
        klines={tf: lake.read_days(dataset, SYMBOL, days) for tf, dataset in SILVER_KLINES.items()},
        orderbook=lake.read_days(SILVER_ORDERBOOK, SYMBOL, days[-2:]),
        perpetual=lake.read_days(SILVER_PERPETUAL, SYMBOL, days[-2:]),
    )


def whole_day(lake: Lake, *, day: date) -> Callable[[], object]:
    """Reads silver, computes, and publishes a file that differs from the last, as a new day's would."""
    rounds = count()

    def run() -> None:
        table = compute_features(read_inputs(lake, day=day), day=day)
        lake.publish(GOLD_FEATURES, SYMBOL, day, table, footer={"round": str(next(rounds))})

    return run


def bare_day(lake: Lake, *, day: date, target: Path) -> None:
    """What one would write without this project: read the candles, call, join, write. No book, no perpetual."""
    frames = {
        timeframe: pd.concat(
            [pd.read_parquet(_file(lake, timeframe, day=each), columns=list(COLUMNS)) for each in _days(day)]
        ).set_index("open_time")
        for timeframe in TIMEFRAMES
    }
    bare_features({timeframe: frame.astype(float) for timeframe, frame in frames.items()}).to_parquet(target)


COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


def frame_of(klines: pa.Table) -> pd.DataFrame:
    """Candles as pandas-ta takes them."""
    return klines.select(list(COLUMNS)).to_pandas().set_index("open_time").astype(float)


def bare_features(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Of each timeframe every indicator of ours that pandas-ta has, joined to the minutes by close time."""
    joined = bare_indicators(frames["1m"], closes_after=TIMEFRAMES["1m"])
    for timeframe in ("5m", "15m"):
        other = bare_indicators(frames[timeframe], closes_after=TIMEFRAMES[timeframe]).add_suffix(f"_{timeframe}")
        joined = pd.merge_asof(joined, other, left_index=True, right_index=True)
    return joined


def bare_indicators(frame: pd.DataFrame, *, closes_after: timedelta) -> pd.DataFrame:
    """The pandas-ta calls, as columns by the time when the candle had closed."""
    indicators = pd.concat(pandas_ta_calls(frame), axis=1)
    indicators.index = indicators.index + closes_after
    return indicators


def pandas_ta_calls(frame: pd.DataFrame) -> list[Any]:
    """Every indicator of ours that pandas-ta has."""
    ta: Any = import_module("pandas_ta")
    opens, high, low, close, volume = (frame[name] for name in COLUMNS[1:])
    return [
        ta.rsi(close, length=14, talib=True),
        ta.macd(close, fast=12, slow=26, signal=9, talib=True),
        ta.bbands(close, length=20, lower_std=2.0, upper_std=2.0, ddof=0, talib=True),
        ta.atr(high, low, close, length=14, talib=True),
        ta.vwma(close, volume, length=20),
        ta.sma(volume, length=20, talib=True),
        *(ta.roc(close, length=length, talib=True) for length in (1, 3, 5, 10)),
        ta.donchian(high, low, lower_length=20, upper_length=20),
        ta.cdl_pattern(opens, high, low, close, name=["doji", "engulfing"]),
    ]


def _days(day: date) -> list[date]:
    return [day - timedelta(days=n) for n in range(LEAD_IN_DAYS, -1, -1)]


def _file(lake: Lake, timeframe: str, *, day: date) -> str:
    return lake.uri_of(SILVER_KLINES[timeframe], SYMBOL, day).removeprefix("file://")
