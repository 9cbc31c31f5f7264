"""Each symbol's last price in Redis, for whoever wants it at once: hash `last_price:<exchange>:<symbol>`.

`price`, `event_time_us`, `partition`, `offset` and `exchange_rate` (empty for the first) are those of the newest
ticker, the last row of `staging.raw_prices`; `trade_price`, `trade_time_us` and `trade_id` those of the newest trade.
Redis holds a copy of what PostgreSQL has committed: it never goes backwards, and is filled again after it was emptied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from crypto_assets.spans import from_us

if TYPE_CHECKING:  # readers of the hashes need no database
    import redis

    from crypto_assets.stream.processor.prices import Price
    from crypto_assets.stream.processor.store import LastTrade, State

MERGE = """
local function newer(key, time_field, order_field, time, order)
  local held = redis.call('HMGET', key, time_field, order_field)
  if not held[1] then return true end
  local held_time, held_order = tonumber(held[1]), tonumber(held[2])
  return time > held_time or (time == held_time and order > held_order)
end
local at = 1
for i, key in ipairs(KEYS) do
  if ARGV[at] == 'ticker' then
    if newer(key, 'event_time_us', 'offset', tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])) then
      redis.call('HSET', key, 'event_time_us', ARGV[at + 1], 'offset', ARGV[at + 2], 'price', ARGV[at + 3],
        'partition', ARGV[at + 4], 'exchange_rate', ARGV[at + 5])
    end
    at = at + 6
  else
    if newer(key, 'trade_time_us', 'trade_id', tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])) then
      redis.call('HSET', key, 'trade_time_us', ARGV[at + 1], 'trade_id', ARGV[at + 2], 'trade_price', ARGV[at + 3])
    end
    at = at + 4
  end
end
"""
"""Replaces what is older; times and offsets are below 2^53, which Lua's numbers hold exactly."""
SYMBOLS_AT_ONCE = 500


def last_price_key(exchange: str, symbol: str) -> str:
    """Name of the hash of a symbol."""
    return f"last_price:{exchange}:{symbol}"


@dataclass(frozen=True, slots=True)
class LastPrice:
    """A price in the quote asset."""

    at: datetime
    price: Decimal
    exchange_rate: Decimal | None = None
    """Share of one by which it moved since the price before it; None for the first ticker, and for a trade."""


@dataclass(frozen=True, slots=True)
class SymbolPrices:
    """What a hash says; None where the processor has committed none yet."""

    ticker: LastPrice | None
    trade: LastPrice | None


def read_last_prices(client: redis.Redis, exchange: str, symbols: Sequence[str]) -> dict[str, SymbolPrices]:
    """What the hash of each symbol says; raises redis.RedisError."""
    pipeline = client.pipeline(transaction=False)
    for symbol in symbols:
        pipeline.hgetall(last_price_key(exchange, symbol))
    answers = cast("list[dict[bytes, bytes]]", pipeline.execute())
    return {symbol: _prices(answer) for symbol, answer in zip(symbols, answers, strict=True)}


def _prices(raw: Mapping[bytes, bytes]) -> SymbolPrices:
    said = {name.decode(): value.decode() for name, value in raw.items()}
    ticker = trade = None
    if "event_time_us" in said:
        rate = said.get("exchange_rate")
        at = from_us(int(said["event_time_us"]))
        ticker = LastPrice(at, Decimal(said["price"]), Decimal(rate) if rate else None)
    if "trade_time_us" in said:
        trade = LastPrice(from_us(int(said["trade_time_us"])), Decimal(said["trade_price"]))
    return SymbolPrices(ticker, trade)


class LastPrices:
    """Writer of the hashes of one exchange."""

    def __init__(self, client: redis.Redis, exchange: str) -> None:
        self._merge = client.register_script(MERGE)
        self._exchange = exchange

    def merge(self, state: State) -> None:
        """Put in whatever of the state is newer than what Redis has; raises redis.RedisError."""
        entries = [(price.ticker.symbol, _ticker_arguments(price)) for price in state.prices.values()]
        entries += [(trade.symbol, _trade_arguments(trade)) for trade in state.trades.values()]
        for first in range(0, len(entries), SYMBOLS_AT_ONCE):
            some = entries[first : first + SYMBOLS_AT_ONCE]
            keys = [last_price_key(self._exchange, symbol) for symbol, _ in some]
            self._merge(keys=keys, args=[argument for _, arguments in some for argument in arguments])


def _ticker_arguments(price: Price) -> list[str]:
    ticker, rate = price.ticker, price.rate
    return [
        "ticker",
        str(ticker.event_us),
        str(ticker.offset),
        f"{ticker.price:f}",
        str(ticker.partition),
        "" if rate is None else f"{rate:f}",
    ]


def _trade_arguments(trade: LastTrade) -> list[str]:
    return ["trade", str(trade.trade_us), str(trade.trade_id), f"{trade.price:f}"]
