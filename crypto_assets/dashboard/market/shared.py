"""The feed that all visitors of the process share, and the price of now."""

from __future__ import annotations

from datetime import datetime

import redis
import streamlit as st

from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.market.feed import MarketFeed
from crypto_assets.dashboard.market.speed import read_last_prices
from crypto_assets.endpoints import kafka_servers
from crypto_assets.errors import CryptoAssetsError


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
    tail = feed.tail(symbol)
    heard = [(one.at, one.price) for one in (tail.ticker, *tail.trades(1)) if one is not None]
    try:
        stored = read_last_prices(context.redis, context.exchange, [symbol])
    except (CryptoAssetsError, redis.RedisError):
        return max(heard, default=None)  # what Kafka says is enough
    return max([*heard, *((one.at, one.price) for one in stored.values())], default=None)
