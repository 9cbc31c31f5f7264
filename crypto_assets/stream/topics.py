"""Kafka topics: what each holds, over how many partitions, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of every exchange; the schema of its values is `schemas/<name>.avsc`, its key is the symbol."""

    name: str
    stream: str | None
    """Asset that stands for it in the graph; None for topics that carry no stream of the exchange."""
    partitions: int = 3
    retention: timedelta | None = timedelta(days=7)
    """How long Kafka keeps a message; None keeps the last message of each key for ever."""

    def of(self, exchange: str) -> str:
        """Name in Kafka: one topic for each exchange, so that simulated and real messages never mix."""
        return f"{exchange}.{self.name}"


TRADES = Topic("trades", "trade_stream")
KLINES = Topic("klines", "kline_stream")
TICKERS = Topic("tickers", "ticker_stream")
ORDERBOOK = Topic("orderbook", "orderbook_stream", retention=timedelta(days=2))
MARK_PRICE = Topic("mark_price", "mark_price_stream")
LIQUIDATIONS = Topic("liquidations", "liquidation_stream")
BOOK_TICKERS = Topic("book_tickers", None, retention=timedelta(days=2))
DEPTH_UPDATES = Topic("depth_updates", None, retention=timedelta(days=2))
GAPS = Topic("gaps", None, partitions=1, retention=None)
DEAD_LETTERS = Topic("dead_letters", None, partitions=1, retention=timedelta(days=30))
PREDICTIONS = Topic("predictions", None, retention=timedelta(days=30))

TOPICS = (
    TRADES,
    KLINES,
    TICKERS,
    ORDERBOOK,
    MARK_PRICE,
    LIQUIDATIONS,
    BOOK_TICKERS,
    DEPTH_UPDATES,
    GAPS,
    DEAD_LETTERS,
    PREDICTIONS,
)
"""All topics; those of book tickers and depth updates are fed only where the collector is told to subscribe to them,
that of predictions by the forecaster where a model is promoted."""

BY_NAME = {topic.name: topic for topic in TOPICS}
