"""Mark price, funding, open interest and liquidations."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import numpy as np
import pytest

from crypto_assets.simulator.market import Market
from crypto_assets.simulator.market.calendar import number_of
from crypto_assets.simulator.market.perpetual import (
    estimate_rates,
    last_prices,
    make_premium,
    mark_price,
    premium_at_midnight,
)
from crypto_assets.spans import DAY_US

DAY = date(2024, 8, 5)
START = number_of(DAY) * DAY_US
HOUR_US = 3_600_000_000
MINUTES = START + np.arange(1_440, dtype=np.int64) * 60_000_000


def test_the_premium_is_continuous_over_midnight() -> None:
    for day in range(20_000, 20_005):
        today = make_premium(7, "BTCUSDT", day)
        assert today[-1] == make_premium(7, "BTCUSDT", day + 1)[0] == premium_at_midnight(7, "BTCUSDT", day + 1)
        assert abs(np.diff(today)).max() < 2_000


def test_the_index_is_the_last_spot_trade_and_the_mark_is_the_premium_away(market: Market) -> None:
    prices = market.mark_prices("BTCUSDT", MINUTES + 123)
    assert np.array_equal(prices.index_price, last_prices(market.tape("BTCUSDT", DAY), MINUTES))
    for mark, index, premium in list(zip(prices.mark_price, prices.index_price, prices.premium, strict=True))[::100]:
        assert abs(int(mark) - int(index) * (1 + Fraction(int(premium), 10**8))) <= 1


def test_perpetual_trades_stay_near_the_mark(market: Market) -> None:
    tape = market.tape("BTCUSDT", DAY, venue="usdm")
    mark = market.mark_prices("BTCUSDT", tape.aggregates.time_us).mark_price
    assert abs(tape.aggregates.price / mark - 1).max() < 0.01
    assert abs(np.median(tape.aggregates.price / mark - 1)) < 0.0001


def test_funding_is_paid_every_eight_hours_with_milliseconds_of_jitter(market: Market) -> None:
    funding = market.funding("BTCUSDT", START, START + 10 * DAY_US)
    late = funding.funding_time_us % (8 * HOUR_US)
    assert funding.rate.size == 30
    assert np.array_equal(np.diff(funding.funding_time_us - late), np.full(29, 8 * HOUR_US))
    assert late.max() < 20_000
    assert late.any()
    assert (late % 1_000 == 0).all()
    assert len(set(funding.rate.tolist())) > 1


def test_a_payment_belongs_to_the_span_that_its_late_time_lies_in(market: Market) -> None:
    times = market.funding("BTCUSDT", START, START + 30 * DAY_US).funding_time_us
    late = int(times[times % (8 * HOUR_US) > 0][0])
    assert late not in market.funding("BTCUSDT", late - HOUR_US, late).funding_time_us
    assert market.funding("BTCUSDT", late, late + 1).funding_time_us.tolist() == [late]


def test_the_rate_follows_from_the_premium_by_the_exchanges_formula(market: Market) -> None:
    premium = market.mark_prices("ETHUSDT", MINUTES[480:960]).premium.tolist()
    average = sum(weight * p for weight, p in enumerate(premium, start=1)) // sum(range(1, 481))
    expected = average + min(50_000, max(-50_000, 10_000 - average))
    paid = market.funding("ETHUSDT", START + 16 * HOUR_US, START + 17 * HOUR_US)
    assert paid.rate.tolist() == [expected]
    assert paid.mark_price == market.mark_prices("ETHUSDT", np.array([START + 16 * HOUR_US])).mark_price


def test_a_large_premium_raises_the_rate_above_interest() -> None:
    rates = estimate_rates(np.full(86_401, 200_000))
    assert (rates == 150_000).all()
    assert (estimate_rates(np.zeros(86_401, dtype=np.int64)) == 10_000).all()
    assert (estimate_rates(np.full(86_401, -200_000)) == -150_000).all()


def test_the_running_estimate_ends_as_the_rate_paid(market: Market) -> None:
    just_before = np.array([START + 8 * HOUR_US - 1])
    estimate = market.mark_prices("BTCUSDT", just_before)
    assert estimate.estimated_rate == market.funding("BTCUSDT", START + 8 * HOUR_US, START + 9 * HOUR_US).rate
    assert estimate.next_funding_time_us == START + 8 * HOUR_US


def test_mark_price_rounds_to_the_eighth_decimal() -> None:
    assert mark_price(np.array([10**13]), np.array([-12_345])).tolist() == [10**13 - 1_234_500_000]


@pytest.mark.parametrize("kind", ["mark", "index", "premium"])
def test_price_candles_are_their_seconds(market: Market, kind) -> None:
    candles = market.price_klines("BTCUSDT", kind, "1m", START, START + DAY_US)
    seconds = market.price_klines("BTCUSDT", kind, "1s", START, START + DAY_US).close.reshape(1_440, 60)
    column = "premium" if kind == "premium" else f"{kind}_price"
    sampled = getattr(market.mark_prices("BTCUSDT", START + np.arange(86_400) * 1_000_000), column)
    assert np.array_equal(seconds.ravel(), sampled)
    assert np.array_equal(candles.open, seconds[:, 0])
    assert np.array_equal(candles.high, seconds.max(axis=1))
    assert np.array_equal(candles.low, seconds.min(axis=1))
    assert np.array_equal(candles.close, seconds[:, -1])
    assert (candles.count == 60).all()


def test_price_candles_still_open_hold_the_seconds_so_far(market: Market) -> None:
    candles = market.price_klines("BTCUSDT", "mark", "1h", START, START + DAY_US, until_us=START + 5_400_000_001)
    assert candles.count.tolist() == [3_600, 1_801]
    assert market.price_klines("BTCUSDT", "mark", "3d", START - 3 * DAY_US, START + DAY_US).count[-1] % 86_400 == 0


def test_price_candles_begin_with_the_perpetual(market: Market) -> None:
    listed = number_of(date(2019, 9, 8)) * DAY_US
    candles = market.price_klines("BTCUSDT", "index", "1h", listed, listed + DAY_US)
    assert candles.open_time_us.tolist() == [listed + hour * HOUR_US for hour in range(4, 24)]


def test_open_interest_changes_every_five_minutes_and_reads_the_perpetuals_takers(market: Market) -> None:
    times = START + np.arange(1, 289, dtype=np.int64) * 300_000_000
    figures = market.open_interest("BTCUSDT", times + 299_999_999)
    assert np.array_equal(figures.time_us, times)
    _, lot = market.spec("BTCUSDT").grid("usdm")
    assert (figures.open_interest % lot == 0).all()
    assert abs(np.diff(figures.open_interest) / figures.open_interest[1:]).max() < 0.05
    trades = market.trades("BTCUSDT", START + 3_000_000_000, START + 3_300_000_000, venue="usdm")
    assert figures.taker_buy_volume[10] == trades.quantity[~trades.is_buyer_maker].sum()
    assert figures.taker_sell_volume[10] == trades.quantity[trades.is_buyer_maker].sum()
    assert figures.taker_volume_ratio[10] == pytest.approx(
        1e8 * figures.taker_buy_volume[10] / figures.taker_sell_volume[10], abs=1
    )


def test_open_interest_is_continuous_over_midnight(market: Market) -> None:
    figures = market.open_interest("BTCUSDT", START + np.array([-1, 0, 1]) * 300_000_000)
    assert figures.time_us.tolist() == [START - 300_000_000, START, START + 300_000_000]
    assert abs(np.diff(figures.open_interest) / figures.open_interest[1:]).max() < 0.05


def test_liquidations_are_aggregates_at_most_one_a_second_in_fast_moves(market: Market) -> None:
    tape = market.tape("BTCUSDT", DAY, venue="usdm")
    struck = market.liquidations("BTCUSDT", DAY)
    assert 5 < struck.time_us.size < 3_000
    assert (np.diff(struck.time_us // 1_000_000) > 0).all()
    of_tape = (tape.aggregates.time_us, tape.aggregates.price, tape.aggregates.quantity, tape.aggregates.is_buyer_maker)
    of_orders = (struck.time_us, struck.average_price, struck.quantity, struck.is_sell)
    aggregates = set(zip(*(column.tolist() for column in of_tape), strict=True))
    assert aggregates.issuperset(zip(*(column.tolist() for column in of_orders), strict=True))
    now, before = (market.mark_prices("BTCUSDT", struck.time_us - ago).index_price for ago in (0, 60_000_000))
    fell = now < before
    assert (fell == struck.is_sell).mean() > 0.9
    assert (struck.price[struck.is_sell] <= struck.average_price[struck.is_sell]).all()
    assert (struck.price[~struck.is_sell] >= struck.average_price[~struck.is_sell]).all()
    candles = market.price_klines("BTCUSDT", "mark", "1m", START, START + DAY_US)
    ranges = (candles.high - candles.low) / candles.low
    minutes = np.unique((struck.time_us - START) // 60_000_000)
    assert ranges[minutes].mean() > 2 * ranges.mean()


def test_before_its_listing_the_perpetual_has_nothing(market: Market) -> None:
    early = number_of(date(2018, 1, 1)) * DAY_US
    assert market.liquidations("BTCUSDT", date(2018, 1, 1)).time_us.size == 0
    assert market.funding("BTCUSDT", early, early + DAY_US).rate.size == 0
    assert market.price_klines("BTCUSDT", "mark", "1m", early, early + DAY_US).count.size == 0
    with pytest.raises(LookupError, match="2019-09-08"):
        market.mark_prices("BTCUSDT", np.array([early]))
    with pytest.raises(LookupError, match="2019-09-08"):
        market.open_interest("BTCUSDT", np.array([early]))
