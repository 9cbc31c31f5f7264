"""Gold as a whole: rows, window, closed candles, `warm`, and what happens where data is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.features.compute import compute_features
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES, PRESENCE, Source
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.features.lookahead import check_stored
from crypto_assets.features.ranges import out_of_range, undefined_in_warm_rows
from crypto_assets.schemas import FLAGS
from crypto_assets_tests.features.synthetic import (
    DAY,
    MINUTE,
    aggregate,
    inputs_of,
    klines,
    market,
    midnight_us,
    walk,
    with_column,
    without_rows,
)

LEAD_ROWS = 4 * 1440
TIMEFRAMES = {"1m": 1, "5m": 5, "15m": 15}


def numbers(gold: pa.Table, name: str) -> np.ndarray:
    return gold[name].to_numpy()


def closes(inputs: FeatureInputs, timeframe: str) -> np.ndarray:
    return _floats(inputs.klines[timeframe], "close")


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return np.array([float(value) for value in table[name].to_pylist()])


def test_a_day_has_a_row_for_each_candle_with_all_declared_columns(gold: pa.Table) -> None:
    assert gold.schema.equals(GOLD_FEATURES.schema, check_metadata=True)
    assert gold.num_rows == 1440
    assert (numbers(gold, "as_of") - numbers(gold, "open_time") == np.timedelta64(60, "s")).all()
    assert gold["open_time"][0].as_py().isoformat() == "2024-08-05T00:00:00+00:00"
    assert pc.all(gold["warm"]).as_py()
    assert undefined_in_warm_rows(gold) == []
    assert out_of_range(gold) == []


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_a_row_has_the_value_of_the_last_candle_closed_by_then(
    day_inputs: FeatureInputs, gold: pa.Table, timeframe: str
) -> None:
    by_candle = talib.RSI(closes(day_inputs, timeframe), 14)
    minutes = TIMEFRAMES[timeframe]
    first = LEAD_ROWS // minutes
    for row in range(1440):
        closed = (row + 1) // minutes
        assert numbers(gold, f"rsi_14_{timeframe}")[row] == pytest.approx(by_candle[first + closed - 1], rel=1e-9)


def test_at_14_37_the_candles_closed_at_14_35_and_14_30_are_used(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    row = 14 * 60 + 36  # as_of 14:37
    day_5m, day_15m = closes(day_inputs, "5m")[LEAD_ROWS // 5 :], closes(day_inputs, "15m")[LEAD_ROWS // 15 :]
    at_14_30, at_14_25 = 14 * 12 + 6, 14 * 4 + 1  # candles 14:30-14:35 and 14:15-14:30
    assert numbers(gold, "roc_1_5m")[row] == pytest.approx(
        100 * (day_5m[at_14_30] / day_5m[at_14_30 - 1] - 1), rel=1e-9
    )
    assert numbers(gold, "roc_1_15m")[row] == pytest.approx(
        100 * (day_15m[at_14_25] / day_15m[at_14_25 - 1] - 1), rel=1e-9
    )


def test_data_before_the_anchor_changes_nothing(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    earlier = {
        timeframe: pa.concat_tables([aggregate(before, timeframe) if timeframe != "1m" else before, table])
        for before in [walk(seed=99, start_us=midnight_us(days=-7), minutes=3 * 1440)]
        for timeframe, table in day_inputs.klines.items()
    }
    longer = replace(day_inputs, klines=earlier)
    assert compute_features(longer, day=DAY).equals(gold)


def test_data_after_the_day_changes_nothing(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    after = walk(seed=98, start_us=midnight_us(days=1), minutes=1440)
    longer = {
        timeframe: pa.concat_tables([table, after if timeframe == "1m" else aggregate(after, timeframe)])
        for timeframe, table in day_inputs.klines.items()
    }
    assert compute_features(replace(day_inputs, klines=longer), day=DAY).equals(gold)


def test_a_missing_day_of_the_lead_in_makes_rows_cold_until_the_window_is_full(day_inputs: FeatureInputs) -> None:
    for missing in (0, 2):
        gone = range(missing * 1440, (missing + 1) * 1440)
        gold = compute_features(inputs_of(without_rows(day_inputs.klines["1m"], gone)), day=DAY)
        warm = numbers(gold, "warm").astype(bool)
        first = (322 - 3 * 96) * 15 - 1  # the row at whose as_of the 322nd candle of 15m has closed
        assert not warm[:first].any()
        assert warm[first:].all()
        assert undefined_in_warm_rows(gold) == []


@pytest.mark.parametrize("rows", [0, 1, 2, 14, 21, 70, 400, 1440])
def test_the_first_day_of_history_is_cold_and_no_error(rows: int) -> None:
    gold = compute_features(inputs_of(walk(seed=2, start_us=midnight_us(), minutes=rows)), day=DAY)
    assert gold.num_rows == rows
    assert not numbers(gold, "warm").any()
    assert out_of_range(gold) == []


def test_a_halt_of_an_hour_shortens_no_window_and_is_told(day_inputs: FeatureInputs) -> None:
    halted = without_rows(day_inputs.klines["1m"], range(LEAD_ROWS + 600, LEAD_ROWS + 660))
    gold = compute_features(inputs_of(halted), day=DAY)
    assert gold.num_rows == 1380
    assert pc.all(gold["warm"]).as_py()
    assert undefined_in_warm_rows(gold) == []
    gaps = numbers(gold, "gap_minutes_60")
    assert gaps[[599, 600, 601, 658, 659]].tolist() == [0, 59, 58, 1, 0]
    close = closes(inputs_of(halted), "1m")
    assert numbers(gold, "roc_3_1m")[600] == pytest.approx(
        100 * (close[LEAD_ROWS + 600] / close[LEAD_ROWS + 597] - 1), rel=1e-9
    )


def test_longer_candles_that_are_missing_where_minutes_exist_make_rows_cold(day_inputs: FeatureInputs) -> None:
    table = day_inputs.klines["15m"]
    lost = replace(day_inputs, klines={**day_inputs.klines, "15m": without_rows(table, [384 + 40])})
    warm = numbers(compute_features(lost, day=DAY), "warm").astype(bool)
    assert np.flatnonzero(~warm).tolist() == list(range(41 * 15 - 1, 42 * 15 - 1))
    none = replace(day_inputs, klines={timeframe: day_inputs.klines[timeframe] for timeframe in ("1m", "5m")})
    gold = compute_features(none, day=DAY)
    assert not numbers(gold, "warm").any()
    assert gold["rsi_14_15m"].null_count == 1440


@pytest.mark.parametrize("flag", ["filled", "out_of_range", "ohlc_violation"])
def test_a_candle_that_is_not_real_carries_the_last_close(day_inputs: FeatureInputs, flag: str) -> None:
    row = LEAD_ROWS + 700
    candles = day_inputs.klines["1m"]
    flags = np.zeros(candles.num_rows, dtype=np.int64)
    flags[row] = FLAGS[flag]
    close = closes(day_inputs, "1m").copy()
    nonsense = with_column(candles, "flags", flags)
    for name in ("open", "high", "low", "close"):
        nonsense = with_column(nonsense, name, np.where(flags > 0, 0.0, _floats(candles, name)))
    inputs = replace(day_inputs, klines={**day_inputs.klines, "1m": nonsense})
    gold = compute_features(inputs, day=DAY)
    assert np.flatnonzero(numbers(gold, "filled")).tolist() == [700]
    close[row] = close[row - 1]
    np.testing.assert_allclose(numbers(gold, "rsi_14_1m"), talib.RSI(close, 14)[LEAD_ROWS:], rtol=1e-9)
    assert numbers(gold, "roc_1_1m")[700] == 0
    assert numbers(gold, "taker_buy_ratio_1m")[700] == 0.5
    assert numbers(gold, "volume_spike_20_1m")[700] == 0
    assert numbers(gold, "gap_minutes_60")[[699, 700, 759, 760]].tolist() == [0, 1, 1, 0]
    assert pc.all(gold["warm"]).as_py()


@pytest.mark.parametrize("flag", ["outlier", "truncated", "no_trades", "derived", "exchange_halt"])
def test_a_candle_with_any_other_flag_is_read(day_inputs: FeatureInputs, gold: pa.Table, flag: str) -> None:
    candles = day_inputs.klines["1m"]
    flagged = with_column(candles, "flags", np.full(candles.num_rows, FLAGS[flag]))
    again = compute_features(replace(day_inputs, klines={**day_inputs.klines, "1m": flagged}), day=DAY)
    assert again.equals(gold)


def test_a_candle_off_the_grid_gives_no_row_and_changes_none(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    minutes = day_inputs.klines["1m"]
    at = LEAD_ROWS + 700
    late = minutes.slice(at, 1)
    late = with_column(late, "open_time", [late["open_time"][0].as_py() + timedelta(seconds=7)])
    late = with_column(late, "flags", [FLAGS["off_grid"]])
    with_late = pa.concat_tables([minutes.slice(0, at + 1), late, minutes.slice(at + 1)])

    inputs = replace(day_inputs, klines={**day_inputs.klines, "1m": with_late})

    assert compute_features(inputs, day=DAY) == gold
    assert check_stored(gold, inputs, day=DAY) == []


def test_candles_before_the_first_real_one_have_no_values() -> None:
    candles = walk(seed=4, start_us=midnight_us(), minutes=60)
    flags = np.where(np.arange(60) < 3, FLAGS["out_of_range"], 0)
    gold = compute_features(inputs_of(with_column(candles, "flags", flags)), day=DAY)
    assert gold.num_rows == 60
    assert gold["taker_buy_ratio_1m"].is_null().to_pylist()[:4] == [True, True, True, False]
    assert np.isfinite(numbers(gold, "rsi_14_1m")[3 + 14 :]).all()


def _still_from(candles: pa.Table, row: int) -> pa.Table:
    """The candles with no trade from a row on: each repeats the close before it."""
    still = np.arange(candles.num_rows) >= row
    last = closes(FeatureInputs(klines={"1m": candles}), "1m")[row - 1]
    for name in ("open", "high", "low", "close"):
        candles = with_column(candles, name, np.where(still, last, _floats(candles, name)))
    for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume", "count"):
        candles = with_column(candles, name, np.where(still, 0.0, _floats(candles, name)))
    return candles


def test_in_a_run_without_trades_every_ratio_has_its_stated_value(day_inputs: FeatureInputs) -> None:
    gold = compute_features(inputs_of(_still_from(day_inputs.klines["1m"], LEAD_ROWS + 200)), day=DAY)
    assert undefined_in_warm_rows(gold) == []
    assert out_of_range(gold) == []
    last = {name: numbers(gold, name)[-1] for name in gold.column_names[2:]}
    for timeframe in TIMEFRAMES:
        assert last[f"taker_buy_ratio_{timeframe}"] == 0.5
        assert last[f"volume_sma_20_{timeframe}"] == 0
        assert last[f"volume_spike_20_{timeframe}"] == 1
        assert last[f"vwap_distance_bps_20_{timeframe}"] == 0
        assert last[f"vwap_20_{timeframe}"] == last[f"bb_middle_20_{timeframe}"]
        assert last[f"bb_width_20_{timeframe}"] == 0
        assert last[f"bb_percent_20_{timeframe}"] == 0.5
        assert last[f"roc_10_{timeframe}"] == 0
    assert last["trend_alignment"] == 0
    assert last["doji_1m"] == 0
    assert last["engulfing_1m"] == 0


def test_a_market_that_never_traded_has_values_everywhere() -> None:
    minutes = 5 * 1440
    open_us = midnight_us(days=-4) + MINUTE * np.arange(minutes)
    still = klines("1m", {"open_us": open_us, "close": np.full(minutes, 61_234.56), "volume": np.zeros(minutes)})
    gold = compute_features(inputs_of(still), day=DAY)
    assert pc.all(gold["warm"]).as_py()
    assert undefined_in_warm_rows(gold) == []
    assert out_of_range(gold) == []
    assert set(numbers(gold, "rsi_14_15m")) == {50.0}
    assert set(numbers(gold, "range_position_1d")) == {0.5}
    assert set(numbers(gold, "support_distance_bps_1m")) == {0.0}


@settings(max_examples=25)
@given(
    quiet=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    tick=st.sampled_from([0.01, 1.0, 100.0]),
    price=st.sampled_from([0.05, 60_000.0]),
    seed=st.integers(0, 99),
)
def test_no_market_gives_values_that_are_undefined_or_out_of_range(
    quiet: float, tick: float, price: float, seed: int
) -> None:
    scale = price / 60_000
    candles = walk(seed=seed, start_us=midnight_us(days=-4), minutes=7200, quiet=quiet, tick=tick * scale, price=price)
    gold = compute_features(inputs_of(candles), day=DAY)
    assert pc.all(gold["warm"]).as_py()
    assert undefined_in_warm_rows(gold) == []
    assert out_of_range(gold) == []


def test_a_family_that_was_not_captured_is_null_and_said_to_be_absent(day_inputs: FeatureInputs) -> None:
    gold = compute_features(FeatureInputs(klines=day_inputs.klines), day=DAY)
    assert pc.all(gold["warm"]).as_py()
    assert undefined_in_warm_rows(gold) == []
    for name in ("perpetual_present", *PRESENCE.values()):
        assert not pc.any(gold[name]).as_py()
    for feature in FEATURES:
        assert gold[feature.name].null_count == (0 if feature.source is Source.KLINES else 1440), feature.name


def test_liquidations_may_be_absent_where_the_rest_of_the_perpetual_is_known(day_inputs: FeatureInputs) -> None:
    perp = day_inputs.perpetual
    assert perp is not None
    for name in perp.column_names:
        if name.startswith("liquidated"):
            perp = with_column(perp, name, pa.nulls(perp.num_rows))
    gold = compute_features(replace(day_inputs, perpetual=perp), day=DAY)
    assert pc.all(gold["warm"]).as_py()
    assert pc.all(gold["perpetual_present"]).as_py()
    assert not pc.any(gold["liquidations_present"]).as_py()
    assert gold["liquidation_count_1h"].null_count == gold["liquidation_volume_1h"].null_count == 1440


def test_a_book_that_stops_is_incomplete_for_an_hour_and_then_absent(day_inputs: FeatureInputs) -> None:
    book = day_inputs.orderbook
    assert book is not None
    until = book.filter(pc.less_equal(book["time"].cast(pa.int64()), midnight_us() + 300 * MINUTE))
    gold = compute_features(replace(day_inputs, orderbook=until), day=DAY)
    present, warm = (numbers(gold, name).astype(bool) for name in ("orderbook_present", "warm"))
    assert np.flatnonzero(present).tolist() == list(range(359))
    assert np.flatnonzero(~warm).tolist() == list(range(300, 359))
    assert gold["spread_bps"].slice(300).null_count == 1140
    assert undefined_in_warm_rows(gold) == []


def test_a_minute_without_a_state_is_null_and_not_warm_nor_are_those_compared_with_it(
    day_inputs: FeatureInputs,
) -> None:
    book = day_inputs.orderbook
    assert book is not None
    first = 60 * 6 + 100 * 6  # states every 10 s from an hour before the day
    gold = compute_features(replace(day_inputs, orderbook=without_rows(book, range(first, first + 6))), day=DAY)
    assert np.flatnonzero(~numbers(gold, "warm").astype(bool)).tolist() == [100, 101, 105]
    assert gold["spread_bps"].is_null().to_pylist()[99:102] == [False, True, False]
    assert pc.all(gold["orderbook_present"]).as_py()
    assert undefined_in_warm_rows(gold) == []


def test_candles_out_of_order_are_refused(day_inputs: FeatureInputs) -> None:
    table = day_inputs.klines["1m"]
    twisted = pa.concat_tables([table.slice(10, 10), table.slice(0, 10)])
    with pytest.raises(BadPayload, match="row 10 opens"):
        compute_features(FeatureInputs(klines={"1m": twisted}), day=DAY)


def test_the_first_row_of_a_day_reads_the_last_candles_of_the_day_before() -> None:
    days = market(seed=11, days=5)
    gold = compute_features(replace(days, orderbook=None, perpetual=None), day=DAY)
    from_the_beginning = talib.ATR(*(_floats(days.klines["15m"], name) for name in ("high", "low", "close")), 14)
    assert numbers(gold, "atr_14_15m")[0] == pytest.approx(from_the_beginning[5 * 96 - 1], rel=1e-9)
