"""A market in the hands of a test: what collector, processor and forecaster would say, by the encoders they use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode, encode_key, fingerprint
from crypto_assets.stream.heartbeat import Heartbeat, Program, StreamState, write_heartbeat
from crypto_assets.stream.processor.last_prices import LastPrices
from crypto_assets.stream.processor.messages import Ticker
from crypto_assets.stream.processor.prices import Price
from crypto_assets.stream.processor.store import State
from crypto_assets.stream.topics import (
    KLINES,
    LIQUIDATIONS,
    MARK_PRICE,
    ORDERBOOK,
    TICKERS,
    TRADES,
    Topic,
)

TOPICS = (KLINES, LIQUIDATIONS, MARK_PRICE, ORDERBOOK, TICKERS, TRADES)


class Feeding:
    """Puts messages and hashes where the programs of the market stream put them."""

    def __init__(self, servers: str, redis_url: str, exchange: str) -> None:
        self.exchange = exchange
        self.client = redis.Redis.from_url(redis_url)
        self._servers = servers
        self._producer = Producer(
            {"bootstrap.servers": servers, "partitioner": "murmur2", "linger.ms": 5, "enable.idempotence": True}
        )
        self._sequence = 0

    def make_topics(self) -> None:
        """The topics that the collector makes."""
        admin = AdminClient({"bootstrap.servers": self._servers})
        wanted = [NewTopic(topic.of(self.exchange), num_partitions=topic.partitions) for topic in TOPICS]
        for future in admin.create_topics(wanted).values():
            future.result(20)

    def send(self, topic: Topic, symbol: str, *, at: datetime, **fields: Any) -> None:
        """One message, received a moment after `at`; `flush` waits until Kafka has it."""
        self._sequence += 1
        record = {
            "symbol": symbol,
            "event_time": at,
            "received_at": at + timedelta(milliseconds=20),
            "connection": "test",
            "sequence": self._sequence,
            "source": "live",
            **fields,
        }
        self._producer.produce(
            topic.of(self.exchange),
            key=encode_key(symbol),
            value=encode(topic.name, record),
            headers=[(FINGERPRINT_HEADER, fingerprint(topic.name))],
            timestamp=to_us(at) // 1000,
        )
        self._producer.poll(0)

    def flush(self) -> None:
        """Return once Kafka has everything."""
        assert self._producer.flush(20) == 0

    def ticker(self, symbol: str, price: float, *, at: datetime, change_percent: float = 1.25) -> None:
        """The 24 hours before, in Kafka."""
        amounts = dict.fromkeys(
            ("last_quantity", "bid_quantity", "ask_quantity", "volume", "quote_volume", "price_change"), "1.00"
        )
        prices = dict.fromkeys(
            ("weighted_average_price", "last_price", "bid_price", "ask_price", "open_price", "high_price", "low_price"),
            f"{price:.2f}",
        )
        self.send(
            TICKERS,
            symbol,
            at=at,
            price_change_percent=f"{change_percent:.3f}",
            statistics_open_time=at - timedelta(days=1),
            statistics_close_time=at,
            first_trade_id=1,
            last_trade_id=2,
            count=2,
            **amounts,
            **prices,
        )

    def trade(
        self, symbol: str, price: float, *, at: datetime, trade_id: int, quantity: float = 0.5, sold: bool = False
    ) -> None:
        """A trade, in Kafka."""
        self.send(
            TRADES,
            symbol,
            at=at,
            trade_id=trade_id,
            trade_time=at,
            price=f"{price:.2f}",
            quantity=f"{quantity:.5f}",
            is_buyer_maker=sold,
        )

    def candle(
        self, symbol: str, open_time: datetime, prices: Sequence[float], *, closed: bool, volume: float = 12.5
    ) -> None:
        """A candle of one minute (open, high, low, close), in Kafka."""
        opened, high, low, close = (f"{price:.2f}" for price in prices)
        self.send(
            KLINES,
            symbol,
            at=open_time + timedelta(seconds=60 if closed else 30),
            timeframe="1m",
            open_time=open_time,
            close_time=open_time + timedelta(seconds=59, microseconds=999_000),
            open=opened,
            high=high,
            low=low,
            close=close,
            volume=f"{volume:.5f}",
            quote_volume="1.0",
            count=10,
            taker_buy_volume="1.0",
            taker_buy_quote_volume="1.0",
            closed=closed,
        )

    def book(
        self,
        symbol: str,
        middle: float,
        *,
        at: datetime,
        bids: Sequence[float],
        asks: Sequence[float],
        tick: float = 0.5,
    ) -> None:
        """A book whose levels hold these quantities, best first, in Kafka."""
        sides = {
            "bids": [[f"{middle - tick * (n + 0.5):.2f}", f"{q:.5f}"] for n, q in enumerate(bids)],
            "asks": [[f"{middle + tick * (n + 0.5):.2f}", f"{q:.5f}"] for n, q in enumerate(asks)],
        }
        self.send(ORDERBOOK, symbol, at=at, last_update_id=self._sequence, **sides)

    def mark(self, symbol: str, price: float, *, at: datetime, rate: float = 0.0001) -> None:
        """The perpetual's mark price, in Kafka."""
        self.send(
            MARK_PRICE,
            symbol,
            at=at,
            mark_price=f"{price:.2f}",
            index_price=f"{price * 0.9998:.2f}",
            estimated_settle_price=f"{price:.2f}",
            funding_rate=f"{rate:.8f}",
            next_funding_time=at + timedelta(hours=3),
        )

    def liquidation(
        self, symbol: str, price: float, *, at: datetime, quantity: float = 2.0, side: str = "SELL"
    ) -> None:
        """A liquidated position, in Kafka."""
        texts = {"price": f"{price:.2f}", "average_price": f"{price:.2f}", "last_filled_quantity": f"{quantity:.3f}"}
        self.send(
            LIQUIDATIONS,
            symbol,
            at=at,
            side=side,
            order_type="LIMIT",
            time_in_force="IOC",
            original_quantity=f"{quantity:.3f}",
            filled_quantity=f"{quantity:.3f}",
            status="FILLED",
            trade_time=at,
            **texts,
        )

    def last_price(self, symbol: str, price: float, *, at: datetime, offset: int = 1) -> None:
        """The last price that the processor committed, in Redis."""
        ticker = Ticker(symbol, at, to_us(at), Decimal(f"{price:.2f}"), at, 0, offset)
        state = State(prices={symbol: Price(ticker, None)}, trades={})
        LastPrices(self.client, self.exchange).merge(state)

    def beat(self, program: Program, symbols: Iterable[str], *, at: datetime, rate: float = 12.0) -> None:
        """A heartbeat of a program that runs well, in Redis."""
        us = to_us(at)
        streams = tuple(
            StreamState(topic.name, symbol, 1_000, rate, us - 100_000, us - 80_000, 0.08)
            for topic in ((TICKERS, TRADES) if program == "processor" else TOPICS)
            for symbol in symbols
        )
        beat = Heartbeat(
            program=program,
            instance="test",
            pid=4_242,
            host="here",
            started_at_us=us - 60_000_000,
            beat_at_us=us,
            state="running",
            streams=streams,
        )
        write_heartbeat(self.client, self.exchange, beat)

    def market(self, symbol: str, price: float, *, at: datetime | None = None, minutes: int = 30) -> None:
        """A bit of everything around a price, and candles of the minutes before."""
        now = at or datetime.now(UTC)
        began = now.replace(second=0, microsecond=0)
        for back in range(minutes, -1, -1):
            middle = price * (1 + 0.0004 * ((back * 7) % 13 - 6))
            prices = (middle, middle * 1.0008, middle * 0.9993, middle * (1.0004 if back % 3 else 0.9996))
            self.candle(symbol, began - timedelta(minutes=back), prices, closed=back > 0, volume=5 + back % 7)
        for number in range(20):
            when = now - timedelta(milliseconds=100 * (20 - number))
            self.trade(symbol, price + number % 5 - 2, at=when, trade_id=number, sold=number % 3 == 0)
        quantities = [0.5 + 0.3 * n for n in range(10)]
        self.book(symbol, price, at=now, bids=quantities, asks=[0.6 * q for q in quantities])
        self.mark(symbol, price * 1.0003, at=now)
        self.ticker(symbol, price, at=now)
        for number in range(4):
            at_ = now - timedelta(minutes=11 * (4 - number))
            self.liquidation(symbol, price, at=at_, quantity=1.5 + number, side="SELL" if number % 2 else "BUY")
        self.flush()
        self.last_price(symbol, price, at=now)
