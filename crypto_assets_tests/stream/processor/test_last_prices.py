"""Last prices in a real Redis."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
import redis

from crypto_assets.spans import to_us
from crypto_assets.stream.processor.last_prices import (
    LastPrice,
    LastPrices,
    SymbolPrices,
    last_price_key,
    read_last_prices,
)
from crypto_assets.stream.processor.messages import Ticker
from crypto_assets.stream.processor.prices import Price
from crypto_assets.stream.processor.store import LastTrade, State
from crypto_assets_tests.stream.processor.samples import at


@pytest.fixture
def client(redis_server: str) -> redis.Redis:
    return redis.Redis.from_url(redis_server, decode_responses=True)


@pytest.fixture
def exchange() -> str:
    return f"simulator-{uuid4().hex[:8]}"


def state(price: str, *, seconds: int, offset: int = 0, trade_id: int = 1) -> State:
    ticker = Ticker("BTCUSDT", at(seconds), to_us(at(seconds)), Decimal(price), at(seconds), 2, offset)
    trade = LastTrade("BTCUSDT", to_us(at(seconds)), trade_id, Decimal(price))
    return State({"BTCUSDT": Price(ticker, Decimal(100))}, {"BTCUSDT": trade})


def test_a_hash_holds_the_last_row_as_postgresql_prints_it(client: redis.Redis, exchange: str) -> None:
    LastPrices(client, exchange).merge(state("110.00000000", seconds=1, offset=7, trade_id=3))
    assert client.hgetall(last_price_key(exchange, "BTCUSDT")) == {
        "price": "110.00000000",
        "event_time_us": str(to_us(at(1))),
        "partition": "2",
        "offset": "7",
        "exchange_rate": "0.100000000000000000",
        "trade_price": "110.00000000",
        "trade_time_us": str(to_us(at(1))),
        "trade_id": "3",
    }


def test_what_was_written_is_read_to_the_digit_and_what_was_not_is_none(redis_server: str, exchange: str) -> None:
    price = Decimal("110.00000010")
    with redis.Redis.from_url(redis_server) as client:
        LastPrices(client, exchange).merge(state(str(price), seconds=1))
        LastPrices(client, exchange).merge(State({}, {"ETHUSDT": LastTrade("ETHUSDT", to_us(at(1)), 1, price)}))
        found = read_last_prices(client, exchange, ["BTCUSDT", "ETHUSDT", "BNBUSDT"])
    assert found["BTCUSDT"] == SymbolPrices(LastPrice(at(1), price, Decimal("0.100000001")), LastPrice(at(1), price))
    assert found["ETHUSDT"] == SymbolPrices(None, LastPrice(at(1), price))
    assert found["BNBUSDT"] == SymbolPrices(None, None)


@pytest.mark.parametrize(
    "older", [state("1", seconds=1, offset=9, trade_id=9), state("1", seconds=2, offset=4, trade_id=4)]
)
def test_nothing_older_replaces_what_is_there(client: redis.Redis, exchange: str, older: State) -> None:
    prices = LastPrices(client, exchange)
    prices.merge(state("110", seconds=2, offset=5, trade_id=5))
    before = client.hgetall(last_price_key(exchange, "BTCUSDT"))
    prices.merge(older)
    assert client.hgetall(last_price_key(exchange, "BTCUSDT")) == before
    prices.merge(state("120", seconds=2, offset=6, trade_id=6))
    assert client.hmget(last_price_key(exchange, "BTCUSDT"), "price", "trade_price") == ["120", "120"]


def test_more_symbols_than_one_call_takes_are_all_there(client: redis.Redis, exchange: str) -> None:
    trades = {f"S{n}": LastTrade(f"S{n}", n, n, Decimal(n)) for n in range(1_200)}
    LastPrices(client, exchange).merge(State({}, trades))
    assert client.hget(last_price_key(exchange, "S1199"), "trade_price") == "1199"
    assert len(list(client.scan_iter(last_price_key(exchange, "*"), count=1_000))) == 1_200
