"""The trades of a day."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.simulator.market import Market, Tape
from crypto_assets.simulator.market.calendar import number_of
from crypto_assets.spans import DAY_US

DAY = date(2024, 8, 5)
days = st.dates(date(2017, 8, 17), date(2035, 12, 31))
LISTED = ["BTCUSDT", "ETHUSDT", "DOGEUSDT", "QUUXUSDT"]
symbols = st.sampled_from(LISTED)
SPOT_DIGEST = "e2c86a7dd1acc7628e7348a2a15396a33c772c7eed05462b7fd94e8fd80af9ed"
FUTURES_DIGEST = "fd1a1afa251ab744c37100c6c924c88bb1b70192f08ce67a6bc43abb097fd590"
venues = st.sampled_from(["spot", "usdm"])


def digest(tape: Tape) -> str:
    """A hash over everything in a tape but the ids of its rows, which follow from the first."""
    total = hashlib.sha256()
    trades, aggregates = tape.trades, tape.aggregates
    values = (
        tape.symbol, tape.day,
        trades.time_us, trades.price, trades.quantity, trades.quote_quantity, trades.is_buyer_maker, tape.agg_index,
        tape.first_trade_id, tape.first_agg_id, tape.previous_close,
        aggregates.time_us, aggregates.price, aggregates.quantity,
        aggregates.first_trade_id, aggregates.last_trade_id, aggregates.is_buyer_maker, tape.closed,
    )  # fmt: skip
    for value in values:
        is_array = isinstance(value, np.ndarray)
        total.update(value.astype("<i8").tobytes() if is_array else repr(value).encode())
    return total.hexdigest()


def test_a_known_day_has_the_bits_it_had_when_this_was_written(market: Market) -> None:
    """A change here changes every simulated price: do it on purpose, and say so in the changelog."""
    assert digest(market.tape("BTCUSDT", DAY)) == SPOT_DIGEST
    assert digest(market.tape("BTCUSDT", DAY, venue="usdm")) == FUTURES_DIGEST


@settings(max_examples=8)
@given(asked=st.lists(st.tuples(symbols, venues, days), min_size=2, max_size=4, unique=True), order=st.randoms())
def test_a_tape_does_not_depend_on_what_was_asked_before(asked, order) -> None:
    first, second = Market(3, LISTED), Market(3, LISTED[::-1])
    shuffled = list(asked)
    order.shuffle(shuffled)
    seen = {key: digest(first.tape(key[0], key[2], venue=key[1])) for key in asked}
    assert {key: digest(second.tape(key[0], key[2], venue=key[1])) for key in shuffled} == seen


def test_another_process_makes_the_same_tape(market: Market) -> None:
    program = (
        "from datetime import date;"
        "from crypto_assets.simulator.market import Market;"
        "from crypto_assets_tests.simulator.market.test_tape import digest;"
        "print(digest(Market(7, ['QUUXUSDT', 'BTCUSDT']).tape('QUUXUSDT', date(2031, 2, 3))))"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == digest(market.tape("QUUXUSDT", date(2031, 2, 3)))


def test_another_seed_makes_another_tape(market: Market) -> None:
    assert digest(Market(8, ["BTCUSDT"]).tape("BTCUSDT", DAY)) != digest(market.tape("BTCUSDT", DAY))


@settings(max_examples=10)
@given(symbol=symbols, venue=venues, day=days)
def test_every_tape_is_well_formed(market: Market, symbol: str, venue, day: date) -> None:
    tape = market.tape(symbol, day, venue=venue)
    tick, lot = market.spec(symbol).grid(venue)
    start = number_of(day) * DAY_US
    assert (np.diff(tape.trades.time_us) >= 0).all()
    assert ((tape.trades.time_us >= start) & (tape.trades.time_us < start + DAY_US)).all()
    assert (tape.trades.price >= tick).all()
    assert (tape.trades.price % tick == 0).all()
    assert (tape.trades.quantity >= lot).all()
    assert (tape.trades.quantity % lot == 0).all()
    sample = slice(None, None, 997)
    exact = [int(p) * int(q) for p, q in zip(tape.trades.price[sample], tape.trades.quantity[sample], strict=True)]
    assert exact == [int(q) * 10**8 for q in tape.trades.quote_quantity[sample]]
    for start_us, end_us in tape.closed:
        assert not ((tape.trades.time_us >= start_us) & (tape.trades.time_us < end_us)).any()


def test_an_order_has_a_lot_for_each_of_its_fills_even_where_lots_are_dear(market: Market) -> None:
    tape = market.tape("LUNAUSDT", date(2022, 1, 31), venue="usdm")
    _, lot = market.spec("LUNAUSDT").grid("usdm")
    assert (tape.trades.quantity >= lot).all()
    fills = tape.aggregates.last_trade_id - tape.aggregates.first_trade_id + 1
    assert (tape.aggregates.quantity == fills * lot).any(), "no order of this day is as small as can be"


@settings(max_examples=6)
@given(symbol=symbols, venue=venues, day=days)
def test_aggregates_are_the_trades_that_they_hold(market: Market, symbol: str, venue, day: date) -> None:
    tape = market.tape(symbol, day, venue=venue)
    if not tape.trades.time_us.size:
        assert not tape.aggregates.time_us.size
        return
    starts = np.flatnonzero(np.diff(tape.agg_index, prepend=-1))
    assert np.array_equal(tape.aggregates.quantity, np.add.reduceat(tape.trades.quantity, starts))
    assert np.array_equal(tape.aggregates.price[tape.agg_index], tape.trades.price)
    assert np.array_equal(tape.aggregates.time_us[tape.agg_index], tape.trades.time_us)
    assert np.array_equal(tape.aggregates.is_buyer_maker[tape.agg_index], tape.trades.is_buyer_maker)
    assert np.array_equal(tape.aggregates.first_trade_id, tape.trades.trade_id[starts])
    assert np.array_equal(tape.aggregates.last_trade_id[:-1] + 1, tape.aggregates.first_trade_id[1:])
    assert tape.aggregates.last_trade_id[-1] == tape.trades.trade_id[-1]


@settings(max_examples=8)
@given(symbol=symbols, venue=venues, day=days.filter(lambda d: d < date(2035, 12, 31)))
def test_days_join_without_a_seam(market: Market, symbol: str, venue, day: date) -> None:
    check_seam(market, symbol, venue, day)


@pytest.mark.parametrize("year", [2017, 2019, 2020, 2023, 2024, 2025, 2034])
def test_years_join_without_a_seam(market: Market, year: int) -> None:
    check_seam(market, "BTCUSDT", "spot", date(year, 12, 31))


def check_seam(market: Market, symbol: str, venue, day: date) -> None:
    before, after = market.tape(symbol, day, venue=venue), market.tape(symbol, day + timedelta(days=1), venue=venue)
    assert after.first_trade_id == before.first_trade_id + before.trades.time_us.size
    assert after.first_agg_id == before.first_agg_id + before.aggregates.time_us.size
    if before.trades.time_us.size:
        assert after.previous_close == before.trades.price[-1]
        tick, _ = market.spec(symbol).grid(venue)
        first_move = abs(int(after.trades.price[0]) - after.previous_close)
        assert first_move <= max(0.01 * after.previous_close, 3 * tick)


def test_nothing_is_traded_before_the_listing_or_after_the_delisting(market: Market) -> None:
    assert market.tape("LUNAUSDT", date(2020, 8, 20)).trades.time_us.size == 0
    first = market.tape("LUNAUSDT", date(2020, 8, 21))
    assert first.trades.time_us[0] >= number_of(first.day) * DAY_US + 4 * 3_600 * 10**6
    assert first.first_trade_id == 0
    assert market.tape("LUNAUSDT", date(2022, 5, 12)).trades.time_us.size
    gone = market.tape("LUNAUSDT", date(2022, 5, 13))
    start_us = number_of(gone.day) * DAY_US
    assert gone.trades.time_us.size == 0
    assert gone.closed == ((start_us, start_us + DAY_US),)
    assert gone.previous_close == market.tape("LUNAUSDT", date(2022, 5, 12)).trades.price[-1]
