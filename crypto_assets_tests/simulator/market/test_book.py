"""Order books."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.simulator.market import Market
from crypto_assets.simulator.market.calendar import SLOT_US, number_of
from crypto_assets.spans import DAY_US

DAY = date(2024, 8, 5)
START = number_of(DAY) * DAY_US
EVERY_SECOND = START + np.arange(86_400, dtype=np.int64) * 1_000_000


@pytest.mark.parametrize("venue", ["spot", "usdm"])
@pytest.mark.parametrize("symbol", ["BTCUSDT", "DOGEUSDT"])
def test_best_prices_bracket_the_last_trade_all_day(market: Market, symbol: str, venue) -> None:
    times = EVERY_SECOND + np.arange(86_400) * 7_919 % 1_000_000
    book = market.book(symbol, times, levels=1, venue=venue)
    tape = market.tape(symbol, DAY, venue=venue)
    last = np.append(tape.previous_close, tape.trades.price)[np.searchsorted(tape.trades.time_us, times, side="right")]
    assert (book.bid_price[:, 0] <= last).all()
    assert (last <= book.ask_price[:, 0]).all()
    assert (book.bid_price[:, 0] < book.ask_price[:, 0]).all()


@settings(max_examples=10)
@given(day=st.dates(date(2021, 1, 1), date(2035, 12, 31)))
def test_best_prices_bracket_the_trades_beside_midnight(market: Market, day: date) -> None:
    start = number_of(day) * DAY_US
    times = start + np.append(np.arange(20) * 50_000, DAY_US - 1 - np.arange(20) * 50_000)
    book = market.book("BTCUSDT", times, levels=1)
    tape = market.tape("BTCUSDT", day)
    last = np.append(tape.previous_close, tape.trades.price)[np.searchsorted(tape.trades.time_us, times, side="right")]
    assert ((book.bid_price[:, 0] <= last) & (last <= book.ask_price[:, 0])).all()


@pytest.mark.parametrize("venue", ["spot", "usdm"])
def test_trades_happen_within_the_book_shown_before_them(market: Market, venue) -> None:
    tape = market.tape("ETHUSDT", DAY, venue=venue)
    book = market.book("ETHUSDT", tape.aggregates.time_us, levels=1, venue=venue)
    assert (tape.aggregates.price >= book.bid_price[:, 0]).all()
    assert (tape.aggregates.price <= book.ask_price[:, 0]).all()


def test_books_are_sorted_positive_and_on_the_grid(market: Market) -> None:
    book = market.book("BTCUSDT", EVERY_SECOND[::60])
    spec = market.spec("BTCUSDT")
    assert book.bid_price.shape == book.ask_quantity.shape == (1_440, 20)
    assert (np.diff(book.bid_price, axis=1) < 0).all()
    assert (np.diff(book.ask_price, axis=1) > 0).all()
    for prices in (book.bid_price, book.ask_price):
        assert (prices % spec.tick == 0).all()
    for quantities in (book.bid_quantity, book.ask_quantity):
        assert (quantities >= spec.lot).all()
        assert (quantities % spec.lot == 0).all()


def test_spreads_are_one_to_two_basis_points_and_wider_when_it_moves(market: Market) -> None:
    book = market.book("BTCUSDT", EVERY_SECOND, levels=1)
    spread = (book.ask_price - book.bid_price)[:, 0] / book.bid_price[:, 0] * 1e4
    assert 1.0 < np.median(spread) < 2.0
    candles = market.klines("BTCUSDT", "1m", START, START + DAY_US)
    ranges = (candles.high - candles.low) / candles.low
    assert np.corrcoef(spread.reshape(1_440, 60).mean(axis=1), ranges)[0, 1] > 0.5


@settings(max_examples=15)
@given(slot=st.integers(0, 863_999), within=st.integers(1, SLOT_US - 1))
def test_a_book_stands_still_within_its_tenth_of_a_second(market: Market, slot: int, within: int) -> None:
    start = START + slot * SLOT_US
    book = market.book("BTCUSDT", np.array([start, start + within, start + SLOT_US - 1]))
    for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity", "last_update_id"):
        assert (np.diff(getattr(book, name), axis=0) == 0).all()


def test_update_ids_rise_with_every_slot_and_over_midnight(market: Market) -> None:
    slots = START + DAY_US + (np.arange(4_000) - 2_000) * SLOT_US
    assert (np.diff(market.book("BTCUSDT", slots, levels=1).last_update_id) > 0).all()


def test_the_deep_book_begins_with_the_shallow_one(market: Market) -> None:
    moment = START + 12_345_678_901
    deep, shallow = market.depth("BTCUSDT", moment), market.book("BTCUSDT", np.array([moment]), levels=20)
    assert deep.bid_price.shape == deep.ask_price.shape == (1, 1_000)
    for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity"):
        assert np.array_equal(getattr(deep, name)[:, :20], getattr(shallow, name))
    assert deep.last_update_id == shallow.last_update_id
    assert (deep.bid_price > 0).all()


def test_books_do_not_depend_on_what_else_is_asked(market: Market) -> None:
    times = START + np.array([5, 86_400 * 3 + 1, -7, 40_000, 5], dtype=np.int64) * 1_000_000
    together = market.book("BTCUSDT", times)
    for row, moment in enumerate(times):
        alone = Market(7, ["BTCUSDT"]).book("BTCUSDT", np.array([moment]))
        for name in ("last_update_id", "bid_price", "bid_quantity", "ask_price", "ask_quantity"):
            assert np.array_equal(getattr(together, name)[row], getattr(alone, name)[0])


def test_from_slot_to_slot_most_levels_stay(market: Market) -> None:
    times = START + np.arange(600, dtype=np.int64) * SLOT_US
    book = market.book("BTCUSDT", times, levels=11)
    kept = [np.isin(book.bid_price[i, 1:], book.bid_price[i + 1]).mean() for i in range(599)]
    assert 0.8 < np.mean(kept) < 1.0


def test_near_a_price_of_zero_there_are_fewer_levels() -> None:
    market = Market(7, ["BNBUSDT"])
    book = market.depth("BNBUSDT", number_of(date(2017, 11, 8)) * DAY_US)
    assert 20 < book.bid_price.shape[1] < 1_000
    assert book.bid_price.min() > 0


def test_before_the_listing_there_is_no_book(market: Market) -> None:
    with pytest.raises(LookupError, match="2020-08-21 04:00"):
        market.depth("LUNAUSDT", number_of(date(2020, 8, 20)) * DAY_US)
