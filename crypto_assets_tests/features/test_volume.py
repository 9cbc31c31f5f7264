"""Volume features of twenty candles that can be added up by hand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from crypto_assets.features.compute import compute_features
from crypto_assets_tests.features.synthetic import DAY, MINUTE, inputs_of, klines, midnight_us


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """Candle i of 0..39 closes at 100 + i; 2 i are traded at a mean of 99 + i, half a unit is bought by takers."""
    i = np.arange(40)
    table = klines(
        "1m",
        {
            "open_us": midnight_us() + MINUTE * i,
            "close": 100.0 + i,
            "volume": 2.0 * i,
            "quote_volume": 2.0 * i * (99 + i),
            "taker_buy_volume": np.where(i > 0, 0.5, 0.0),
        },
    )
    return compute_features(inputs_of(table), day=DAY)


def test_vwap_is_quote_volume_by_volume_of_twenty_candles(rows: pa.Table) -> None:
    # i = 1..20: sum 2 i = 420, sum 2 i (99 + i) = 2 (99 * 210 + 2870) = 47,320
    assert rows["vwap_20_1m"][20].as_py() == pytest.approx(47_320 / 420, rel=1e-12)
    assert rows["vwap_distance_bps_20_1m"][20].as_py() == pytest.approx((120 / (47_320 / 420) - 1) * 1e4, rel=1e-9)
    assert rows["vwap_20_1m"][18].as_py() is None


def test_a_spike_is_the_volume_by_its_mean_of_twenty(rows: pa.Table) -> None:
    assert rows["volume_sma_20_1m"][20].as_py() == 21.0
    assert rows["volume_spike_20_1m"][20].as_py() == pytest.approx(40 / 21, rel=1e-12)


def test_taker_buy_ratio_is_a_half_where_nothing_was_traded(rows: pa.Table) -> None:
    assert rows["taker_buy_ratio_1m"].to_pylist()[:4] == [0.5, 0.25, 0.125, 0.5 / 6]


def test_of_longer_timeframes_whole_candles_are_read(rows: pa.Table) -> None:
    # 5m candle of minutes 5..9: 2 (5 + .. + 9) = 70 traded, 2.5 bought; known from the row of minute 9 to that of 13
    assert rows["taker_buy_ratio_5m"].to_pylist()[9:14] == [pytest.approx(2.5 / 70)] * 5
    assert rows["taker_buy_ratio_5m"][14].as_py() == pytest.approx(2.5 / 120)
    assert rows["taker_buy_ratio_15m"].to_pylist()[13] is None
    assert rows["taker_buy_ratio_15m"][14].as_py() == pytest.approx(7.0 / 210)
