"""Rolling statistics of 24 hours, in full and in short: what REST says at the same moment, in shorter words."""

from __future__ import annotations

import msgspec
import polars as pl

from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.state_answers import Answer, futures_ticker, spot_ticker

_FULL = {
    "p": "priceChange",
    "P": "priceChangePercent",
    "w": "weightedAvgPrice",
    "x": "prevClosePrice",
    "c": "lastPrice",
    "Q": "lastQty",
    "b": "bidPrice",
    "B": "bidQty",
    "a": "askPrice",
    "A": "askQty",
    "o": "openPrice",
    "h": "highPrice",
    "l": "lowPrice",
    "v": "volume",
    "q": "quoteVolume",
    "O": "openTime",
    "C": "closeTime",
    "F": "firstId",
    "L": "lastId",
    "n": "count",
}
"""Fields of a message in their order, and their names over REST; USD-M has only those that its REST has."""
_MINI = {name: _FULL[name] for name in "cohlvq"}


def ticker_payloads(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, mini: bool, unit_us: int = 1000
) -> pl.DataFrame:
    """The statistics at these moments; the digits are those that REST gives at the same moment."""
    describe, digits = spot_ticker if venue == "spot" else futures_ticker, data.digits(symbol, venue)
    with data.market() as market:
        tickers = market.tickers_24h(symbol, times_us, venue=venue)
    texts = [_message(describe(each, digits, unit_us=unit_us), venue=venue, mini=mini) for each in tickers]
    return pl.DataFrame(
        {"time_us": times_us, "trade_id": [-1] * len(texts), "message": texts},
        schema={"time_us": pl.Int64, "trade_id": pl.Int64, "message": pl.String},
    )


def _message(answer: Answer, *, venue: Venue, mini: bool) -> str:
    head = {"e": "24hrMiniTicker" if mini else "24hrTicker", "E": answer["closeTime"], "s": answer["symbol"]}
    body = {short: answer[name] for short, name in (_MINI if mini else _FULL).items() if name in answer}
    tail = {"ps": answer["symbol"], "st": 1} if venue == "usdm" else {}
    return msgspec.json.encode({**head, **body, **tail}).decode()
