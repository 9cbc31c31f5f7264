"""What PostgreSQL and Redis hold of the streams, as events of the assets that stand for it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import cast

import dagster as dg
import msgspec
import redis as redis_client

from crypto_assets.assets.speed import REDIS_LAST_PRICE, STAGING_RAW_PRICES
from crypto_assets.assets.speed_days import describe_staged, staged_version
from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.postgres.days import inserts_of_days
from crypto_assets.postgres.summary import read_staged_days
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.spans import from_us
from crypto_assets.stream.processor.last_prices import last_price_key
from resources.postgres import PostgresResource
from resources.redis import RedisResource

INTERVAL_S = 120


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
            staged, seen.inserts = staged_events(postgres, seen=seen.inserts)
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


def staged_events(
    postgres: PostgresResource, *, seen: Mapping[str, int]
) -> tuple[list[dg.AssetMaterialization], dict[str, int]]:
    """A materialization of each day in staging whose number of inserts is another one than was seen, and the numbers.

    Its data version changes with its rows: that is what daily_summary follows. Raises CryptoAssetsError.
    """
    events: list[dg.AssetMaterialization] = []
    first_day = read_settings().partitions_start
    with postgres.transaction() as connection:
        inserts = inserts_of_days(connection, RAW_PRICES)
        for day, number in inserts.items():
            if seen.get(day.isoformat()) == number or not _is_partition(day, first_day=first_day):
                continue
            events += [
                dg.AssetMaterialization(
                    STAGING_RAW_PRICES,
                    partition=day.isoformat(),
                    metadata=describe_staged(staged),
                    tags={"dagster/data_version": staged_version(staged)},
                )
                for staged in read_staged_days(connection, exchange=postgres.exchange, day=day)
            ]
    return events, {day.isoformat(): number for day, number in inserts.items()}


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


def _is_partition(day: date, *, first_day: date) -> bool:
    """Whether the graph has the day: event times that jumped lie anywhere."""
    return first_day <= day <= datetime.now(UTC).date()
