"""Which days of trades PostgreSQL holds, as events of the asset that stands for them."""

from datetime import date
from typing import Any

import dagster as dg
import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.assets.warehouse import TRADES
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.postgres import tables
from crypto_assets.warehouse.snapshot import read_held_trades
from resources.postgres import PostgresResource
from sensors.days_with_rows import INTERVAL_S, events_of_days


def trade_observations() -> dg.SensorDefinition:
    """Records a materialization of each day of `trades` that got rows: late ones make facts of that day follow."""

    @dg.sensor(
        name="trade_observations",
        minimum_interval_seconds=INTERVAL_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Says of trades which days PostgreSQL holds, and which have got trades since.",
    )
    def observe(context: dg.SensorEvaluationContext, postgres: PostgresResource) -> dg.SensorResult:
        seen = msgspec.json.decode(context.cursor, type=dict[str, int]) if context.cursor else {}
        try:
            events, seen = events_of_days(TRADES, tables.TRADES, postgres, seen=seen, describe=_describe)
            reason = f"{len(events)} observations."
        except CryptoAssetsError as error:
            events, reason = [], f"0 observations. {error}"
        return dg.SensorResult(asset_events=events, skip_reason=reason, cursor=msgspec.json.encode(seen).decode())

    return observe


def _describe(connection: Connection, exchange: str, day: date) -> tuple[dict[str, Any], str] | None:
    held = read_held_trades(connection, exchange=exchange, day=day)
    if not held:
        return None
    trades = sum(h.trades for h in held)
    metadata = {
        "dagster/partition_row_count": trades,
        "symbols": len(held),
        "symbol_names": ", ".join(h.symbol for h in held),
        "first_trade": dg.MetadataValue.timestamp(min(h.first_time for h in held)),
        "last_trade": dg.MetadataValue.timestamp(max(h.last_time for h in held)),
    }
    # rows are only ever added: their number tells whether there are new ones
    return metadata, f"{trades}-{max(h.last_inserted_at for h in held).isoformat()}"
