"""What PostgreSQL and Redis hold of the streams, as events of the assets that stand for it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.assets.speed import REDIS_LAST_PRICE, STAGING_RAW_PRICES
from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.postgres.summary import read_staged_days
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.spans import to_us
from crypto_assets.stream.processor.last_prices import read_last_prices
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
        held = read_last_prices(client, redis.exchange, symbols)
    known = {symbol: prices.ticker for symbol, prices in held.items() if prices.ticker is not None}
    times = {symbol: to_us(ticker.at) for symbol, ticker in known.items()}
    if not times or times == seen:
        return [], times
    lines = ["| symbol | price | change | at |", "|---|--:|--:|---|"]
    for symbol, ticker in known.items():
        change = "" if ticker.exchange_rate is None else f"{100 * float(ticker.exchange_rate):+.4f} %"
        lines.append(f"| {symbol} | {ticker.price:f} | {change} | {ticker.at:%Y-%m-%d %H:%M:%S} |")
    metadata = {
        "symbols": len(times),
        "prices": dg.MetadataValue.md("\n".join(lines)),
        "last_event": dg.MetadataValue.timestamp(max(ticker.at for ticker in known.values())),
    }
    return [dg.AssetObservation(REDIS_LAST_PRICE, metadata=metadata)], times
