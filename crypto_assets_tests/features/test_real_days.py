"""Features of recorded days: against TA-Lib called directly and sums by hand, and across real outages."""

from __future__ import annotations

import zipfile
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import talib

from crypto_assets.features.compute import compute_features
from crypto_assets.features.declaration import FEATURES
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.features.lookahead import check_stored
from crypto_assets.features.ranges import out_of_range, undefined_in_warm_rows
from crypto_assets_tests.features.synthetic import DAY, MINUTE, inputs_of, klines

COLUMNS = (
    *("open_us", "open", "high", "low", "close", "volume", "close_us", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignored"),
)
MINUTES = {"1m": 1, "5m": 5, "15m": 15}


def _recorded(folder: Path, days: list[date]) -> pl.DataFrame:
    """Rows of the archive's 1m files, times in microseconds."""
    frames: list[pl.DataFrame] = []
    for day in days:
        path = folder / f"archive/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-{day}.zip"
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
            frames.append(pl.read_csv(file.read(), has_header=False, new_columns=COLUMNS))
    rows = pl.concat(frames)
    milliseconds = pl.col("open_us") < 10**14
    return rows.with_columns(open_us=pl.when(milliseconds).then(pl.col("open_us") * 1000).otherwise("open_us"))


def _inputs(rows: pl.DataFrame) -> FeatureInputs:
    table = klines("1m", {name: rows[name].to_numpy() for name in COLUMNS})
    return inputs_of(table)


def _days(last: date, count: int = 5) -> list[date]:
    return [last - timedelta(days=before) for before in reversed(range(count))]


@pytest.fixture(scope="module")
def recorded(real_data: Path) -> pl.DataFrame:
    return _recorded(real_data, _days(DAY))


@pytest.fixture(scope="module")
def real_gold(recorded: pl.DataFrame) -> pa.Table:
    return compute_features(_inputs(recorded), day=DAY)


def test_a_recorded_day_is_warm_whole_and_in_range(real_gold: pa.Table) -> None:
    assert real_gold.num_rows == 1440
    assert len(FEATURES) >= 103
    assert pc.all(real_gold["warm"]).as_py()
    assert undefined_in_warm_rows(real_gold) == []
    assert out_of_range(real_gold) == []


@pytest.mark.parametrize("timeframe", MINUTES)
def test_indicators_of_a_recorded_day_are_those_of_talib(
    recorded: pl.DataFrame, real_gold: pa.Table, timeframe: str
) -> None:
    every = MINUTES[timeframe]
    candles = recorded.group_by(pl.col("open_us") // (every * MINUTE), maintain_order=True).agg(
        pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume", "quote_volume").sum()
    )
    high, low, close = (candles[name].to_numpy() for name in ("high", "low", "close"))
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    volume, quote = (candles[name].rolling_sum(20).to_numpy() for name in ("volume", "quote_volume"))
    expected = {
        "rsi_14": talib.RSI(close, 14),
        "atr_14": talib.ATR(high, low, close, 14),
        "macd": line,
        "macd_signal": signal,
        "macd_hist": histogram,
        "bb_lower_20": lower,
        "bb_middle_20": middle,
        "bb_upper_20": upper,
        "bb_width_20": 100 * (upper - lower) / middle,
        "bb_percent_20": (close - lower) / (upper - lower),
        "roc_10": talib.ROC(close, 10),
        "vwap_20": quote / volume,
    }
    closed = (4 * 1440 + np.arange(1, 1441)) // every - 1
    for name, values in expected.items():
        np.testing.assert_allclose(real_gold[f"{name}_{timeframe}"].to_numpy(), values[closed], rtol=1e-9, err_msg=name)


def test_a_recorded_day_has_no_leaks(recorded: pl.DataFrame, real_gold: pa.Table) -> None:
    assert check_stored(real_gold, _inputs(recorded), day=DAY) == []


def test_the_outage_of_two_days_leaves_rows_that_say_so(real_data: Path) -> None:
    days = [date(2018, 2, 8) + timedelta(days=after) for after in range(4)]
    rows = _inputs(_recorded(real_data, days))
    for day, count in zip(days, (29, 840, 1425, 1406), strict=True):
        gold = compute_features(rows, day=day)
        assert gold.num_rows == count
        assert not pc.any(gold["warm"]).as_py()
        assert out_of_range(gold) == []
    first_after = compute_features(rows, day=days[1]).slice(0, 1)
    assert first_after["gap_minutes_60"][0].as_py() == 59
    assert np.isfinite(first_after["rsi_14_1m"][0].as_py())


def test_milliseconds_and_microseconds_join_without_a_seam(real_data: Path) -> None:
    gold = compute_features(_inputs(_recorded(real_data, _days(date(2025, 1, 1)))), day=date(2025, 1, 1))
    assert gold.num_rows == 1440
    assert pc.all(gold["warm"]).as_py()
    assert undefined_in_warm_rows(gold) == []
    assert gold["gap_minutes_60"][0].as_py() == 0
