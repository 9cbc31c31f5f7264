"""Tables of facts that streams fill: what a row holds, and what makes it unique.

Both are partitioned by `day`, the UTC day of their time, which the database works out; so are `inserted_at` and, of
trades, `quote_quantity` = price × quantity. Amounts are exact: text as printed, or Decimal; never floats. Times are
timestamptz with microseconds.

`staging.raw_prices`: the last price of each ticker. `previous_price` is the price before it, null for the first;
`exchange_rate` = (price - previous_price) / previous_price. `topic_partition` and `topic_offset` say where in the
topic it lies, and order prices of the same moment. `public.trades`: each trade of the exchange.
`public.daily_summary`: see `summary.py`. The exchange is part of every key: two exchanges never mix.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FactTable:
    """A table whose rows are added and never changed."""

    name: str
    columns: tuple[str, ...]
    """Columns of a given row, in their order."""
    key: tuple[str, ...]
    """What makes a row unique; with the day, its primary key."""
    time_column: str
    """Column whose UTC day is the row's."""


RAW_PRICES = FactTable(
    "staging.raw_prices",
    columns=(
        "exchange",
        "symbol",
        "event_time",
        "price",
        "previous_price",
        "exchange_rate",
        "topic_partition",
        "topic_offset",
        "received_at",
    ),
    key=("exchange", "symbol", "event_time", "price"),
    time_column="event_time",
)

TRADES = FactTable(
    "public.trades",
    columns=(
        "exchange",
        "symbol",
        "trade_id",
        "trade_time",
        "price",
        "quantity",
        "is_buyer_maker",
        "source",
        "received_at",
    ),
    key=("exchange", "symbol", "trade_id"),
    time_column="trade_time",
)
