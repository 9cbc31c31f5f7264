from __future__ import annotations

import re
import subprocess
import sys
from datetime import date

import pyarrow as pa
import pytest

from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES, Family
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL

EVERY = ("1m", "5m", "15m")
REQUIRED: dict[Family, list[str]] = {
    Family.PRICE: [
        f"{name}_{timeframe}"
        for timeframe in EVERY
        for name in [
            "rsi_14",
            "macd",
            "macd_signal",
            "macd_hist",
            "bb_lower_20",
            "bb_middle_20",
            "bb_upper_20",
            "bb_width_20",
            "bb_percent_20",
            "atr_14",
        ]
    ],
    Family.VOLUME: [
        f"{name}_{timeframe}"
        for timeframe in EVERY
        for name in [
            "vwap_20",
            "vwap_distance_bps_20",
            "volume_sma_20",
            "volume_spike_20",
            "taker_buy_ratio",
        ]
    ],
    Family.ORDERBOOK: [
        "imbalance_1level",
        "imbalance_3level",
        "imbalance_5level",
        "imbalance_10level",
        "spread_bps",
        "microprice_bps",
        "whale_bid_size",
        "whale_ask_size",
        "whale_bid_distance_bps",
        "whale_ask_distance_bps",
        "bid_depth_10level",
        "ask_depth_10level",
        "depth_ratio_10level",
        "pressure_1level_1m",
        "pressure_5level_1m",
        "pressure_10level_1m",
        "pressure_5level_5m",
        "spread_bps_mean_1m",
        "spread_bps_max_1m",
        "imbalance_5level_mean_1m",
        "imbalance_5level_std_1m",
    ],
    Family.MOMENTUM: [
        *(f"roc_{length}_{timeframe}" for length in (1, 3, 5, 10) for timeframe in EVERY),
        *[
            "trend_alignment",
            "higher_highs_20_1m",
            "lower_lows_20_1m",
        ],
    ],
    Family.STRUCTURE: [
        "support_distance_bps_1m",
        "support_distance_bps_15m",
        "resistance_distance_bps_1m",
        "resistance_distance_bps_15m",
        "engulfing_1m",
        "engulfing_15m",
        "doji_1m",
        "zone_touches_1m",
        "zone_touches_15m",
        "range_position_1d",
    ],
    Family.PERPETUAL: [
        "funding_rate",
        "funding_rate_change",
        "funding_rate_flipped",
        "minutes_to_funding",
        "open_interest",
        "open_interest_change_5m",
        "open_interest_change_1h",
        "oi_price_agreement",
        "liquidation_count_1h",
        "liquidation_volume_1h",
        "premium_bps",
    ],
    Family.CALENDAR: [
        "minute_of_day_sin",
        "minute_of_day_cos",
        "day_of_week",
        "gap_minutes_60",
    ],
}


@pytest.mark.parametrize("family", Family)
def test_each_family_declares_its_columns(family: Family) -> None:
    assert {f.name for f in FEATURES if f.family is family} >= set(REQUIRED[family])


def test_there_are_at_least_103_features_and_each_has_one_column() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(names) >= 103
    assert len(set(names)) == len(names)
    assert [name for name in GOLD_FEATURES.schema.names if name in set(names)] == names
    assert GOLD_FEATURES.schema.names[:4] == [
        "open_time",
        "as_of",
        "warm",
        "filled",
    ]
    assert set(GOLD_FEATURES.schema.names) - set(names) == {
        "open_time",
        "as_of",
        "warm",
        "filled",
        "orderbook_present",
        "perpetual_present",
        "funding_present",
        "open_interest_present",
        "mark_price_present",
        "liquidations_present",
    }


def test_every_column_says_what_it_is_and_features_their_unit() -> None:
    for field in GOLD_FEATURES.schema:
        assert field.metadata[b"description"]
    for feature in FEATURES:
        field = GOLD_FEATURES.schema.field(feature.name)
        assert field.type == pa.float64()
        assert field.nullable
        assert field.metadata[b"unit"].decode() == feature.unit
        assert feature.formula
        assert feature.window >= 1
        assert feature.low is None or feature.high is None or feature.low < feature.high


def test_inputs_are_columns_of_silver() -> None:
    schemas = {f"klines_{timeframe}": dataset.schema for timeframe, dataset in SILVER_KLINES.items()}
    schemas |= {"orderbook": SILVER_ORDERBOOK.schema, "perpetual": SILVER_PERPETUAL.schema}
    for feature in FEATURES:
        for column in feature.inputs:
            table, name = column.split(".", 1)
            assert re.sub(r"\.\.\d+$", "", name) in schemas[table].names, column


def test_a_day_lies_in_one_file() -> None:
    assert (
        GOLD_FEATURES.partition_path("BTCUSDT", date(2024, 8, 5))
        == "gold/features/symbol=BTCUSDT/date=2024-08-05/features.parquet"
    )


def test_declarations_load_without_the_heavy_libraries() -> None:
    heavy = ("pandas", "pandas_ta", "talib", "tensorflow", "pyspark", "dagster", "numba")
    code = (
        "import sys, crypto_assets.features.compute, crypto_assets.features.lookahead;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
