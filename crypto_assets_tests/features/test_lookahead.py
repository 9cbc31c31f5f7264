"""The proof of no look-ahead, and the leaks that it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.features.compute import compute_features
from crypto_assets.features.inputs import FeatureInputs, gather_inputs
from crypto_assets.features.lookahead import check_stored, cut_inputs, find_leaks, noise_inputs, sample_minutes
from crypto_assets.schemas import FLAGS, SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, Dataset
from crypto_assets.spans import day_span
from crypto_assets_tests.features.synthetic import (
    DAY,
    MINUTE,
    inputs_of,
    market,
    midnight_us,
    with_column,
    without_rows,
)

FIRST_ROW = 4 * 1440
"""Row of 00:00 of DAY in tables that begin four days before."""


@st.composite
def damaged_markets(draw: st.DrawFn) -> FeatureInputs:
    """A market with halts, interpolated and contradictory candles, and holes in book and perpetual."""
    whole = market(seed=draw(st.integers(0, 50)), pace_us=20_000_000)
    candles = whole.klines["1m"]
    flags = np.zeros(candles.num_rows, dtype=np.int64)
    for name in ("filled", "out_of_range", "ohlc_violation", "outlier"):
        rows = draw(st.lists(st.integers(FIRST_ROW - 40, FIRST_ROW + 1439), max_size=4))
        flags[rows] |= FLAGS[name]
    start = draw(st.integers(FIRST_ROW - 100, FIRST_ROW + 1430))
    halt = range(start, min(start + draw(st.integers(0, 90)), candles.num_rows))
    candles = without_rows(with_column(candles, "flags", flags), halt)
    book, perp = whole.orderbook, whole.perpetual
    assert book is not None
    assert perp is not None
    hole = draw(st.integers(0, book.num_rows - 200))
    book = without_rows(book, range(hole, hole + draw(st.integers(0, 200))))
    perp = without_rows(perp, range(1400 + draw(st.integers(0, 1300)), 1400 + draw(st.integers(0, 1480))))
    return inputs_of(candles, book=book, perp=perp)


@settings(max_examples=30)
@given(inputs=damaged_markets(), minute=st.integers(0, 1439), seed=st.integers(0, 9))
def test_no_column_changes_when_the_future_is_cut_off_or_replaced_by_noise(
    inputs: FeatureInputs, minute: int, seed: int
) -> None:
    as_of_us = midnight_us() + (minute + 1) * MINUTE
    full = compute_features(inputs, day=DAY)
    for other in (cut_inputs(inputs, as_of_us=as_of_us), noise_inputs(inputs, as_of_us=as_of_us, seed=seed)):
        rows = compute_features(cut_inputs(other, as_of_us=as_of_us), day=DAY).num_rows
        recomputed = compute_features(other, day=DAY).slice(0, rows)
        assert [name for name in full.column_names if not recomputed[name].equals(full[name].slice(0, rows))] == []


def test_candles_alone_are_cut_like_those_with_a_book_beside_them(day_inputs: FeatureInputs) -> None:
    as_of_us = midnight_us() + 600 * MINUTE
    alone, beside = (cut_inputs(one, as_of_us=as_of_us) for one in (FeatureInputs(day_inputs.klines), day_inputs))
    assert (alone.orderbook, alone.perpetual) == (None, None)
    assert alone.klines == beside.klines
    assert sample_minutes(FeatureInputs(day_inputs.klines), day=DAY, seed=1)


def test_the_rows_computed_minute_by_minute_are_the_rows_of_the_batch(
    day_inputs: FeatureInputs, gold: pa.Table
) -> None:
    for minute in range(437, 470):
        as_of_us = midnight_us() + (minute + 1) * MINUTE
        live = compute_features(cut_inputs(day_inputs, as_of_us=as_of_us), day=DAY)
        assert live.num_rows == minute + 1
        assert live.slice(minute).equals(gold.slice(minute, 1))


@settings(max_examples=5)
@given(inputs=damaged_markets(), seed=st.integers(0, 99))
def test_the_check_accepts_what_compute_features_gives(inputs: FeatureInputs, seed: int) -> None:
    assert find_leaks(compute_features, inputs, day=DAY, seed=seed) == []
    assert check_stored(compute_features(inputs, day=DAY), inputs, day=DAY, seed=seed) == []


def _gathering(inputs: FeatureInputs, *, day: date) -> pa.Table:
    """`compute_features` of what is gathered from the inputs' days: what is taken of a day is searched as well."""
    tables = {SILVER_KLINES[timeframe]: table for timeframe, table in inputs.klines.items()}
    tables |= {SILVER_ORDERBOOK: inputs.orderbook, SILVER_PERPETUAL: inputs.perpetual}

    def read(dataset: Dataset, of: date) -> pa.Table | None:
        table, span = tables[dataset], day_span(of)
        if table is None:
            return None
        time = pc.field(dataset.time_column)
        return table.filter((time >= pa.scalar(span.start)) & (time < pa.scalar(span.end)))

    return compute_features(gather_inputs(day, read), day=day)


@pytest.mark.parametrize("until_minute", [0, 180, 1_440])
def test_what_is_taken_of_a_day_does_not_follow_from_what_comes_later_in_it(
    day_inputs: FeatureInputs, until_minute: int
) -> None:
    book = day_inputs.orderbook
    assert book is not None
    first = 360 - 1  # states every 10 s from an hour before the day; that of midnight is of the day
    halted = replace(day_inputs, orderbook=without_rows(book, range(first, first + until_minute * 6 + 1)))
    assert find_leaks(_gathering, halted, day=DAY) == []
    rows = _gathering(halted, day=DAY)
    present, warm = rows["orderbook_present"].to_pylist(), rows["warm"].to_pylist()
    assert present[:59] == [True] * 59
    assert warm[:59] == ([True] * 59 if not until_minute else [False] * 59)


Wrapper = Callable[..., pa.Table]


def _on_column(name: str, change: Callable[[pd.Series], pd.Series]) -> Wrapper:
    """`compute_features` with one column changed afterwards."""

    def compute(inputs: FeatureInputs, *, day: date) -> pa.Table:
        table = compute_features(inputs, day=day)
        return with_column(table, name, pa.array(change(table[name].to_pandas()), from_pandas=True))

    return compute


def _joined_on_open_times(timeframe: str) -> Wrapper:
    """`compute_features` that takes a candle for closed when it opens."""

    def compute(inputs: FeatureInputs, *, day: date) -> pa.Table:
        length = {"5m": 5, "15m": 15}[timeframe] * MINUTE
        table = inputs.klines[timeframe]
        opened = with_column(table, "open_time", np.asarray(table["open_time"].cast(pa.int64())) - length)
        return compute_features(replace(inputs, klines={**inputs.klines, timeframe: opened}), day=day)

    return compute


def _reading_interpolated_candles(inputs: FeatureInputs, *, day: date) -> pa.Table:
    candles = inputs.klines["1m"]
    flags = np.asarray(candles["flags"]) & ~FLAGS["filled"]
    return compute_features(
        replace(inputs, klines={**inputs.klines, "1m": with_column(candles, "flags", flags)}), day=day
    )


def _knowing_the_state_after(inputs: FeatureInputs, *, day: date) -> pa.Table:
    """Order-book states stamped 30 s too early."""
    assert inputs.orderbook is not None
    times = np.asarray(inputs.orderbook["time"].cast(pa.int64())) - 30_000_000
    return compute_features(replace(inputs, orderbook=with_column(inputs.orderbook, "time", times)), day=day)


def _knowing_the_perpetual_before(inputs: FeatureInputs, *, day: date) -> pa.Table:
    """Perpetual minutes laid one minute too early."""
    assert inputs.perpetual is not None
    times = np.asarray(inputs.perpetual["open_time"].cast(pa.int64())) - MINUTE
    return compute_features(replace(inputs, perpetual=with_column(inputs.perpetual, "open_time", times)), day=day)


LEAKS: dict[str, tuple[Wrapper, str]] = {
    "a centred window": (
        _on_column("volume_sma_20_1m", lambda column: column.rolling(5, center=True, min_periods=1).mean()),
        "volume_sma_20_1m",
    ),
    "a join on open times of 15m": (_joined_on_open_times("15m"), "rsi_14_15m"),
    "a join on open times of 5m": (_joined_on_open_times("5m"), "atr_14_5m"),
    "a backward fill": (_on_column("spread_bps", lambda column: column.bfill()), "spread_bps"),
    "a scaler fit on the day": (
        _on_column("rsi_14_1m", lambda column: (column - column.mean()) / column.std()),
        "rsi_14_1m",
    ),
    "a maximum of the day": (_on_column("atr_14_1m", lambda column: column / column.max()), "atr_14_1m"),
    "the next row": (_on_column("roc_1_1m", lambda column: column.shift(-1)), "roc_1_1m"),
    "an interpolated candle": (_reading_interpolated_candles, "roc_1_1m"),
    "a later state of the book": (_knowing_the_state_after, "microprice_bps"),
    "a later minute of the perpetual": (_knowing_the_perpetual_before, "premium_bps"),
}


@pytest.fixture(scope="module")
def holed() -> FeatureInputs:
    """A market whose book is not known for some minutes, and with an interpolated candle."""
    whole = market(seed=5)
    candles = whole.klines["1m"]
    flags = np.zeros(candles.num_rows, dtype=np.int64)
    flags[FIRST_ROW + 700] = FLAGS["filled"]
    assert whole.orderbook is not None
    book = without_rows(whole.orderbook, range(4_000, 4_150))
    return inputs_of(with_column(candles, "flags", flags), book=book, perp=whole.perpetual)


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("seed", range(2))
def test_a_planted_leak_is_found_and_named(holed: FeatureInputs, leak: str, seed: int) -> None:
    compute, column = LEAKS[leak]
    found = find_leaks(compute, holed, day=DAY, seed=seed)
    assert column in {leak.column for leak in found}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_that_was_stored_is_found_and_named(holed: FeatureInputs, leak: str) -> None:
    compute, column = LEAKS[leak]
    stored = check_stored(compute(holed, day=DAY), holed, day=DAY)
    assert column in {leak.column for leak in stored}


def test_a_leak_says_where_and_how_much(holed: FeatureInputs) -> None:
    compute, column = LEAKS["the next row"]
    (leak,) = {leak.column: leak for leak in find_leaks(compute, holed, day=DAY, minutes=[600])}.values()
    assert leak.column == column
    assert (leak.minute.hour, leak.minute.minute) == (10, 0)
    assert (leak.as_of.hour, leak.as_of.minute) == (10, 1)
    assert leak.rows == 1
    assert f"{column} of 2024-08-05 10:00 is {leak.actual}, but {leak.expected}" in str(leak)


def test_a_stored_row_that_cannot_be_computed_again_is_found(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    shortened = gold.slice(0, 100).append_column("x", pa.nulls(100)).drop_columns("x")
    stored = pa.concat_tables([shortened, gold.slice(101)])
    assert {leak.column for leak in check_stored(stored, day_inputs, day=DAY)} == {"open_time"}


def test_a_stored_value_that_differs_is_found_with_both_values(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    values = gold["macd_5m"].to_numpy().copy()
    values[3] += 1.0
    found = check_stored(with_column(gold, "macd_5m", values), day_inputs, day=DAY, minutes=[7])
    assert {(leak.column, leak.rows) for leak in found} == {("macd_5m", 1)}
    assert found[0].actual == pytest.approx(found[0].expected + 1.0)  # pyright: ignore[reportOptionalOperand]


def test_minutes_are_sampled_where_leaks_show(holed: FeatureInputs) -> None:
    for seed in range(20):
        minutes = sample_minutes(holed, day=DAY, seed=seed)
        assert minutes == sample_minutes(holed, day=DAY, seed=seed)
        assert minutes[0] <= 12
        assert 700 in minutes
        assert all((minute + 1) % 5 for minute in minutes)
        assert len(minutes) >= 5


def test_noise_leaves_what_was_known_and_changes_all_numbers_after(day_inputs: FeatureInputs) -> None:
    as_of_us = midnight_us() + 723 * MINUTE
    noisy = noise_inputs(day_inputs, as_of_us=as_of_us, seed=1)
    for timeframe, known in (("1m", FIRST_ROW + 723), ("5m", (FIRST_ROW + 720) // 5), ("15m", (FIRST_ROW + 720) // 15)):
        before, after = day_inputs.klines[timeframe], noisy.klines[timeframe]
        assert after.schema.equals(before.schema)
        assert after.slice(0, known).equals(before.slice(0, known))
        assert not np.isin(np.asarray(after["close"].slice(known)), np.asarray(before["close"].slice(known))).any()
        assert after["open_time"].equals(before["open_time"])


def test_a_day_without_candles_has_nothing_to_leak() -> None:
    empty = inputs_of(market(seed=1).klines["1m"].slice(0, 0))
    assert find_leaks(compute_features, empty, day=DAY) == []


def known_rows(table: pa.Table, column: str, moment_us: int, *, after_us: int = 0) -> int:
    """Rows whose time, and so long after it, is the moment or before it."""
    return sum(time + after_us <= moment_us for time in table[column].cast(pa.int64()).to_pylist())


@pytest.mark.parametrize("apart_us", [0, -1])
def test_what_is_cut_off_is_what_was_not_known_by_the_moment(day_inputs: FeatureInputs, apart_us: int) -> None:
    moment = midnight_us() + 720 * MINUTE + apart_us
    cut = cut_inputs(day_inputs, as_of_us=moment)
    for timeframe, minutes in (("1m", 1), ("5m", 5), ("15m", 15)):
        whole = day_inputs.klines[timeframe]
        count = known_rows(whole, "open_time", moment, after_us=minutes * MINUTE)
        assert cut.klines[timeframe].equals(whole.slice(0, count))
    assert day_inputs.orderbook is not None
    assert day_inputs.perpetual is not None
    assert cut.orderbook == day_inputs.orderbook.slice(0, known_rows(day_inputs.orderbook, "time", moment))
    assert cut.perpetual == day_inputs.perpetual.slice(0, known_rows(day_inputs.perpetual, "as_of", moment))


def ratios(after: pa.Table, before: pa.Table, name: str, *, since: int) -> np.ndarray:
    """How many times what it was each value is, of the rows from one on; NaN where it was zero."""
    values = [pc.cast(table[name], pa.float64()).to_numpy()[since:] for table in (after, before)]
    with np.errstate(invalid="ignore"):
        return values[0] / values[1]


def test_noise_is_one_factor_for_the_prices_of_a_row_and_another_for_its_quantities(day_inputs: FeatureInputs) -> None:
    noisy = noise_inputs(day_inputs, as_of_us=midnight_us(), seed=3)
    before, after = day_inputs.klines["1m"], noisy.klines["1m"]
    price, quantity = (ratios(after, before, name, since=FIRST_ROW) for name in ("close", "quote_volume"))
    for name in ("open", "high", "low"):
        np.testing.assert_allclose(ratios(after, before, name, since=FIRST_ROW), price, rtol=1e-6)
    assert np.std(np.log(price)) == pytest.approx(0.2, rel=0.1)
    traded = np.isfinite(quantity)
    assert np.std(np.log(quantity[traded])) == pytest.approx(1.0, rel=0.1)
    assert abs(np.corrcoef(np.log(price[traded]), np.log(quantity[traded]))[0, 1]) < 0.1
    counts = np.asarray(before["count"])[FIRST_ROW:] * np.where(traded, quantity, 1.0)
    np.testing.assert_allclose(np.asarray(after["count"])[FIRST_ROW:], counts, atol=0.51)

    assert day_inputs.orderbook is not None
    assert noisy.orderbook is not None
    known = known_rows(day_inputs.orderbook, "time", midnight_us())
    best, far = (
        {name: ratios(noisy.orderbook, day_inputs.orderbook, name, since=known) for name in names}
        for names in (("bid_price_1", "bid_quantity_1"), ("ask_price_10", "ask_quantity_10"))
    )
    np.testing.assert_allclose(best["bid_price_1"], far["ask_price_10"], rtol=1e-9)
    np.testing.assert_allclose(best["bid_quantity_1"], far["ask_quantity_10"], rtol=1e-9)
    assert not np.isclose(best["bid_price_1"], best["bid_quantity_1"], rtol=1e-9).any()
    for name in ("last_update_id", "flags", "time"):
        assert noisy.orderbook[name].equals(day_inputs.orderbook[name])


def test_noise_is_the_same_for_the_same_seed_and_leaves_nulls(day_inputs: FeatureInputs) -> None:
    perpetual = day_inputs.perpetual
    assert perpetual is not None
    lacking = replace(day_inputs, perpetual=with_column(perpetual, "mark_price", pa.nulls(perpetual.num_rows)))
    one, again, other = (noise_inputs(lacking, as_of_us=midnight_us(), seed=seed).perpetual for seed in (1, 1, 2))
    assert one is not None
    assert one.equals(again)
    assert not one.equals(other)
    assert one["mark_price"].null_count == perpetual.num_rows


def test_an_interpolated_candle_that_is_the_last_one_known_is_noise_too(day_inputs: FeatureInputs) -> None:
    candles = day_inputs.klines["1m"]
    for flag, same in (("filled", FIRST_ROW + 9), ("outlier", FIRST_ROW + 10)):
        flags = np.zeros(candles.num_rows, dtype=np.int64)
        flags[FIRST_ROW + 9] = FLAGS[flag]
        flagged = with_column(candles, "flags", flags)
        inputs = replace(day_inputs, klines={**day_inputs.klines, "1m": flagged})
        noisy = noise_inputs(inputs, as_of_us=midnight_us() + 10 * MINUTE, seed=1).klines["1m"]
        assert noisy.slice(0, same).equals(flagged.slice(0, same))
        assert not noisy.slice(same, 1).equals(flagged.slice(same, 1))


def test_a_minute_is_sampled_in_every_kind_of_hole() -> None:
    """Each hole leaves one minute to choose, or a few; ends of 5m candles are never taken."""
    whole = market(seed=5, pace_us=20_000_000)
    assert whole.orderbook is not None
    assert whole.perpetual is not None
    candles = whole.klines["1m"]
    flags = np.zeros(candles.num_rows, dtype=np.int64)
    flags[[FIRST_ROW + 701, FIRST_ROW - 3]] = FLAGS["filled"]
    flags[FIRST_ROW + 40] = FLAGS["outlier"]
    gap = range(FIRST_ROW + 304, FIRST_ROW + 309)
    book = without_rows(whole.orderbook, range(60 * 3 + 1_202 * 3, 60 * 3 + 1_203 * 3))
    perpetual = without_rows(whole.perpetual, range(1_440 + 1_001, 1_440 + 1_003))
    inputs = inputs_of(without_rows(with_column(candles, "flags", flags), gap), book=book, perp=perpetual)

    drawn = [sample_minutes(inputs, day=DAY, seed=seed) for seed in range(40)]

    for minutes in drawn:
        assert {303, 701, 1_202} <= set(minutes)
        assert len(set(minutes) & {1_001, 1_002}) >= 1
        assert minutes[0] in {0, 1, 2, 3, 5, 6, 7, 8, 10, 11}
        assert minutes == sorted(set(minutes))
        assert 5 <= len(minutes) <= 7
    seen = {minute for minutes in drawn for minute in minutes}
    assert {1_001, 1_002} <= seen
    assert len({minutes[0] for minutes in drawn}) > 5
    assert all(any(low <= minute < low + 720 for minute in seen - {303, 701, 1_001, 1_002, 1_202}) for low in (20, 720))


def test_without_book_and_perpetual_an_early_minute_and_one_of_each_half_are_sampled(
    day_inputs: FeatureInputs,
) -> None:
    for seed in range(10):
        minutes = sample_minutes(FeatureInputs(klines=day_inputs.klines), day=DAY, seed=seed)
        assert 2 <= len(minutes) <= 3
        assert minutes[0] <= 11
        assert minutes[-1] >= 720


def test_a_leak_is_told_of_the_last_row_that_changed_with_the_value_that_it_ought_to_have(
    day_inputs: FeatureInputs, gold: pa.Table
) -> None:
    values = gold["macd_5m"].to_numpy().copy()
    right = values[[3, 7]].copy()
    values[[3, 7]] = 7.5, np.nan
    wrong = with_column(gold, "macd_5m", pa.array(values, from_pandas=True))
    warm = np.arange(1440) != 5
    found = check_stored(with_column(wrong, "warm", warm), day_inputs, day=DAY, minutes=[7])
    assert [(leak.column, leak.kind) for leak in found] == [
        ("warm", "future cut off"),
        ("macd_5m", "future cut off"),
        ("warm", "future replaced by noise"),
        ("macd_5m", "future replaced by noise"),
    ]
    assert str(found[0]) == (
        "warm of 2024-08-05 00:05 is False, but True with the future cut off after 00:08; 1 rows differ"
    )
    assert str(found[3]) == (
        f"macd_5m of 2024-08-05 00:07 is None, but {right[1]} with the future replaced by noise after 00:08; "
        "2 rows differ"
    )
    assert (found[1].minute, found[1].as_of) == (
        datetime(2024, 8, 5, 0, 7, tzinfo=UTC),
        datetime(2024, 8, 5, 0, 8, tzinfo=UTC),
    )


@pytest.mark.parametrize(("part", "is_found"), [(0.9e-9, False), (1.1e-9, True)])
def test_a_value_may_be_off_by_rounding_and_not_by_more(
    day_inputs: FeatureInputs, gold: pa.Table, part: float, is_found: bool
) -> None:
    values = gold["bb_middle_20_1m"].to_numpy().copy()
    values[3] *= 1 + part
    found = check_stored(with_column(gold, "bb_middle_20_1m", values), day_inputs, day=DAY, minutes=[7])
    assert bool(found) == is_found


def test_a_row_too_few_and_a_row_too_many_are_told_apart(day_inputs: FeatureInputs, gold: pa.Table) -> None:
    lost = pa.concat_tables([gold.slice(0, 3), gold.slice(4)])
    (leak, *_) = check_stored(lost, day_inputs, day=DAY, minutes=[7])
    at_us = float(midnight_us() + 3 * MINUTE)
    assert (leak.column, leak.rows, leak.expected, leak.actual) == ("open_time", 1, at_us, None)
    assert leak.minute == datetime(2024, 8, 5, 0, 3, tzinfo=UTC)
    candles = without_rows(day_inputs.klines["1m"], [FIRST_ROW + 2, FIRST_ROW + 3])
    fewer = replace(day_inputs, klines={**day_inputs.klines, "1m": candles})
    (leak, *_) = check_stored(gold, fewer, day=DAY, minutes=[7])
    assert (leak.column, leak.rows, leak.expected, leak.actual) == ("open_time", 2, None, at_us)
