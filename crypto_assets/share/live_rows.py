"""Kafka's messages as rows of trades, on Spark's workers, and Spark's sums of a minute as facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa

from crypto_assets.errors import BadPayload
from crypto_assets.share.windows import exact_quotient
from crypto_assets.stream.processor.messages import Trade, from_columns, parse_trade
from crypto_assets.stream.topics import TRADES
from crypto_assets.warehouse.tables import FACT_TRADES

SORTED_OUT = (
    "verdict string, symbol string, trade_id bigint, trade_time timestamp, price decimal(28,8), "
    "quantity decimal(28,8), value decimal(38,16), bought decimal(28,8)"
)
"""Rows of `sort_out_trades` as Spark writes a schema; `value` is price times quantity, `bought` the quantity where
the taker bought."""

_AMOUNT, _VALUE = pa.decimal128(28, 8), pa.decimal128(38, 16)
_ARROW = pa.schema(
    [
        ("verdict", pa.string()),
        ("symbol", pa.string()),
        ("trade_id", pa.int64()),
        ("trade_time", pa.timestamp("us", tz="UTC")),
        ("price", _AMOUNT),
        ("quantity", _AMOUNT),
        ("value", _VALUE),
        ("bought", _AMOUNT),
    ]
)
_NOTHING = Decimal(0)
_ALL_DIGITS = Context(prec=60)


def sort_out_trades(batches: Iterable[pa.RecordBatch], *, start_us: int, end_us: int) -> Iterator[pa.RecordBatch]:
    """A row for each message: verdict `trade`, `outside` of [start_us, end_us), or `unusable`."""
    for batch in batches:
        messages = from_columns(batch.to_pydict(), topic_name=lambda _: TRADES.name)
        rows = [_row(_trade(message), start_us, end_us) for message in messages]
        yield pa.RecordBatch.from_pylist(rows, schema=_ARROW)


def minute_facts(sums: pa.Table) -> pa.Table:
    """FACT_TRADES from the sums of minutes, quotients rounded once, by symbol and minute."""
    rows = sums.to_pylist()
    for row in rows:
        row["trade_minute"] = row["trade_minute"].replace(tzinfo=None)
        row["avg_price"] = exact_quotient(row["prices"], Decimal(row["trade_count"]))
        row["vwap"] = exact_quotient(row["total_trade_value"], row["total_quantity"])
    rows.sort(key=lambda row: tuple(row[name] for name in FACT_TRADES.key))
    return pa.Table.from_pylist(rows, schema=FACT_TRADES.schema)


def _trade(message: Any) -> Trade | None:
    try:
        return parse_trade(message)
    except BadPayload:
        return None


def _row(trade: Trade | None, start_us: int, end_us: int) -> dict[str, Any]:
    if trade is None or not (trade.price > 0 and trade.quantity > 0):
        return {"verdict": "unusable"}
    if not start_us <= trade.trade_us < end_us:
        return {"verdict": "outside"}
    return {
        "verdict": "trade",
        "symbol": trade.symbol,
        "trade_id": trade.trade_id,
        "trade_time": trade.trade_time,
        "price": trade.price,
        "quantity": trade.quantity,
        "value": _ALL_DIGITS.multiply(trade.price, trade.quantity),
        "bought": _NOTHING if trade.is_buyer_maker else trade.quantity,
    }
