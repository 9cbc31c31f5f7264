"""How one day of a table of the warehouse is written and described. No Dagster run is needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from crypto_assets.assets.each_partition import Written, published_metadata
from crypto_assets.config import WarehouseSource, read_settings
from crypto_assets.endpoints import exchange_name, postgres_url
from crypto_assets.errors import WarehouseError
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import WholeDay
from crypto_assets.warehouse.extract import DayFacts, facts_from_lake, facts_from_postgres
from crypto_assets.warehouse.facts import symbol_dimension, time_dimension
from crypto_assets.warehouse.figures import figures_of
from crypto_assets.warehouse.load import DayLoad, load_day
from crypto_assets.warehouse.staging import stage_day
from crypto_assets.warehouse.store import WarehouseStore
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, DayTable
from crypto_assets.warehouse.verdict import judge_day, read_verdict
from resources.exchange import ExchangeResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource

if TYPE_CHECKING:
    import pyarrow as pa

_NOTHING = {
    WarehouseSource.POSTGRES: (
        "PostgreSQL has no trades of {day}: no stream ran on that day. What the exchange's archive has of it comes "
        "from the lake: materialise bronze_trades of {day}, then this day again with WAREHOUSE_SOURCE=lake."
    ),
    WarehouseSource.LAKE: "the lake has no trades of {day}: materialise bronze_trades of {day}, then this day again.",
}
"""What to do about a day without trades, by where they are read from."""


def write_times(warehouse: WarehouseResource, day: WholeDay) -> Written:
    """Publish dim_time of a day."""
    return _publish(warehouse.store, DIM_TIME, day, time_dimension(day.day))


def write_symbols(
    warehouse: WarehouseResource, exchange: ExchangeResource, day: WholeDay, *, symbols: Sequence[str]
) -> Written:
    """Publish dim_symbol of a day: what the exchange says of the symbols now."""
    infos = exchange.sources.spot.exchange_info(symbols).symbols
    lacking = sorted({*symbols} - {info.symbol for info in infos})
    unknown = f"the exchange does not list {', '.join(lacking)}, so that no trade of it passes the gate; see SYMBOLS"
    return _publish(warehouse.store, DIM_SYMBOL, day, symbol_dimension(infos), warning=unknown if lacking else None)


def write_facts(
    warehouse: WarehouseResource, spark: SparkResource, lake: Lake, day: WholeDay, *, symbols: Sequence[str]
) -> Written:
    """Publish fact_trades of a day from where WAREHOUSE_SOURCE says; a day without trades has none, and a warning."""
    found = _read_facts(spark, lake, day, symbols=symbols)
    figures: dict[str, Any] = {
        "trades": found.trades,
        "spark_tasks": found.tasks,
        "symbols": len(found.facts["symbol"].unique()),
        "total_trade_value": str(figures_of(found.facts)["sum(total_trade_value)"] or 0),
    }
    nothing = None if found.trades else _NOTHING[read_settings().warehouse_source].format(day=day)
    return _publish(warehouse.store, FACT_TRADES, day, found.facts, figures=figures, warning=nothing)


def load_table(warehouse: WarehouseResource, table: DayTable, day: WholeDay) -> Written:
    """Load a published day of a dimension into Redshift."""
    return _load(warehouse, stage_day(warehouse.store, table, day.day))


def load_facts(warehouse: WarehouseResource, lake: Lake, day: WholeDay, *, symbols: Sequence[str]) -> Written:
    """Load the published facts of a day into Redshift, if exactly these passed the gate.

    Where nobody has judged them, or they did not pass then, they are judged now. Raises WarehouseError with the
    minutes and the reasons.
    """
    store = warehouse.store
    load = stage_day(store, FACT_TRADES, day.day)
    verdict = read_verdict(store, day.day, data_version=load.data_version)
    if verdict is None or not verdict.passed:
        verdict = judge_day(store, lake, day.day, symbols=symbols)
    if verdict is None or verdict.data_version != load.data_version:
        raise WarehouseError(f"fact_trades {day} was written anew while it was judged. Load it again.")
    if not verdict.passed:
        raise WarehouseError(
            f"fact_trades {day} did not pass the gate and is not loaded; Redshift keeps what it held. "
            f"{verdict.why_not} Mend what the checks name and materialise fact_trades of the day again."
        )
    return _load(warehouse, load)


def _read_facts(spark: SparkResource, lake: Lake, day: WholeDay, *, symbols: Sequence[str]) -> DayFacts:
    settings = read_settings()
    if settings.warehouse_source is WarehouseSource.LAKE:
        return facts_from_lake(lambda: spark.session, lake.uri, symbols=symbols, day=day.day)
    return facts_from_postgres(
        lambda: spark.session, postgres_url(settings), exchange=exchange_name(settings), day=day.day
    )


def _publish(
    store: WarehouseStore,
    table: DayTable,
    day: WholeDay,
    rows: pa.Table,
    *,
    figures: dict[str, Any] | None = None,
    warning: str | None = None,
) -> Written:
    published = store.publish(table, day.day, rows)
    metadata = {**published_metadata(published), **(figures or {})}
    return Written.of(published, metadata, data_version=published.data_version, warning=warning)


def _load(warehouse: WarehouseResource, load: DayLoad) -> Written:
    loaded = load_day(warehouse.redshift(), load, role=warehouse.role, now=partial(datetime.now, UTC))
    return Written(
        rows=loaded.rows,
        data_version=load.data_version,
        metadata={
            "dagster/row_count": loaded.rows,
            "copied_from": load.manifest_uri,
            "changed": loaded.changed,
            "compared": loaded.figures,
        },
    )
