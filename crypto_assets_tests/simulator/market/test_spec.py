"""Symbols, known ones and any others."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.market.spec import make_spec, split_symbol


def test_bitcoin_has_the_tick_and_lot_of_the_exchange() -> None:
    spec = make_spec("BTCUSDT")
    assert (spec.base_asset, spec.quote_asset) == ("BTC", "USDT")
    assert (spec.tick_size, spec.lot_size) == (Decimal("0.01"), Decimal("0.00001"))
    assert (spec.tick, spec.lot) == (1_000_000, 1_000)
    assert spec.grid("usdm") == (10_000_000, 100_000)
    assert (spec.listed_on, spec.futures_listed_on) == (date(2017, 8, 17), date(2019, 9, 8))


@given(symbol=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=12).map(lambda s: s + "USDT"))
def test_any_name_has_a_spec_whose_amounts_are_exact(symbol: str) -> None:
    spec = make_spec(symbol)
    assert spec == make_spec(symbol)
    for tick, lot in (spec.grid("spot"), spec.grid("usdm")):
        assert tick * lot % 10**8 == 0, "price times quantity has more than eight decimals"
        assert tick >= 1
        assert lot >= 1


@given(name=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=4, max_size=12))
def test_a_market_that_was_never_listed_has_prices_of_a_thousand_ticks_and_more(name: str) -> None:
    spec = make_spec(f"NEVER{name}USDT")
    assert spec.levels[0] * 10**8 > 1_000 * spec.tick


@pytest.mark.parametrize("quote", ["BTC", "ETH", "EUR", "TRY", "FDUSD"])
def test_prices_in_other_quote_assets_have_digits_enough(quote: str) -> None:
    spec = make_spec(f"ZORK{quote}")
    assert (spec.base_asset, spec.quote_asset) == ("ZORK", quote)
    assert spec.tick * spec.lot % 10**8 == 0
    assert spec.levels[0] * 10**8 >= 100 * spec.tick


def test_a_name_without_a_known_quote_asset_is_still_split() -> None:
    assert split_symbol("FOOBAR") == ("FOO", "BAR")
    assert split_symbol("X") == ("X", "X")
