"""The last prices that Redis knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from crypto_assets.spans import from_us
from crypto_assets.stream.processor.last_prices import last_price_key

if TYPE_CHECKING:
    import redis


@dataclass(frozen=True, slots=True)
class LastPrice:
    """The newest price of a symbol that the processor has committed, quote asset."""

    price: float
    at: datetime


def read_last_prices(client: redis.Redis, exchange: str, symbols: Sequence[str]) -> dict[str, LastPrice]:
    """By symbol, of those that have one; raises redis.RedisError."""
    pipeline = client.pipeline(transaction=False)
    for symbol in symbols:
        pipeline.hmget(last_price_key(exchange, symbol), "price", "event_time_us", "trade_price", "trade_time_us")
    answers = cast("list[list[bytes | None]]", pipeline.execute())
    found: dict[str, LastPrice] = {}
    for symbol, (price, at, trade_price, trade_at) in zip(symbols, answers, strict=True):
        said = [(int(t), float(p)) for p, t in ((price, at), (trade_price, trade_at)) if p and t]
        if said:
            newest, value = max(said)
            found[symbol] = LastPrice(value, from_us(newest))
    return found
