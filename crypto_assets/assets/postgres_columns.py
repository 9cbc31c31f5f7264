"""Columns of the PostgreSQL tables as the UI shows them."""

from __future__ import annotations

import dagster as dg

AMOUNT = "numeric(28,8)"
TIME = "timestamp with time zone"


def _schema(*columns: tuple[str, str, str], nullable: tuple[str, ...] = ()) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(name, kind, description, dg.TableColumnConstraints(nullable=name in nullable))
            for name, kind, description in columns
        ]
    )


RAW_PRICES_SCHEMA = _schema(
    ("day", "date", "UTC day of the event; what the table is partitioned by"),
    ("exchange", "text", "whose price it is: binance, replay or simulator-<seed>"),
    ("symbol", "text", "symbol in upper case"),
    ("event_time", TIME, "when the exchange sent the ticker"),
    ("price", AMOUNT, "price of the last trade, quote asset"),
    ("previous_price", AMOUNT, "the price before it"),
    ("exchange_rate", "numeric(38,18)", "(price - previous_price) / previous_price"),
    ("topic_partition", "integer", "Kafka partition of the message"),
    ("topic_offset", "bigint", "its offset; orders prices of one moment"),
    ("received_at", TIME, "when the collector received it"),
    ("inserted_at", TIME, "when it became a row"),
    nullable=("previous_price", "exchange_rate"),
)

DAILY_SUMMARY_SCHEMA = _schema(
    ("day", "date", "the UTC day"),
    ("exchange", "text", "whose prices they are"),
    ("symbol", "text", "symbol in upper case"),
    ("open", AMOUNT, "the earliest price; of several at its moment the one that arrived first"),
    ("close", AMOUNT, "the latest price; of several at its moment the one that arrived last"),
    ("min", AMOUNT, "the lowest price"),
    ("max", AMOUNT, "the highest price"),
    ("avg", "numeric(32,12)", "mean of the prices, each counting the same"),
    ("count", "bigint", "number of prices"),
    ("first_event_time", TIME, "when the earliest price was sent"),
    ("last_event_time", TIME, "when the latest price was sent"),
    ("summarised_at", TIME, "when these figures were first found"),
)

TRADES_SCHEMA = _schema(
    ("day", "date", "UTC day of the trade; what the table is partitioned by"),
    ("exchange", "text", "whose trade it is: binance, replay or simulator-<seed>"),
    ("symbol", "text", "symbol in upper case"),
    ("trade_id", "bigint", "the exchange's id, contiguous within a symbol"),
    ("trade_time", TIME, "when the trade was matched"),
    ("price", AMOUNT, "price, quote asset"),
    ("quantity", AMOUNT, "base quantity"),
    ("quote_quantity", "numeric(56,16)", "price × quantity"),
    ("is_buyer_maker", "boolean", "true where the taker sold"),
    ("source", "text", "where it came from: live, rest or archive"),
    ("received_at", TIME, "when the platform received it"),
    ("inserted_at", TIME, "when it became a row"),
)
