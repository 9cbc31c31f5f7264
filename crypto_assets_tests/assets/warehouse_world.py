"""The warehouse group on a database, a lake, an S3 and a stand-in for Redshift of a test's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg2
import pyarrow as pa

from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.endpoints import exchange_name
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition, WholeDay
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.rows import Value, upsert_rows
from crypto_assets.postgres.tables import TRADES
from crypto_assets.run_tags import PARTITION_TAG
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets.warehouse.store import WarehouseStore

SYMBOLS = ("BTCUSDT", "ETHUSDT")
DAY = date(2024, 8, 8)
QUANTITY = Decimal("0.5")


@dataclass
class WarehouseWorld:
    """What a run of the group reads and writes."""

    definitions: dg.Definitions
    instance: dg.DagsterInstance
    database: str
    warehouse: str
    lake: Lake
    store: WarehouseStore
    exchange: str

    def put(self, rows: Sequence[Sequence[Value]]) -> None:
        """Put rows into `trades`, without the exchange that begins each."""
        with closing(connect(self.database)) as connection:
            upsert_rows(connection, TRADES, [(self.exchange, *row) for row in rows])
            connection.commit()

    def trade(self, *trades: tuple[str, int, datetime, str]) -> None:
        """Put (symbol, id, time, price) into `trades`."""
        self.put([(symbol, number, at, price, QUANTITY, True, "live", at) for symbol, number, at, price in trades])

    def candles(self, symbol: str, day: date, *minutes: Sequence[tuple[int, str]]) -> None:
        """Publish silver of a symbol's day: of each minute the prices of its trades, as (minute, price)."""
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        rows: list[dict[str, Any]] = []
        for trades in minutes:
            at = start + timedelta(minutes=trades[0][0])
            prices = [Decimal(price) for _, price in trades]
            rows.append(
                {
                    "open_time": at,
                    "close_time": at + timedelta(milliseconds=59_999),
                    "open": prices[0],
                    "close": prices[-1],
                    "high": max(prices),
                    "low": min(prices),
                    "volume": QUANTITY * len(prices),
                    "quote_volume": sum(QUANTITY * price for price in prices),
                    "count": len(prices),
                    "taker_buy_volume": Decimal(0),
                    "taker_buy_quote_volume": Decimal(0),
                    "flags": 0,
                    "source": "archive",
                }
            )
        table = pa.Table.from_pylist(rows, schema=SILVER_KLINES["1m"].schema)
        self.lake.publish(SILVER_KLINES["1m"], symbol, day, table)

    def simple_day(self, day: date, *, price: str = "60000.01") -> None:
        """Two trades of each symbol in two minutes, and candles that agree."""
        start = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        number = day.toordinal() * 10
        for symbol in SYMBOLS:
            self.trade(
                (symbol, number, start, price),
                (symbol, number + 1, start + timedelta(seconds=59), "60000.03"),
                (symbol, number + 2, start + timedelta(minutes=1), price),
            )
            self.candles(symbol, day, [(720, price), (720, "60000.03")], [(721, price)])

    def report_silver(self, day: date) -> None:
        """Tell Dagster of the candles of every symbol's day."""
        for symbol in SYMBOLS:
            key = Partition(symbol, day).key
            event = dg.AssetMaterialization(SILVER_KLINES["1m"].name, partition=key)
            self.instance.report_runless_asset_event(event)

    @property
    def group(self) -> list[str]:
        """What the job writes."""
        layer = self.definitions.resolve_job_def("warehouse").asset_layer
        return sorted(key.to_user_string() for key in layer.executable_asset_keys)

    def run(self, tags: dict[str, str] | None = None, *, select: Sequence[str] = ()) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def("warehouse")
        return job.execute_in_process(
            instance=self.instance,
            tags={PARTITION_TAG: WholeDay(DAY).key} if tags is None else tags,
            asset_selection=[dg.AssetKey(name) for name in select] or None,
            raise_on_error=False,
        )

    def redshift(self, query: str) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.warehouse)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()

    def redshift_execute(self, statement: str) -> None:
        with closing(psycopg2.connect(self.warehouse)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def loaded_days(self) -> dict[str, int]:
        """Rows of each day of fact_trades in Redshift."""
        rows = self.redshift("SELECT trade_minute::date, COUNT(*) FROM fact_trades GROUP BY 1 ORDER BY 1")
        return {str(day): count for day, count in rows}

    def metadata(self, asset: str, day: date = DAY) -> dict[str, Any]:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[day.isoformat()])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def make_world(
    environment: Mapping[str, str], *, database: str, warehouse: str, instance: dg.DagsterInstance
) -> WarehouseWorld:
    """The product's own graph as this environment, which is that of the process, configures it; Redshift is empty."""
    settings = Settings(_env_file=None)  # pyright: ignore[reportCallIssue]
    store = WarehouseStore(environment["WAREHOUSE_S3_URI"])
    lake, exchange = Lake(settings.lake), exchange_name(settings)
    made = WarehouseWorld(build_definitions(settings), instance, database, warehouse, lake, store, exchange)
    for table in ("fact_trades", "dim_time", "dim_symbol", "warehouse_loads"):
        made.redshift_execute(f"DROP TABLE IF EXISTS {table}")
    return made


def said(result: dg.ExecuteInProcessResult) -> str:
    """What each failed step said."""
    failed = (event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE)
    data = (event.step_failure_data for event in failed)
    return "\n".join(str(one.user_failure_data.description if one.user_failure_data else one.error) for one in data)
