"""What can be asked of a market beside candles and books."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import Refused
from crypto_assets.simulator.market import Market
from crypto_assets.simulator.market.calendar import number_of
from crypto_assets.spans import DAY_US

DAY = date(2024, 8, 5)
START = number_of(DAY) * DAY_US


def test_an_unknown_symbol_is_refused_as_the_exchange_does(market: Market) -> None:
    with pytest.raises(Refused) as refusal:
        market.tape("NOPEUSDT", DAY)
    assert refusal.value.code == -1121


def test_a_day_outside_of_the_markets_time_is_a_lookup_error(market: Market) -> None:
    for day in (date(2017, 8, 16), date(2036, 1, 1)):
        with pytest.raises(LookupError, match="2017-08-17 to 2035-12-31"):
            market.tape("BTCUSDT", day)


@settings(max_examples=20)
@given(start=st.integers(-3_600, 90_000), length=st.integers(0, 10_000))
def test_trades_and_aggregates_of_a_span_are_those_of_its_days(market: Market, start: int, length: int) -> None:
    start_us = START + start * 1_000_000
    trades = market.trades("BTCUSDT", start_us, start_us + length * 1_000_000)
    aggregates = market.agg_trades("BTCUSDT", start_us, start_us + length * 1_000_000)
    assert ((trades.time_us >= start_us) & (trades.time_us < start_us + length * 1_000_000)).all()
    assert (np.diff(trades.trade_id) == 1).all()
    assert (np.diff(aggregates.agg_id) == 1).all()
    assert trades.quantity.sum() == aggregates.quantity.sum()
    if trades.trade_id.size:
        assert aggregates.first_trade_id[0] == trades.trade_id[0]
        assert aggregates.last_trade_id[-1] == trades.trade_id[-1]


@pytest.mark.parametrize("venue", ["spot", "usdm"])
def test_trades_are_found_by_id_over_midnight(market: Market, venue) -> None:
    before, after = market.tape("BTCUSDT", date(2024, 8, 4), venue=venue), market.tape("BTCUSDT", DAY, venue=venue)
    first = after.first_trade_id - 10
    trades = market.trades_by_id("BTCUSDT", first, 30, venue=venue)
    assert trades.trade_id.tolist() == list(range(first, first + 30))
    assert trades.price.tolist() == [*before.trades.price[-10:].tolist(), *after.trades.price[:20].tolist()]
    aggregates = market.agg_trades_by_id("BTCUSDT", after.first_agg_id - 1, 2, venue=venue)
    assert aggregates.time_us.tolist() == [before.aggregates.time_us[-1], after.aggregates.time_us[0]]


def test_ids_lead_to_their_day_and_row(market: Market) -> None:
    tape = market.tape("BTCUSDT", DAY)
    assert market.locate_trade("BTCUSDT", tape.first_trade_id) == (DAY, 0)
    assert market.locate_trade("BTCUSDT", tape.first_trade_id - 1)[0] == date(2024, 8, 4)
    assert market.locate_agg("BTCUSDT", int(tape.aggregates.agg_id[-1])) == (DAY, tape.aggregates.time_us.size - 1)
    assert market.locate_trade("LUNAUSDT", 0) == (date(2020, 8, 21), 0)


def test_ids_end_with_the_symbol(market: Market) -> None:
    last = market.tape("LUNAUSDT", date(2022, 5, 12)).trades.trade_id[-1]
    assert market.trades_by_id("LUNAUSDT", int(last) - 2, 100).trade_id.size == 3
    for wrong in (-1, int(last) + 1):
        with pytest.raises(LookupError, match=str(wrong)):
            market.locate_trade("LUNAUSDT", wrong)


def test_of_no_moments_there_are_no_tickers(market: Market) -> None:
    assert market.tickers_24h("BTCUSDT", np.array([], dtype=np.int64)) == []


def test_the_ticker_is_the_sum_of_its_24_hours(market: Market) -> None:
    now = START + 5 * 3_600_000_000 + 123_456
    ticker = market.ticker_24h("BTCUSDT", now)
    trades = market.trades("BTCUSDT", now - DAY_US, now + 1)
    earlier = market.trades("BTCUSDT", now - DAY_US - 600_000_000, now - DAY_US)
    assert (ticker.open_time_us, ticker.close_time_us) == (now - DAY_US, now)
    assert (ticker.count, ticker.volume) == (trades.price.size, trades.quantity.sum())
    assert ticker.quote_volume == trades.quote_quantity.sum()
    assert (ticker.high_price, ticker.low_price) == (trades.price.max(), trades.price.min())
    assert (ticker.open_price, ticker.last_price) == (trades.price[0], trades.price[-1])
    assert ticker.last_quantity == trades.quantity[-1]
    assert ticker.previous_close_price == earlier.price[-1]
    assert (ticker.first_trade_id, ticker.last_trade_id) == (trades.trade_id[0], trades.trade_id[-1])
    assert ticker.price_change == ticker.last_price - ticker.open_price
    assert ticker.price_change_percent == round(Fraction(100_000 * ticker.price_change, ticker.open_price))
    assert ticker.weighted_average_price == round(Fraction(ticker.quote_volume * 10**8, ticker.volume))
    assert ticker.bid_price <= ticker.last_price <= ticker.ask_price


def test_a_tape_is_handed_out_twice_but_made_once(market: Market) -> None:
    assert market.tape("BTCUSDT", DAY) is market.tape("BTCUSDT", DAY)


def test_only_a_few_days_are_kept() -> None:
    market = Market(7, ["DOGEUSDT"])
    first = market.tape("DOGEUSDT", date(2024, 1, 1))
    for day in range(2, 20):
        market.tape("DOGEUSDT", date(2024, 1, day))
    assert market.tape("DOGEUSDT", date(2024, 1, 1)) is not first


def test_the_moments_of_a_pace_begin_with_the_listing_and_end_with_the_delisting(market: Market) -> None:
    hour, listed, gone = 3_600_000_000, number_of(date(2020, 8, 21)) * DAY_US, number_of(date(2022, 5, 13)) * DAY_US
    first = market.open_times("LUNAUSDT", listed, listed + 6 * hour, pace_us=hour)
    assert ((first - listed) // hour).tolist() == [4, 5]
    last = market.open_times("LUNAUSDT", gone - hour, gone + hour, pace_us=hour // 2)
    assert ((last - gone) // (hour // 2)).tolist() == [-2, -1]
    assert market.closed("LUNAUSDT")[0][1] == listed + 4 * hour
