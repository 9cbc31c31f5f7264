"""A lake of a few small days, of every way in which days are kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Part
from crypto_assets.schemas import BRONZE_TRADES, SILVER_KLINES
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.warehouse.store import WarehouseStore

DAYS = (date(2024, 8, 1), date(2024, 8, 2), date(2024, 8, 4))
"""Days of gold of BTCUSDT; 2024-08-03 was never made."""


def fill(lake: Lake) -> None:
    """Gold and silver of two symbols, bronze trades in two parts with a third that no manifest lists, aggregates."""
    for day in DAYS:
        lake.publish(GOLD_FEATURES, "BTCUSDT", day, rows(GOLD_FEATURES.schema, day=day, count=3))
    lake.publish(GOLD_FEATURES, "ETHUSDT", DAYS[0], rows(GOLD_FEATURES.schema, day=DAYS[0], count=2))
    lake.publish(SILVER_KLINES["1m"], "BTCUSDT", DAYS[0], rows(SILVER_KLINES["1m"].schema, day=DAYS[0], count=4))
    kept = [*write_part(lake, DAYS[0], "a", count=2), *write_part(lake, DAYS[0], "b", count=3)]
    lake.publish_manifest(BRONZE_TRADES, "BTCUSDT", DAYS[0], Manifest(parts=tuple(kept)))
    write_part(lake, DAYS[0], "unlisted", count=5)
    store = WarehouseStore(f"{lake.uri}/share")
    store.publish(PRICE_AGGREGATES, DAYS[0], rows(PRICE_AGGREGATES.schema, day=DAYS[0], count=2))


def write_part(lake: Lake, day: date, version: str, *, count: int) -> list[Part]:
    """Write rows of trades of a day; they belong to it once a manifest lists them."""
    table = rows(BRONZE_TRADES.schema, day=day, count=count)
    return lake.write_part(BRONZE_TRADES, "BTCUSDT", day, table, source="rest", origin=version, version=version)


def rows(schema: pa.Schema, *, day: date, count: int) -> pa.Table:
    """Rows whose first time is midnight, a minute apart, and whose numbers are those of the row, from 0."""
    columns = [pa.array([_value(field, day=day, number=n) for n in range(count)], field.type) for field in schema]
    return pa.table(columns, schema=schema)


def _value(field: pa.Field, *, day: date, number: int) -> Any:
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=number)
    if pa.types.is_timestamp(field.type):
        return moment if field.type.tz else moment.replace(tzinfo=None)
    if pa.types.is_decimal(field.type):
        return Decimal(number)
    if pa.types.is_string(field.type):
        return {"symbol": "BTCUSDT", "timeframe": "1m"}.get(field.name, f"{field.name} {number}")
    if pa.types.is_boolean(field.type):
        return True
    return float(number) if pa.types.is_floating(field.type) else number
