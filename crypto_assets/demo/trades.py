"""Trades of a past day for PostgreSQL, where a live market would have put them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import batched

import pyarrow as pa

from crypto_assets.errors import InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.tables import TRADES
from crypto_assets.schemas import BRONZE_TRADES
from resources.postgres import PostgresResource

ROWS_AT_ONCE = 50_000
COLUMNS = ("time", "trade_id", "price", "quantity", "is_buyer_maker", "source", "received_at")


def fill_trades(postgres: PostgresResource, lake: Lake, symbols: Sequence[str], day: date) -> None:
    """Put the lake's trades of a day into the table `trades`; those that are there stay as they are.

    Raises InputIncomplete where the lake has none of a symbol.
    """
    for symbol in symbols:
        trades = lake.read(BRONZE_TRADES, symbol, day, columns=COLUMNS)
        if trades is None:
            raise InputIncomplete(f"There is no {BRONZE_TRADES.name} of {symbol} {day}.")
        for rows in batched(_rows(trades, symbol=symbol, exchange=postgres.exchange), ROWS_AT_ONCE):
            with postgres.transaction() as connection:
                upsert_rows(connection, TRADES, rows)


def _rows(trades: pa.Table, *, symbol: str, exchange: str) -> Iterator[tuple[Value, ...]]:
    columns = [trades[name].to_pylist() for name in ("trade_id", "time", *COLUMNS[2:])]
    for row in zip(*columns, strict=True):
        yield exchange, symbol, *row
