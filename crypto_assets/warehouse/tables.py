"""Tables of the warehouse: a whole UTC day of all symbols each, the same in Parquet, Redshift and Hive.

Times are UTC without a zone, as Redshift's TIMESTAMP holds them. Amounts are exact decimals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from crypto_assets.schemas import AMOUNT, TIMESTAMP

MOMENT = pa.timestamp("us")
"""A UTC time without a zone: Redshift would shift a TIMESTAMPTZ to the zone of the session."""
MEAN = pa.decimal128(38, 18)
"""A quotient of amounts, rounded half to even at its last digit."""
VALUE = pa.decimal128(38, 16)
"""A sum of price × quantity: 16 decimals hold each product exactly."""


@dataclass(frozen=True, slots=True)
class DayTable:
    """One table of the warehouse: what a row is, what makes it unique, and where a day lies."""

    name: str
    schema: pa.Schema
    key: tuple[str, ...]
    distkey: str | None
    """Column by which Redshift spreads the rows; None: every node holds all of them."""
    sortkey: tuple[str, ...]

    def folder(self, day: date) -> str:
        """Folder of the day, relative to the warehouse: `fact_trades/year=2025/month=09/day=10`."""
        return f"{self.name}/year={day:%Y}/month={day:%m}/day={day:%d}"


def described(name: str, kind: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    """A column with what it means."""
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


def sql_type(kind: pa.DataType, names: Mapping[pa.DataType, str], *, of: str) -> str:
    """The type `of` a database that holds an Arrow type exactly, by its `names`, or a DECIMAL; ValueError without one.

    >>> sql_type(pa.decimal128(28, 8), {}, of="Hive")
    'DECIMAL(28,8)'
    """
    if pa.types.is_decimal128(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    try:
        return names[kind]
    except KeyError:
        raise ValueError(f"{of} has no type for {kind}; there are {', '.join(map(str, names))}, decimal") from None


def column_differences(held: Sequence[tuple[str, str]], declared: Sequence[tuple[str, str]]) -> list[str]:
    """What a table of a database lacks, or has otherwise than it is declared; columns are names with their types."""
    if held == declared:
        return []
    has, needs = dict(held), dict(declared)
    return [
        *(f"{name} {kind} is missing" for name, kind in declared if name not in has),
        *(f"{name} {kind} is not declared" for name, kind in held if name not in needs),
        *(f"{name} is {kind} instead of {needs[name]}" for name, kind in held if needs.get(name, kind) != kind),
    ] or ["its columns are in another order"]


TRADES = pa.schema(
    [
        described("symbol", pa.string(), "market, such as BTCUSDT"),
        described("trade_id", pa.int64(), "the exchange's id, ascending within a symbol"),
        described("trade_time", TIMESTAMP, "when the trade was matched"),
        described("price", AMOUNT, "price, quote asset"),
        described("quantity", AMOUNT, "base quantity"),
        described("is_buyer_maker", pa.bool_(), "true where the taker sold"),
    ]
)
"""What facts are computed from, wherever it was read."""

FACT_TRADES = DayTable(
    "fact_trades",
    pa.schema(
        [
            described("symbol", pa.string(), "market, such as BTCUSDT"),
            described("trade_minute", MOMENT, "start of the minute, UTC"),
            described("min_price", AMOUNT, "lowest trade price, quote asset"),
            described("max_price", AMOUNT, "highest trade price, quote asset"),
            described("avg_price", MEAN, "plain mean of the trade prices, half-even to 18 decimals, quote asset"),
            described("total_quantity", AMOUNT, "traded base quantity"),
            described("total_trade_value", VALUE, "exact sum of price × quantity, quote asset"),
            described("open_price", AMOUNT, "price of the trade with the lowest id, quote asset"),
            described("close_price", AMOUNT, "price of the trade with the highest id, quote asset"),
            described(
                "vwap",
                MEAN,
                "total_trade_value / total_quantity, half-even to 18 decimals; null where the quantity is zero, "
                "which the gate refuses",
                nullable=True,
            ),
            described("trade_count", pa.int64(), "number of trades"),
            described("taker_buy_quantity", AMOUNT, "base quantity bought by takers"),
        ]
    ),
    key=("symbol", "trade_minute"),
    distkey="symbol",
    sortkey=("trade_minute", "symbol"),
)

DIM_TIME = DayTable(
    "dim_time",
    pa.schema(
        [
            described("datetime", MOMENT, "start of the minute, UTC"),
            described("year", pa.int32(), "year"),
            described("month", pa.int32(), "month, 1 to 12"),
            described("day", pa.int32(), "day of the month, 1 to 31"),
            described("hour", pa.int32(), "hour, 0 to 23"),
            described("minute", pa.int32(), "minute, 0 to 59"),
        ]
    ),
    key=("datetime",),
    distkey=None,
    sortkey=("datetime",),
)

DIM_SYMBOL = DayTable(
    "dim_symbol",
    pa.schema(
        [
            described("symbol", pa.string(), "market, such as BTCUSDT"),
            described("base_asset", pa.string(), "what is traded, such as BTC"),
            described("quote_asset", pa.string(), "what it is paid with, such as USDT"),
        ]
    ),
    key=("symbol",),
    distkey=None,
    sortkey=("symbol",),
)
