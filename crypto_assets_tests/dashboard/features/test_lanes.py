"""Lanes: what is drawn on the prices, what beside them, and that all of it is in UTC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crypto_assets.dashboard.features.gold_day import GoldDay, read_gold_day, span_of_hours
from crypto_assets.dashboard.features.lanes import MOST_LANES, drawable, over_candles, split_by_scale
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.dashboard.features.days import CANDLES, DAY, candle_table, gold_table

WHOLE = span_of_hours(DAY, (0, 24))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def day_of(lake: Lake, *, cold: int = 0, has_candles: bool = True, **values: list[float | None]) -> GoldDay:
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table(cold=cold, values=values))
    if has_candles:
        lake.publish(CANDLES, "BTCUSDT", DAY, candle_table())
    found = read_gold_day(lake, "BTCUSDT", DAY)
    assert found is not None
    return found


def lanes_of(chart: Any) -> list[dict[str, Any]]:
    assert chart is not None
    return chart.to_dict(validate=False)["vconcat"]


def test_prices_lie_on_the_candles_and_other_units_in_lanes_of_their_own(lake: Lake) -> None:
    day = day_of(lake)
    names = ["bb_upper_20_15m", "rsi_14_15m", "vwap_20_1m", "macd_1m"]
    assert split_by_scale(day, names) == (["bb_upper_20_15m", "vwap_20_1m"], ["rsi_14_15m", "macd_1m"])
    chart = over_candles(day, names, WHOLE)
    assert chart is not None
    chart.to_dict(validate=True)
    titles = [lane["title"]["text"] for lane in lanes_of(chart)]
    assert titles == [
        "BTCUSDT 2024-08-05, candles of 5 min; price in the quote asset",
        "rsi_14_15m, index",
        "macd_1m, quote asset",
    ]


def test_a_price_far_from_the_days_prices_has_a_lane(lake: Lake) -> None:
    day = day_of(lake, bb_upper_20_15m=[1.0] * 1_440)
    assert split_by_scale(day, ["bb_upper_20_15m"]) == ([], ["bb_upper_20_15m"])


def test_every_axis_of_time_is_utc_and_the_last_one_says_so(lake: Lake) -> None:
    lanes = lanes_of(over_candles(day_of(lake), ["rsi_14_15m", "bb_upper_20_15m"], WHOLE))
    axes = [layer["encoding"]["x"] for lane in lanes for layer in lane["layer"] if "scale" in layer["encoding"]["x"]]
    assert {axis["scale"]["type"] for axis in axes} == {"utc"}
    titles = [axis["title"] for axis in axes]
    assert titles[-1] == "time, UTC"
    assert titles.count("time, UTC") == 1


def test_features_without_a_value_in_the_hours_are_not_drawn(lake: Lake) -> None:
    late: list[float | None] = [None] * 720 + [1.0] * 720
    day = day_of(lake, macd_1m=late)
    assert drawable(day, ["macd_1m", "rsi_14_1m"], span_of_hours(DAY, (0, 12))) == ["rsi_14_1m"]
    assert drawable(day, ["macd_1m", "rsi_14_1m"], WHOLE) == ["macd_1m", "rsi_14_1m"]


def test_no_more_lanes_are_drawn_than_can_be_compared(lake: Lake) -> None:
    assert len(drawable(day_of(lake), [feature.name for feature in FEATURES], WHOLE)) == MOST_LANES


def test_a_day_without_candles_has_its_lanes(lake: Lake) -> None:
    day = day_of(lake, has_candles=False)
    (lane,) = lanes_of(over_candles(day, ["bb_upper_20_15m"], WHOLE))
    assert lane["title"]["text"] == "bb_upper_20_15m, quote asset"
    assert over_candles(day, [], WHOLE) is None


def test_minutes_that_are_not_warm_are_behind_every_lane(lake: Lake) -> None:
    whole, cold = (lanes_of(over_candles(day_of(lake, cold=n), ["rsi_14_1m"], WHOLE)) for n in (0, 60))
    assert [len(lane["layer"]) + 1 for lane in whole] == [len(lane["layer"]) for lane in cold]
