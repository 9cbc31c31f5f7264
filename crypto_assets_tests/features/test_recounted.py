"""Every row of a made-up day, with holes in it, counted again the slow way."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.features import swings
from crypto_assets.features.compute import compute_features
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.features.swings import find_swings
from crypto_assets.schemas import FLAGS
from crypto_assets_tests.features.synthetic import (
    DAY,
    MINUTE,
    inputs_of,
    market,
    midnight_us,
    with_column,
    without_rows,
)

LEAD_ROWS = 4 * 1440
SIDES = ("bid", "ask")


@pytest.fixture(scope="module")
def holed() -> FeatureInputs:
    """Missing and interpolated candles, and a book with holes, thin sides and states that cannot be."""
    whole = market(seed=12, pace_us=15_000_000)
    candles = whole.klines["1m"]
    flags = np.zeros(candles.num_rows, dtype=np.int64)
    flags[LEAD_ROWS + np.array([0, 30, 31, 500, 1439])] = FLAGS["filled"]
    candles = without_rows(
        with_column(candles, "flags", flags), [*range(LEAD_ROWS + 100, LEAD_ROWS + 130), LEAD_ROWS - 7]
    )
    book = whole.orderbook
    assert book is not None
    rows = np.arange(book.num_rows)
    book = with_column(book, "flags", np.where(rows % 11 == 0, FLAGS["crossed"], 0))
    for level in range(4, 11):
        thin = pa.array(rows % 7 == 0)
        for name in (f"bid_price_{level}", f"bid_quantity_{level}"):
            book = with_column(book, name, pc.if_else(thin, None, book[name].combine_chunks()))
    return inputs_of(candles, book=without_rows(book, range(1_000, 1_040)), perp=whole.perpetual)


@pytest.fixture(scope="module")
def rows(holed: FeatureInputs) -> pd.DataFrame:
    """Gold of that day by the minute of the day."""
    gold = compute_features(holed, day=DAY).to_pandas()
    gold.index = (gold["open_time"] - gold["open_time"].dt.normalize()) // pd.Timedelta(minutes=1)
    return gold


@pytest.fixture(scope="module")
def states(holed: FeatureInputs) -> pd.DataFrame:
    """States of the book that can be, with the minute in which each was known, 0 where a level is missing."""
    assert holed.orderbook is not None
    found = holed.orderbook.to_pandas()
    time_us = np.asarray(holed.orderbook["time"].cast(pa.int64()))
    found["minute"] = (time_us - midnight_us() - 1) // MINUTE
    return found[found["flags"] == 0].fillna(0.0)


def on(states: pd.DataFrame, side: str, what: str, levels: Iterable[int]) -> np.ndarray:
    """[state, level] of a side."""
    return states[[f"{side}_{what}_{level}" for level in levels]].to_numpy()


def imbalance_of(states: pd.DataFrame, levels: int) -> pd.Series:
    bid, ask = (on(states, side, "quantity", range(1, levels + 1)).sum(axis=1) for side in SIDES)
    return pd.Series((bid - ask) / (bid + ask), index=states["minute"])


def same(rows: pd.DataFrame, name: str, expected: pd.Series) -> None:
    expected = expected.reindex(rows.index)
    np.testing.assert_allclose(rows[name], expected, rtol=1e-9, atol=1e-12, err_msg=name)
    assert expected.notna().sum() > 1_000


def test_the_last_state_of_a_minute_gives_the_figures_of_its_row(rows: pd.DataFrame, states: pd.DataFrame) -> None:
    last = states.groupby("minute").tail(1)
    at = last["minute"]
    mid = (last["bid_price_1"] + last["ask_price_1"]) / 2
    bid, ask = (on(last, side, "quantity", range(1, 11)) for side in SIDES)
    for levels in (1, 3, 5, 10):
        same(rows, f"imbalance_{levels}level", imbalance_of(last, levels))
    expected = {
        "spread_bps": 1e4 * (last["ask_price_1"] - last["bid_price_1"]) / mid,
        "bid_depth_10level": bid.sum(axis=1),
        "ask_depth_10level": ask.sum(axis=1),
        "depth_ratio_10level": bid.sum(axis=1) / ask.sum(axis=1),
        "whale_bid_size": bid.max(axis=1),
        "whale_ask_size": ask.max(axis=1),
        "microprice_bps": 1e4
        * ((last["ask_price_1"] * bid[:, 0] + last["bid_price_1"] * ask[:, 0]) / (bid[:, 0] + ask[:, 0]) / mid - 1),
    }
    for side, sign in (("bid", 1), ("ask", -1)):
        price = np.take_along_axis(
            on(last, side, "price", range(1, 11)), {"bid": bid, "ask": ask}[side].argmax(axis=1)[:, None], axis=1
        )[:, 0]
        expected[f"whale_{side}_distance_bps"] = sign * 1e4 * (mid - price) / mid
    for name, values in expected.items():
        same(rows, name, pd.Series(np.asarray(values), index=at))


def test_averages_of_a_minute_are_those_of_its_states(rows: pd.DataFrame, states: pd.DataFrame) -> None:
    mid = (states["bid_price_1"] + states["ask_price_1"]) / 2
    spread = (1e4 * (states["ask_price_1"] - states["bid_price_1"]) / mid).groupby(states["minute"])
    imbalance = imbalance_of(states, 5).groupby(level=0)
    same(rows, "spread_bps_mean_1m", spread.mean())
    same(rows, "spread_bps_max_1m", spread.max())
    same(rows, "imbalance_5level_mean_1m", imbalance.mean())
    same(rows, "imbalance_5level_std_1m", imbalance.std(ddof=0))


@pytest.mark.parametrize(("levels", "minutes"), [(1, 1), (5, 1), (10, 1), (5, 5)])
def test_pressure_is_apart_by_minutes_of_the_clock(
    rows: pd.DataFrame, states: pd.DataFrame, levels: int, minutes: int
) -> None:
    imbalance = imbalance_of(states.groupby("minute").tail(1), levels)
    every = imbalance.reindex(range(-60, 1440))
    same(rows, f"pressure_{levels}level_{minutes}m", every - every.shift(minutes))


def test_gap_minutes_are_those_of_the_last_hour_without_a_real_candle(rows: pd.DataFrame, holed: FeatureInputs) -> None:
    candles = holed.klines["1m"]
    minute = (np.asarray(candles["open_time"].cast(pa.int64())) - midnight_us()) // MINUTE
    real = set(minute[np.asarray(candles["flags"]) == 0].tolist())
    expected = [sum(m not in real for m in range(row - 59, row + 1)) for row in rows.index]
    assert rows["gap_minutes_60"].tolist() == expected
    assert len(set(expected)) > 20


def candles_of(holed: FeatureInputs, timeframe: str) -> dict[str, np.ndarray]:
    """Prices as they are read: an interpolated candle repeats the last real close."""
    table = holed.klines[timeframe]
    is_real = np.asarray(table["flags"]) == 0
    found = {name: pc.cast(table[name], pa.float64()).to_numpy().copy() for name in ("open", "high", "low", "close")}
    for row in np.flatnonzero(~is_real):
        for column in found.values():
            column[row] = found["close"][row - 1]
    return found


@pytest.mark.parametrize(("timeframe", "minutes"), [("1m", 1), ("15m", 15)])
def test_touches_are_counted_candle_by_candle(
    rows: pd.DataFrame, holed: FeatureInputs, timeframe: str, minutes: int
) -> None:
    candles = candles_of(holed, timeframe)
    high, low, close = (candles[name] for name in ("high", "low", "close"))
    atr = talib.ATR(high, low, close, 14)
    found = find_swings(high=high, low=low)
    opened = (np.asarray(holed.klines[timeframe]["open_time"].cast(pa.int64())) - midnight_us()) // MINUTE
    counts: set[float] = set()
    for row in rows.index[::7]:
        at = int(np.flatnonzero(opened + minutes <= row + 1)[-1])
        touched = [
            abs(low[i] - found.support[at]) <= 0.25 * atr[at] or abs(high[i] - found.resistance[at]) <= 0.25 * atr[at]
            for i in range(at - 59, at + 1)
        ]
        assert rows[f"zone_touches_{timeframe}"][row] == sum(touched)
        counts.add(sum(touched))
    assert len(counts) > 5


def test_the_range_of_a_day_is_that_of_1440_candles(rows: pd.DataFrame, holed: FeatureInputs) -> None:
    candles = candles_of(holed, "1m")
    opened = (np.asarray(holed.klines["1m"]["open_time"].cast(pa.int64())) - midnight_us()) // MINUTE
    for row in rows.index[::31]:
        at = int(np.flatnonzero(opened == row)[0])
        high, low = candles["high"][at - 1439 : at + 1].max(), candles["low"][at - 1439 : at + 1].min()
        assert rows["range_position_1d"][row] == pytest.approx((candles["close"][at] - low) / (high - low), rel=1e-9)


def obvious_peak(values: list[float], at: int, *, reach: int, window: int) -> float:
    """The last confirmed peak that is known at an entry, or the largest of the window."""
    for peak in range(at - reach, max(at - window, reach - 1), -1):
        before, after = values[peak - reach : peak], values[peak + 1 : peak + reach + 1]
        if values[peak] > max(before) and values[peak] >= max(after):
            return values[peak]
    return max(values[at - window + 1 : at + 1]) if at >= window - 1 else float("nan")


@given(values=st.lists(st.integers(0, 6), max_size=70), window=st.integers(6, 30))
@settings(max_examples=60)
def test_swings_are_those_of_a_search_from_the_newest_candle_back(values: list[int], window: int) -> None:
    floats = [float(value) for value in values]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(swings, "SWING_CANDLES", window)
        found = find_swings(high=np.array(floats), low=-np.array(floats))
    expected = [obvious_peak(floats, at, reach=5, window=window) for at in range(len(floats))]
    np.testing.assert_array_equal(found.resistance, expected)
    np.testing.assert_array_equal(found.support, -np.array(expected))


def test_agreement_looks_an_hour_back_by_the_clock_and_not_by_candles(rows: pd.DataFrame, holed: FeatureInputs) -> None:
    assert holed.perpetual is not None
    opened = (np.asarray(holed.klines["1m"]["open_time"].cast(pa.int64())) - midnight_us()) // MINUTE
    close = dict(zip(opened.tolist(), candles_of(holed, "1m")["close"].tolist(), strict=True))
    interest = dict(zip(range(-1440, 1440), holed.perpetual["open_interest"].to_pylist(), strict=True))
    for row in rows.index:
        before = max(minute for minute in range(row - 120, row - 59) if minute in close)
        moved = np.sign(float(interest[row]) - float(interest[row - 60])) * np.sign(close[row] - close[before])
        assert rows["oi_price_agreement"][row] == moved
