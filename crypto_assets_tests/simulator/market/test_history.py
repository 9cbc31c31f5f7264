"""Years of a symbol at once."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from crypto_assets.simulator.market import Market
from crypto_assets.simulator.market.calendar import FIRST_DAY, TradingCalendar, number_of
from crypto_assets.simulator.market.exact import exp2
from crypto_assets.simulator.market.history import DAYS, make_history, make_ledger
from crypto_assets.simulator.market.spec import make_spec


def test_bitcoin_is_near_its_levels_at_new_year() -> None:
    prices = exp2(make_history(7, make_spec("BTCUSDT")).opening) / 1e8
    for year, level in {2018: 13_500, 2021: 29_000, 2024: 42_500, 2026: 88_000}.items():
        assert prices[number_of(date(year, 1, 1)) - FIRST_DAY] == pytest.approx(level, rel=0.4)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "DOGEUSDT", "LUNAUSDT", "FOOUSDT", "BARBTC"])
@pytest.mark.parametrize("seed", [0, 7, 2**70, -1])
def test_no_symbol_leaves_its_digits_until_2035(symbol: str, seed: int) -> None:
    spec = make_spec(symbol)
    prices = exp2(make_history(seed, spec).opening)
    listed = number_of(spec.listed_on) - FIRST_DAY
    assert prices[listed:].min() > 20 * spec.tick
    assert prices.max() < 2**53


def test_daily_returns_have_fat_tails_and_the_volatility_of_the_spec() -> None:
    returns = np.diff(np.log(exp2(make_history(7, make_spec("BTCUSDT")).opening)))
    assert 0.02 < returns.std() < 0.035
    assert np.mean(returns**4) / np.mean(returns**2) ** 2 > 3.3


def test_days_have_thirty_to_a_hundred_and_fifty_thousand_trades() -> None:
    spec = make_spec("BTCUSDT")
    ledger = make_ledger(7, spec, make_history(7, spec), TradingCalendar(spec, "spot", events=()), venue="spot")
    recent = ledger.trades[number_of(date(2021, 1, 1)) - FIRST_DAY :]
    assert np.percentile(recent, 5) > 30_000
    assert np.percentile(recent, 95) < 150_000


def test_ids_of_a_day_begin_where_the_day_before_ended(market: Market) -> None:
    spec = market.spec("BTCUSDT")
    ledger = make_ledger(7, spec, make_history(7, spec), TradingCalendar(spec, "spot", events=()), venue="spot")
    assert ledger.first_trade.size == DAYS + 1
    assert np.array_equal(np.diff(ledger.first_trade), ledger.trades)
    assert np.array_equal(np.diff(ledger.first_order), ledger.orders)
    day = date(2030, 5, 5)
    assert market.tape("BTCUSDT", day).first_trade_id == ledger.first_trade[number_of(day) - FIRST_DAY]
