"""Candles of every interval."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.simulator.market import KlineArrays, Market, klines
from crypto_assets.simulator.market.calendar import number_of
from crypto_assets.simulator.market.klines import LONG_INTERVALS, SECONDS, long_span
from crypto_assets.spans import DAY_US, to_us

DAY = date(2024, 8, 5)
START = number_of(DAY) * DAY_US
SUMMED = ("volume", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume")
shorter = [(a, b) for a in SECONDS for b in SECONDS if SECONDS[a] < SECONDS[b] and SECONDS[b] % SECONDS[a] == 0]


def equal(left: KlineArrays, right: KlineArrays) -> bool:
    return all(np.array_equal(getattr(left, c.name), getattr(right, c.name)) for c in fields(KlineArrays))


@pytest.mark.parametrize(("short", "long"), shorter)
@pytest.mark.parametrize("venue", ["spot", "usdm"])
def test_candles_add_up_to_the_longer_ones_to_the_last_digit(market: Market, venue, short: str, long: str) -> None:
    tape = market.tape("BTCUSDT", DAY, venue=venue)
    parts, whole = klines(tape, SECONDS[short]), klines(tape, SECONDS[long])
    n = whole.count.size
    assert n == 86_400 // SECONDS[long]
    for name in SUMMED:
        assert np.array_equal(getattr(parts, name).reshape(n, -1).sum(axis=1), getattr(whole, name)), name
    traded = parts.count.reshape(n, -1) > 0
    high = np.where(traded, parts.high.reshape(n, -1), 0).max(axis=1)
    low = np.where(traded, parts.low.reshape(n, -1), 2**62).min(axis=1)
    held = traded.any(axis=1)
    assert np.array_equal(high[held], whole.high[held])
    assert np.array_equal(low[held], whole.low[held])
    assert np.array_equal(parts.close.reshape(n, -1)[:, -1], whole.close)
    first = parts.open.reshape(n, -1)[np.arange(n), traded.argmax(axis=1)]
    assert np.array_equal(first[held], whole.open[held])


def test_a_candle_is_what_a_plain_loop_over_its_trades_gives(market: Market) -> None:
    tape = market.tape("ETHUSDT", DAY)
    candles = klines(tape, 60)
    for minute in (0, 1, 719, 1_439):
        rows = [i for i, t in enumerate(tape.trades.time_us.tolist()) if (t - START) // 60_000_000 == minute]
        prices = [int(tape.trades.price[i]) for i in rows]
        bought = [i for i in rows if not tape.trades.is_buyer_maker[i]]
        assert [int(getattr(candles, c.name)[minute]) for c in fields(KlineArrays)] == [
            START + minute * 60_000_000,
            START + (minute + 1) * 60_000_000 - 1,
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
            sum(int(tape.trades.quantity[i]) for i in rows),
            sum(int(tape.trades.quote_quantity[i]) for i in rows),
            len(rows),
            sum(int(tape.trades.quantity[i]) for i in bought),
            sum(int(tape.trades.quote_quantity[i]) for i in bought),
        ]


def test_a_candle_without_trades_repeats_the_last_price(market: Market) -> None:
    candles = klines(market.tape("DOGEUSDT", DAY), 1)
    empty = np.flatnonzero(candles.count[1:] == 0) + 1
    assert empty.size > 1_000
    for name in ("open", "high", "low", "close"):
        assert np.array_equal(getattr(candles, name)[empty], candles.close[empty - 1])
    assert not candles.volume[empty].any()


def test_the_first_candle_without_trades_has_the_close_of_the_day_before(market: Market) -> None:
    tape = market.tape("DOGEUSDT", DAY)
    candles = klines(tape, 1)
    until_first_trade = (int(tape.trades.time_us[0]) - START) // 1_000_000
    assert (candles.close[:until_first_trade] == market.tape("DOGEUSDT", date(2024, 8, 4)).trades.price[-1]).all()


@pytest.mark.parametrize("interval", LONG_INTERVALS)
def test_long_candles_are_their_days(market: Market, interval: str) -> None:
    first, end = long_span(date(2024, 8, 14), interval)
    start_us, end_us = number_of(first) * DAY_US, number_of(end) * DAY_US
    whole = market.klines("DOGEUSDT", interval, start_us, end_us)
    daily = market.klines("DOGEUSDT", "1d", start_us, end_us)
    assert whole.open_time_us.tolist() == [start_us]
    assert whole.close_time_us.tolist() == [end_us - 1]
    assert daily.count.size == (end - first).days
    for name in SUMMED:
        assert getattr(whole, name)[0] == getattr(daily, name).sum()
    assert (whole.open[0], whole.close[0]) == (daily.open[0], daily.close[-1])
    assert (whole.high[0], whole.low[0]) == (daily.high.max(), daily.low.min())


def test_long_candles_begin_on_monday_and_on_the_first() -> None:
    assert long_span(date(2024, 8, 14), "1w") == (date(2024, 8, 12), date(2024, 8, 19))
    assert long_span(date(2024, 12, 31), "1M") == (date(2024, 12, 1), date(2025, 1, 1))
    first, end = long_span(date(2024, 8, 14), "3d")
    assert (end - first).days == 3
    assert number_of(first) % 3 == 0


def test_the_first_week_of_a_listing_is_a_candle_that_opened_before_it(market: Market) -> None:
    weeks = market.klines("BTCUSDT", "1w", 0, to_us(datetime(2017, 8, 22, tzinfo=UTC)))
    assert weeks.open_time_us.tolist() == [number_of(date(2017, 8, 14)) * DAY_US, number_of(date(2017, 8, 21)) * DAY_US]


@pytest.mark.parametrize("interval", list(LONG_INTERVALS))
def test_a_span_in_which_none_opens_holds_none(market: Market, interval: str) -> None:
    for start_us, end_us in ((START + 1, START + 2), (START, START), (0, 1)):
        assert market.klines("BTCUSDT", interval, start_us, end_us).open_time_us.tolist() == []


@settings(max_examples=15)
@given(
    interval=st.sampled_from(list(SECONDS)),
    start=st.integers(-7_200, 90_000),
    length=st.integers(0, 7_200),
)
def test_a_span_holds_the_candles_that_open_in_it(market: Market, interval: str, start: int, length: int) -> None:
    start_us, end_us = START + start * 1_000_000 + 1, START + (start + length) * 1_000_000
    candles = market.klines("BTCUSDT", interval, start_us, end_us)
    width = SECONDS[interval] * 1_000_000
    assert candles.open_time_us.tolist() == list(range(-(-start_us // width) * width, end_us, width))


@settings(max_examples=15)
@given(interval=st.sampled_from([*SECONDS, "3d"]), until=st.integers(1, DAY_US))
def test_a_candle_still_open_knows_only_what_was_traded(market: Market, interval: str, until: int) -> None:
    until_us = START + until
    from_us = START - (3 if interval == "3d" else 1) * DAY_US
    candles = market.klines("BTCUSDT", interval, from_us, START + DAY_US, until_us=until_us)
    closed = market.klines("BTCUSDT", interval, from_us, START + DAY_US)
    assert candles.open_time_us[-1] < until_us <= candles.close_time_us[-1] + 1
    for column in fields(KlineArrays):
        done = candles.close_time_us < until_us
        assert np.array_equal(getattr(candles, column.name)[done], getattr(closed, column.name)[: done.sum()])
    open_us = int(candles.open_time_us[-1])
    so_far = market.trades("BTCUSDT", open_us, until_us)
    assert candles.count[-1] == so_far.price.size
    assert candles.volume[-1] == so_far.quantity.sum()


def test_an_unknown_interval_names_the_known_ones(market: Market) -> None:
    with pytest.raises(ValueError, match="1s, 1m, 3m"):
        market.klines("BTCUSDT", "7m", START, START + DAY_US)
    with pytest.raises(ValueError, match="does not divide"):
        klines(market.tape("BTCUSDT", DAY), 7)
