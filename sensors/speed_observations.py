"""What PostgreSQL and Redis hold of the streams, as events of the assets that stand for it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

import dagster as dg
import msgspec
import redis as redis_client
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.assets.speed import REDIS_LAST_PRICE, STAGING_RAW_PRICES
from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.postgres.summary import read_staged_days
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.spans import from_us
from crypto_assets.stream.processor.last_prices import last_price_key
from resources.postgres import PostgresResource
from resources.redis import RedisResource
from sensors.days_with_rows import INTERVAL_S, events_of_days


class Seen(msgspec.Struct):
    """Cursor: what was recorded before."""

    inserts: dict[str, int] = {}
    """Of each day in staging, as `inserts_of_days` counts."""
    prices: dict[str, int] = {}
    """Of each symbol in Redis, the time of its last price in microseconds since 1970."""


def speed_observations() -> dg.SensorDefinition:
    """Records a materialization of each staging day that got rows, and observes the last prices when they moved."""

    @dg.sensor(
        name="speed_observations",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Says of staging_raw_prices and redis_last_price what PostgreSQL and Redis hold.",
    )
    def observe(
        context: dg.SensorEvaluationContext, postgres: PostgresResource, redis: RedisResource
    ) -> dg.SensorResult:
        seen = msgspec.json.decode(context.cursor, type=Seen) if context.cursor else Seen()
        events: list[dg.AssetMaterialization | dg.AssetObservation] = []
        reasons: list[str] = []
        try:
            staged, seen.inserts = events_of_days(
                STAGING_RAW_PRICES, RAW_PRICES, postgres, seen=seen.inserts, describe=_describe
            )
            events += staged
        except CryptoAssetsError as error:
            reasons.append(str(error))
        try:
            observed, seen.prices = last_price_events(redis, symbols=read_settings().symbols, seen=seen.prices)
            events += observed
        except CryptoAssetsError as error:
            reasons.append(str(error))
        return dg.SensorResult(
            asset_events=events,
            skip_reason=" ".join([f"{len(events)} observations.", *reasons]),
            cursor=msgspec.json.encode(seen).decode(),
        )

    return observe


def _describe(connection: Connection, exchange: str, day: date) -> tuple[dict[str, Any], str] | None:
    staged = next(iter(read_staged_days(connection, exchange=exchange, day=day)), None)
    if staged is None:
        return None
    metadata = {
        "dagster/partition_row_count": staged.rows,
        "symbols": len(staged.symbols),
        "symbol_names": ", ".join(staged.symbols),
        "first_event": dg.MetadataValue.timestamp(staged.first_event_time),
        "last_event": dg.MetadataValue.timestamp(staged.last_event_time),
    }
    # rows are only ever added: their number tells whether there are new ones
    return metadata, f"{staged.rows}-{staged.last_event_time.isoformat()}"


def last_price_events(
    redis: RedisResource, *, symbols: tuple[str, ...], seen: Mapping[str, int]
) -> tuple[list[dg.AssetObservation], dict[str, int]]:
    """An observation of the last prices where one is newer than was seen, and the times; raises CryptoAssetsError."""
    with redis.client() as client:
        held = {symbol: _read_hash(client, last_price_key(redis.exchange, symbol)) for symbol in symbols}
    known = {symbol: fields for symbol, fields in held.items() if "event_time_us" in fields}
    times = {symbol: int(fields["event_time_us"]) for symbol, fields in known.items()}
    if not times or times == seen:
        return [], times
    lines = ["| symbol | price | change | at |", "|---|--:|--:|---|"]
    for symbol, fields in known.items():
        change = f"{100 * float(fields['exchange_rate']):+.4f} %" if fields.get("exchange_rate") else ""
        lines.append(f"| {symbol} | {fields.get('price')} | {change} | {from_us(times[symbol]):%Y-%m-%d %H:%M:%S} |")
    metadata = {
        "symbols": len(times),
        "prices": dg.MetadataValue.md("\n".join(lines)),
        "last_event": dg.MetadataValue.timestamp(from_us(max(times.values()))),
    }
    return [dg.AssetObservation(REDIS_LAST_PRICE, metadata=metadata)], times


def _read_hash(client: redis_client.Redis, key: str) -> dict[str, str]:
    raw = cast("dict[bytes, bytes]", client.hgetall(key))
    return {name.decode(): value.decode() for name, value in raw.items()}
