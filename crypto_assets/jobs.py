"""Jobs: what can be started by name. Assets of one layer are selected with `dagster asset materialize --select`."""

import socket

import dagster as dg

from crypto_assets.errors import ServiceFailed
from crypto_assets.refusal import refuse
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES
from resources.market_stream import HOST_TAG, MarketStreamResource

CANDLES_TO_FEATURES = dg.AssetSelection.groups("bronze", "silver", "gold") - dg.AssetSelection.assets(
    BRONZE_TRADES.name
)
"""Everything that a day of features needs. Trades are not: nothing reads them yet, and they are the largest by far."""

A_DAY = "The tag dagster/partition names a day such as 2026-11-20."
OF_A_SYMBOL = "The tag dagster/partition names a day, dagster/asset_partition_range_start and _end a range."
"""How a run is told what it is about."""

MEDALLION = dg.define_asset_job(
    "medallion",
    selection=CANDLES_TO_FEATURES,
    description=(
        "From the exchange to features: bronze, silver and gold of a day of a symbol, or of a range of days, with "
        f"every check. {OF_A_SYMBOL}"
    ),
)

ARCHIVE = dg.define_asset_job(
    "archive",
    selection=dg.AssetSelection.groups("archive") | dg.AssetSelection.assets(BRONZE_KLINES["1m"].name),
    description=(
        "One-second candles of a day of a symbol, or of a range of days: the exchange's files, as they are on HDFS, "
        f"cleaned by Spark, and compared with the candles of a minute. {OF_A_SYMBOL}"
    ),
)

WAREHOUSE = dg.define_asset_job(
    "warehouse",
    selection=dg.AssetSelection.groups("warehouse").materializable(),
    description=(
        f"Facts of a UTC day's trades, or of a range of days: Parquet on S3, the gate, then Redshift. {A_DAY}"
    ),
)

SHARE = dg.define_asset_job(
    "share",
    selection=dg.AssetSelection.groups("share"),
    description=(
        "Prices of a UTC day in windows of a minute to a day, as a table of Hive and in the analysts' spreadsheet; of "
        f"today what Kafka has. {A_DAY}"
    ),
)

FORECAST = dg.define_asset_job(
    "forecast",
    selection=dg.AssetSelection.groups("forecast"),
    description=(
        "A model of a symbol as of a UTC day: the set it is fitted on, the LSTM, a verdict on rows that it never saw, "
        "its promotion where it is better than every baseline, and the day's predictions by the model in force. The "
        "tag dagster/partition names a day of a symbol."
    ),
)

HEALTH = dg.define_asset_job(
    "health",
    selection=dg.AssetSelection.groups("health"),
    description=(
        "The daily look at a UTC day: checks, failed runs, freshness, completeness, features, streams, gaps, disk and "
        f"cost, as a table, a page and a picture. {A_DAY}"
    ),
)

SPEED = dg.define_asset_job(
    "speed",
    selection=dg.AssetSelection.assets("daily_summary"),
    description=(
        "What a UTC day of prices came to, by the procedure get_daily_summary, with its check; then staging days that "
        f"were summarised and are old enough are dropped. {A_DAY}"
    ),
)


@dg.op(description="Starts collector, processor and forecaster where they do not run; keeps them alive, and ends them.")
def supervise(context: dg.OpExecutionContext, market_stream: MarketStreamResource) -> None:
    """Runs until it is cancelled or the services are taken down."""
    run_id = context.run.run_id
    context.instance.add_run_tags(run_id, {HOST_TAG: socket.gethostname()})

    storage_answers = True

    def ended_as() -> dg.DagsterRunStatus | None:
        nonlocal storage_answers
        try:
            run = context.instance.get_run_by_id(run_id)
        except Exception as error:  # the market goes on while Dagster's storage is away
            if storage_answers:
                context.log.warning("Dagster's storage does not say whether this run was ended: %s", error)
            storage_answers = False
            return None
        storage_answers = True
        if run is None:  # deleted
            return dg.DagsterRunStatus.CANCELED
        return run.status if run.is_finished or run.status is dg.DagsterRunStatus.CANCELING else None

    try:
        reason = market_stream.supervise(run_id=run_id, log=context.log, has_ended=lambda: ended_as() is not None)
    except ServiceFailed as error:
        refuse(str(error))
    context.log.info(reason)
    if ended_as() not in (None, dg.DagsterRunStatus.SUCCESS):
        # A success of this process would be the run's last event, and its status. Interrupted, it leaves it as it is.
        raise dg.DagsterExecutionInterruptedError


@dg.job(
    name="market_stream",
    description=(
        "The live market: collector (exchange to Kafka), processor (Kafka to Redis and Postgres) and forecaster (each "
        "closed candle to a prediction, where a model is promoted). One run keeps them alive for as long as it lasts; "
        "the sensor of the same name starts it. To stop them, switch the sensor off and end the run."
    ),
    executor_def=dg.in_process_executor,
    tags={
        "dagster/max_runtime": "0",  # it is meant to last: the limit of dagster.yaml is not for it
        "dagster/max_retries": "0",  # the sensor starts the next one, after a pause that grows
        "dagster/priority": "10",
        "market_stream": "supervisor",  # dagster.yaml lets one of these run at a time
    },
)
def MARKET_STREAM() -> None:  # noqa: N802  a job is a constant like the others
    """One op."""
    supervise()
