"""Facts of trades: one row a symbol and minute, exact to the last digit."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pyarrow as pa

from crypto_assets.binance.wire import SymbolInfo


def trade_facts(trades: pa.Table) -> pa.Table:
    """FACT_TRADES of trades (schema TRADES, any order), by symbol and minute; copies of a trade id count once."""
    raise NotImplementedError


def time_dimension(day: date) -> pa.Table:
    """DIM_TIME of a UTC day: its 1,440 minutes."""
    raise NotImplementedError


def symbol_dimension(infos: Iterable[SymbolInfo]) -> pa.Table:
    """DIM_SYMBOL of symbols as exchangeInfo describes them, by name."""
    raise NotImplementedError
