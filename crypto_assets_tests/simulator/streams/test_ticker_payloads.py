"""Many tickers at once are those that the market gives one by one."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from crypto_assets.simulator.decimal_text import decimal_text
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import Halt
from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.ticker_payloads import ticker_payloads
from crypto_assets.spans import to_us

MIDNIGHT = datetime(2025, 1, 4, tzinfo=UTC)
TWO_DAYS = Halt(start=datetime(2025, 1, 2, 9, tzinfo=UTC), end=datetime(2025, 1, 3, 22, 30, tzinfo=UTC))


@pytest.mark.parametrize("venue", ["spot", "usdm"])
@pytest.mark.parametrize("halts", [(), (TWO_DAYS,)])
@pytest.mark.parametrize("step_s", [1, 97, 9_000])
def test_rolling_tickers_are_those_of_the_market(venue: Venue, halts: tuple[Halt, ...], step_s: int) -> None:
    faults = FaultBook()
    faults.add(halts)
    data = SimulatedData(seed=7, symbols=("BTCUSDT",), faults=faults)
    times_us = to_us(MIDNIGHT) + np.arange(-20, 20, dtype=np.int64) * step_s * 1_000_000
    texts = ticker_payloads(data, "BTCUSDT", times_us, venue=venue, mini=False)["message"].to_list()
    digits = data.digits("BTCUSDT", venue)
    for time_us, text in zip(times_us.tolist(), texts, strict=True):
        with data.market() as market:
            ticker = market.ticker_24h("BTCUSDT", time_us, venue=venue)
        found = msgspec.json.decode(text)
        prices = (ticker.open_price, ticker.high_price, ticker.low_price, ticker.last_price)
        prices += (ticker.price_change, ticker.weighted_average_price)
        assert [found[key] for key in "ohlcpw"] == [digits.price_text(p) for p in prices]
        lots = (ticker.volume, ticker.last_quantity)
        assert [found[key] for key in "vQ"] == [digits.lot_text(v) for v in lots]
        assert [found[key] for key in "FLn"] == [ticker.first_trade_id, ticker.last_trade_id, ticker.count]
        if venue == "spot":
            assert found["x"] == decimal_text(ticker.previous_close_price)
            assert found["q"] == decimal_text(ticker.quote_volume)
