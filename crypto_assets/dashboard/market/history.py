"""Candles from before the feed began: those of the lake, and where it has none, prices of PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from crypto_assets.dashboard.market.messages import Candle
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.statements import statement
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class has a lower-case name

MINUTE = timedelta(minutes=1)
_COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


def lake_candles(lake: Lake, symbol: str, *, exchange: str, start: datetime, end: datetime) -> list[Candle]:
    """Closed one-minute candles of [start, end), ascending: of bronze, and of silver for days that bronze lacks.

    Raises LakeError.
    """
    found: list[Candle] = []
    day = start.date()
    while day <= (end - MINUTE).date():
        bronze = lake.read(BRONZE_KLINES["1m"], symbol, day, columns=[*_COLUMNS, "exchange"], start=start, end=end)
        if bronze is not None:
            found += _candles(bronze, exchange=exchange)
        else:
            silver = lake.read(SILVER_KLINES["1m"], symbol, day, columns=_COLUMNS, start=start, end=end)
            found += [] if silver is None else _candles(silver)
        day += timedelta(days=1)
    return sorted(found, key=lambda one: one.open_time)


def sampled_candles(
    connection: Connection, symbol: str, *, exchange: str, start: datetime, end: datetime
) -> list[Candle]:
    """Candles of the prices that the processor stored, about one a second: no volume, and some extremes are missed.

    Raises psycopg2.Error.
    """
    with connection.cursor() as cursor:
        values = {"exchange": exchange, "symbol": symbol, "start": start, "end": end}
        cursor.execute(statement("select_sampled_candles"), values)
        return [Candle(at, *map(float, prices), volume=None) for at, *prices in cursor.fetchall()]


def joined(*sources: Iterable[Candle], start: datetime) -> list[Candle]:
    """One candle a minute from `start` on, ascending; of several that of the last source that has one with volume."""
    held: dict[datetime, Candle] = {}
    for source in sources:
        for one in source:
            known = held.get(one.open_time)
            if one.open_time >= start and (known is None or known.volume is None or one.volume is not None):
                held[one.open_time] = one
    return [held[moment] for moment in sorted(held)]


def _candles(table: pa.Table, *, exchange: str | None = None) -> Iterator[Candle]:
    for row in table.to_pylist():
        if exchange is None or row["exchange"] == exchange:
            opened, high, low, close, volume = (float(row[name]) for name in _COLUMNS[1:])
            yield Candle(row["open_time"], opened, high, low, close, volume)


def first_gap(candles: Iterable[Candle], *, start: datetime, end: datetime) -> datetime | None:
    """The first whole minute of [start, end) without a candle; None where all are there."""
    held = {one.open_time for one in candles}
    moment = start
    while moment < end:
        if moment not in held:
            return moment
        moment += MINUTE
    return None
