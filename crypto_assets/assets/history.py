"""`history_klines`: klines that a person brings, loaded into bronze over any range of days in one run."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from pydantic import Field

from crypto_assets.assets.each_partition import Written, materialization
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.history.files import find_files
from crypto_assets.history.load import HistoryRequest, LoadedHistory, load_history
from crypto_assets.identifiers import checked_day, checked_symbol
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.pictures.days import days_picture
from crypto_assets.refusal import refuse
from crypto_assets.schemas import BRONZE_KLINES, TIMEFRAMES, Dataset
from resources.lake import LakeResource

GROUP = "history"
DAY = timedelta(days=1)


class HistoryFiles(dg.Config):
    """Which files to load, and what they hold."""

    files: str = Field(
        description="A file, folder or glob of CSV (also .gz, .zip) or Parquet: a path, `s3://…` or "
        "`hf://datasets/<owner>/<name>/…`."
    )
    symbol: str = Field(description="Symbol of the rows to take, such as BTCUSDT.")
    timeframe: str = Field("1m", description=f"One of {', '.join(TIMEFRAMES)}.")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Our column names to the files', where theirs are unusual: {'open_time': 'Candle begin'}.",
    )
    first_day: str | None = Field(None, description="First day to load, such as 2024-08-01; all where empty.")
    last_day: str | None = Field(None, description="Last day to load, included.")
    endpoint: str | None = Field(
        None, description="Address of the store, for `hf://` and `s3://` other than the usual."
    )


def history_assets(days: DaySymbol) -> list[dg.AssetsDefinition]:
    """The loader as an asset without partitions: one run fills any range."""

    @dg.asset(
        name="history_klines",
        group_name=GROUP,
        kinds={"csv", "parquet"},
        description=(
            "Loads klines from CSV or Parquet files of a folder, a bucket or a Hugging Face data set into the days of "
            "bronze that they cover. The unit of times is found by value, columns by their usual names. Loading again "
            "changes nothing; rows of the exchange's archive or REST take precedence over them."
        ),
    )
    def history_klines(
        context: dg.AssetExecutionContext, config: HistoryFiles, lake: LakeResource
    ) -> dg.MaterializeResult:
        try:
            request = _request(config)
            files = find_files(config.files, storage_options=_storage_options(config))
            context.log.info("%d files below %s", len(files), config.files)
            loaded = load_history(files, request, lake=lake.lake, now=datetime.now(UTC), progress=context.log.info)
        except (CryptoAssetsError, ValueError) as error:
            refuse(f"history_klines: {error}")
        dataset = BRONZE_KLINES[request.timeframe]
        outside = _report_days(context, loaded, dataset=dataset, symbol=request.symbol, days=days, lake=lake.lake)
        if loaded.refused:
            reasons = "\n".join(reason for _, reason in sorted(loaded.refused.items()))
            refuse(f"history_klines: the other days are loaded; {len(loaded.refused)} stay as they are.\n{reasons}")
        return dg.MaterializeResult(metadata=_metadata(loaded, TIMEFRAMES[request.timeframe], outside=outside))

    return [history_klines]


def _request(config: HistoryFiles) -> HistoryRequest:
    if config.timeframe not in TIMEFRAMES:
        raise ValueError(f"timeframe {config.timeframe!r} is none of {', '.join(TIMEFRAMES)}")
    first, last = (checked_day(day) if day else None for day in (config.first_day, config.last_day))
    return HistoryRequest(checked_symbol(config.symbol), config.timeframe, config.columns, first, last)


def _storage_options(config: HistoryFiles) -> dict[str, str]:
    if config.endpoint is None:
        return {}
    return {"endpoint_url" if config.files.startswith("s3://") else "endpoint": config.endpoint}


def _report_days(
    context: dg.AssetExecutionContext,
    loaded: LoadedHistory,
    *,
    dataset: Dataset,
    symbol: str,
    days: DaySymbol,
    lake: Lake,
) -> int:
    """Tell Dagster of the bronze days that changed; how many days have no partition in this graph."""
    outside = 0
    for day in sorted(loaded.changed_days):
        manifest = lake.manifest(dataset, symbol, day)
        if day < days.first_day or symbol not in days.symbols or manifest is None:
            outside += 1
            continue
        context.log_event(
            materialization(
                dataset.name,
                Partition(symbol, day),
                Written(
                    manifest.rows,
                    manifest.data_version,
                    metadata={"dagster/row_count": manifest.rows, "bytes": manifest.bytes},
                ),
            )
        )
    if outside:
        context.log.warning(
            "%d of the days loaded have no partition in this graph, which has %s since %s: see SYMBOLS and "
            "PARTITIONS_START.",
            outside,
            ", ".join(days.symbols),
            days.first_day,
        )
    return outside


def _metadata(loaded: LoadedHistory, timeframe: timedelta, *, outside: int) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "files": loaded.files,
        "dagster/row_count": loaded.rows,
        "rejected": loaded.rejected,
        "days": len(loaded.rows_by_day),
        "days_changed": len(loaded.changed_days),
        "days_without_partition": outside,
    }
    if loaded.rows_by_day:
        complete = DAY // timeframe
        figures |= {
            "first_day": str(min(loaded.rows_by_day)),
            "last_day": str(max(loaded.rows_by_day)),
            "days_incomplete": sum(rows < complete for rows in loaded.rows_by_day.values()),
            "coverage": dg.MetadataValue.md(days_picture(loaded.rows_by_day, complete=complete)),
        }
    return figures
