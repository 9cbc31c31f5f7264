"""The feed that all visitors of the process share, and the price of now."""

from __future__ import annotations

from datetime import datetime

import redis
import streamlit as st

from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.market.feed import MarketFeed
from crypto_assets.endpoints import kafka_servers
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.stream.processor.last_prices import SymbolPrices, read_last_prices


@st.cache_resource(show_spinner=False, on_release=MarketFeed.close)
def feed_of(_context: PageContext) -> MarketFeed:
    """The reader of Kafka, begun with the first visit of a page that shows the market."""
    feed = MarketFeed(
        servers=lambda: kafka_servers(_context.settings), exchange=_context.exchange, symbols=_context.symbols
    )
    feed.start()
    return feed


def price_of(context: PageContext, feed: MarketFeed, symbol: str) -> tuple[datetime, float] | None:
    """When the newest price was made, and the price, of Kafka or Redis; None where neither knows one."""
    try:
        stored = read_last_prices(context.redis, context.exchange, [symbol])[symbol]
    except (CryptoAssetsError, redis.RedisError):
        stored = None  # what Kafka says is enough
    return newest_price(feed, symbol, stored)


def newest_price(feed: MarketFeed, symbol: str, stored: SymbolPrices | None) -> tuple[datetime, float] | None:
    """The same, of what Redis said before."""
    tail = feed.tail(symbol)
    said = (tail.ticker, *tail.trades(1), *((stored.ticker, stored.trade) if stored else ()))
    return max(((one.at, float(one.price)) for one in said if one is not None), default=None)
