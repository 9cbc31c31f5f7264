"""Which days of trades PostgreSQL holds, as events of the asset that stands for them."""

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg
import msgspec

from crypto_assets.assets.warehouse import TRADES
from crypto_assets.assets.warehouse_days import describe_trades, trades_version
from crypto_assets.config import read_settings
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.postgres import tables
from crypto_assets.postgres.days import inserts_of_days
from crypto_assets.warehouse.snapshot import read_held_trades
from resources.postgres import PostgresResource

INTERVAL_S = 120


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
            events, seen = trade_events(postgres, seen=seen)
            reason = f"{len(events)} observations."
        except CryptoAssetsError as error:
            events, reason = [], f"0 observations. {error}"
        return dg.SensorResult(asset_events=events, skip_reason=reason, cursor=msgspec.json.encode(seen).decode())

    return observe


def trade_events(
    postgres: PostgresResource, *, seen: Mapping[str, int]
) -> tuple[list[dg.AssetMaterialization], dict[str, int]]:
    """A materialization of each day of trades whose number of inserts is another one than was seen, and the numbers.

    Its data version changes with its rows: that is what fact_trades follows. Raises CryptoAssetsError.
    """
    events: list[dg.AssetMaterialization] = []
    first_day, today = read_settings().partitions_start, datetime.now(UTC).date()
    with postgres.transaction() as connection:
        inserts = inserts_of_days(connection, tables.TRADES)
        for day, number in inserts.items():
            if seen.get(day.isoformat()) == number or not first_day <= day <= today:
                continue
            held = read_held_trades(connection, exchange=postgres.exchange, day=day)
            if held:
                events.append(
                    dg.AssetMaterialization(
                        TRADES,
                        partition=day.isoformat(),
                        metadata=describe_trades(held),
                        tags={"dagster/data_version": trades_version(held)},
                    )
                )
    return events, {day.isoformat(): number for day, number in inserts.items()}
