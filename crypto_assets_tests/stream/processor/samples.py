"""Messages as the collector would send them, and what has to become of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from crypto_assets.spans import to_us
from crypto_assets.stream.avro import encode, fingerprint, schema_of
from crypto_assets.stream.processor.messages import Message

BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """A moment after BEGIN."""
    return BEGIN + timedelta(seconds=seconds)


def ticker(price: str, *, seconds: float, symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    """A record of topic `tickers`."""
    empty = {
        field["name"]: "0" if field["type"] == "string" else at(seconds) if isinstance(field["type"], dict) else 0
        for field in schema_of("tickers")["fields"]
    }
    facts = {"symbol": symbol, "last_price": price, "event_time": at(seconds), "received_at": at(seconds + 0.05)}
    return {**empty, **facts, "connection": "c", "source": "live", **changes}


def trade(trade_id: int, *, seconds: float, symbol: str = "BTCUSDT", **changes: Any) -> dict[str, Any]:
    """A record of topic `trades`."""
    facts = {"symbol": symbol, "trade_id": trade_id, "trade_time": at(seconds), "price": "60000.10000000"}
    facts |= {"quantity": "0.00100000", "is_buyer_maker": True, "event_time": at(seconds), "received_at": at(seconds)}
    return {**facts, "connection": "c", "sequence": trade_id, "source": "live", **changes}


def message(record: dict[str, Any], *, offset: int = 0, partition: int = 0) -> Message:
    """The same in Kafka."""
    topic = "tickers" if "last_price" in record else "trades"
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        timestamp_us=to_us(record["received_at"]),
        value=encode(topic, record),
        fingerprint=fingerprint(topic),
    )
