"""Everything wired, nothing computed. Another group is a line in ASSETS and, where it has some, in CHECKS."""

from __future__ import annotations

import warnings

import dagster as dg

from crypto_assets.assets.archive import archive_assets
from crypto_assets.assets.bronze import bronze_assets
from crypto_assets.assets.forecast_checkpoint import forecast_checkpoint_assets
from crypto_assets.assets.forecast_data import forecast_data_assets
from crypto_assets.assets.forecast_evaluation import forecast_evaluation_assets
from crypto_assets.assets.forecast_predictions import forecast_predictions_assets
from crypto_assets.assets.gap_ledger import gap_ledger_assets
from crypto_assets.assets.gold import gold_assets
from crypto_assets.assets.health import health_assets
from crypto_assets.assets.history import history_assets
from crypto_assets.assets.share import share_assets
from crypto_assets.assets.share_sheet import sheet_assets
from crypto_assets.assets.silver import silver_assets
from crypto_assets.assets.speed import speed_assets
from crypto_assets.assets.streams import stream_assets
from crypto_assets.assets.warehouse import warehouse_assets
from crypto_assets.checks.archive import archive_checks
from crypto_assets.checks.bronze import bronze_checks
from crypto_assets.checks.forecast_data import forecast_data_checks
from crypto_assets.checks.forecast_evaluation import forecast_evaluation_checks
from crypto_assets.checks.forecast_predictions import forecast_predictions_checks
from crypto_assets.checks.gold import gold_checks
from crypto_assets.checks.health import health_checks
from crypto_assets.checks.share import share_checks
from crypto_assets.checks.share_sheet import sheet_checks
from crypto_assets.checks.silver import silver_checks
from crypto_assets.checks.speed import speed_checks
from crypto_assets.checks.streams import stream_checks
from crypto_assets.checks.warehouse import warehouse_checks
from crypto_assets.config import Settings, read_settings
from crypto_assets.jobs import ARCHIVE, FORECAST, HEALTH, MARKET_STREAM, MEDALLION, SHARE, SPEED, WAREHOUSE
from crypto_assets.partitions import DaySymbol
from crypto_assets.retention import bronze_retention, retention_schedule
from crypto_assets.schedules import schedules
from resources.checkpoints import CheckpointsResource
from resources.exchange import ExchangeResource
from resources.lake import LakeResource
from resources.landing import LandingResource
from resources.market_stream import MarketStreamResource
from resources.postgres import PostgresResource
from resources.redis import RedisResource
from resources.sheets import SheetsResource
from resources.spark import SparkResource
from resources.warehouse import WarehouseResource
from sensors.alerts import alerts_sensor
from sensors.automation import automation_sensor
from sensors.bronze_flush import BRONZE_FLUSH, bronze_flush_sensor
from sensors.gaps import gaps_sensor
from sensors.market_stream import market_stream_sensor
from sensors.retraining import retraining_sensor
from sensors.speed_observations import speed_observations
from sensors.trade_observations import trade_observations

ASSETS = (
    *(history_assets, stream_assets, gap_ledger_assets, bronze_assets, silver_assets, gold_assets, speed_assets),
    *(archive_assets, warehouse_assets, share_assets, sheet_assets),
    *(forecast_checkpoint_assets, forecast_evaluation_assets, forecast_predictions_assets),
    health_assets,
)
CHECKS = (
    *(stream_checks, bronze_checks, silver_checks, gold_checks, speed_checks),
    *(archive_checks, warehouse_checks, share_checks, sheet_checks),
    *(forecast_data_checks, forecast_evaluation_checks, forecast_predictions_checks),
    health_checks,
)

BETAS_IN_USE = "backfill_policy|MultiPartitionMapping|allow_nonexistent_upstream_partitions|use_user_code_server"
"""Parts of Dagster that may still change between minor versions; tests cover each of them."""


@dg.definitions
def defs() -> dg.Definitions:
    """The graph as the environment configures it."""
    return build_definitions(read_settings())


def build_definitions(
    settings: Settings, *, exchange: ExchangeResource | None = None, market_stream: MarketStreamResource | None = None
) -> dg.Definitions:
    """The graph for these settings; `exchange` and `market_stream` take the places of those they name."""
    days = DaySymbol.of(settings)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=f".*`({BETAS_IN_USE})`", category=dg.BetaWarning)
        return dg.Definitions(
            assets=[
                *(asset for group in ASSETS for asset in group(days)),
                *forecast_data_assets(days, look_back_days=settings.forecast_days),
            ],
            asset_checks=[check for group in CHECKS for check in group(days)],
            jobs=[
                *(ARCHIVE, MEDALLION, SPEED, WAREHOUSE, SHARE, FORECAST, HEALTH),
                *(MARKET_STREAM, BRONZE_FLUSH, bronze_retention),
            ],
            schedules=[*schedules(days), retention_schedule()],
            sensors=[
                automation_sensor(),
                alerts_sensor(),
                market_stream_sensor(),
                bronze_flush_sensor(days),
                gaps_sensor(days),
                retraining_sensor(days),
                speed_observations(),
                trade_observations(),
            ],
            resources={
                "lake": LakeResource(uri=settings.lake),
                "checkpoints": CheckpointsResource(uri=settings.checkpoints),
                "pipes": dg.PipesSubprocessClient(),
                "exchange": exchange or ExchangeResource(),
                "market_stream": market_stream or MarketStreamResource(),
                "landing_zone": LandingResource(),
                "postgres": PostgresResource(),
                "redis": RedisResource(),
                "sheets": SheetsResource(),
                "warehouse": WarehouseResource(),
                "spark": SparkResource(),
            },
            executor=dg.in_process_executor,
        )
