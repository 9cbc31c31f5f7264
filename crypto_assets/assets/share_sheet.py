"""The spreadsheet that analysts work in: a tab a symbol, rows upserted by key, nothing else of it touched."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

from crypto_assets.assets.columns import table_metadata
from crypto_assets.assets.day_asset import day_asset
from crypto_assets.assets.each_partition import Written, materialize_each
from crypto_assets.assets.share import GROUP, share_store
from crypto_assets.assets.share_days import FROM_STREAM
from crypto_assets.automation import when_inputs_change
from crypto_assets.config import Settings, read_settings
from crypto_assets.errors import InputIncomplete
from crypto_assets.lake.files import Files
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.share.sheet import Layout, Shared
from crypto_assets.share.sheet_requests import MAX_CELLS, size_warning
from crypto_assets.share.sheet_retention import Retention
from crypto_assets.share.sheet_rows import Row, rounded_cells, shared_rows
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.share.workbook import to_csv, to_xlsx
from crypto_assets.warehouse.store import WarehouseStore
from resources.lake import LakeResource
from resources.sheets import SheetsResource

SHEET = "sheet_price_aggregates"
LAYOUT = Layout(tuple(PRICE_AGGREGATES.schema.names), key=len(PRICE_AGGREGATES.key))
FILES_FOLDER = "share"
"""Below DATA_DIR: where the same rows lie as CSV and XLSX while no Google spreadsheet is named."""


def sheet_assets(days: DaySymbol) -> Sequence[dg.AssetsDefinition]:
    """One asset: the day's rows in the spreadsheet."""
    every_day = days.whole_days

    @day_asset(
        SHEET,
        every_day,
        group=GROUP,
        kinds={"googlesheets"},
        deps=[PRICE_AGGREGATES.name],
        description=(
            "Windows of SHEET_TIMEFRAMES in the spreadsheet GOOGLE_SHEETS_ID, a tab a symbol; without one, in a "
            "stand-in on this machine and as CSV and XLSX. Rows are found by symbol, timeframe and window_start, "
            "wherever they were sorted to; a repeat changes nothing. Other rows, and columns right of these, are "
            "never written to; with SHEET_KEEP_DAYS, old rows of windows shorter than an hour are deleted where nobody "
            "wrote right of them. Times are text, UTC; numbers have 15 significant digits, as many as a cell keeps: "
            "all digits are in price_aggregates."
        ),
        metadata=table_metadata(PRICE_AGGREGATES),
        follows=when_inputs_change(),
    )
    def sheet_price_aggregates(
        context: dg.AssetExecutionContext, sheets: SheetsResource, lake: LakeResource
    ) -> dg.MaterializeResult:
        settings = read_settings()
        store = share_store(lake.lake)
        return materialize_each(context, every_day, lambda _: SheetDays(sheets, store, settings=settings).write)

    return [sheet_price_aggregates]


def shared_table(store: WarehouseStore, partition: WholeDay, *, settings: Settings) -> pa.Table:
    """Rows of the day that are shared, as the lake has them; raises InputIncomplete where it has no such day."""
    table = store.read(PRICE_AGGREGATES, partition.day)
    if table is None:
        raise InputIncomplete(
            f"sheet_price_aggregates {partition}: there is no price_aggregates of that day. Nothing was written. "
            "Materialise price_aggregates first."
        )
    wanted = set(settings.sheet_timeframes)
    return table.filter(pa.array([name in wanted for name in table["timeframe"].to_pylist()], pa.bool_()))


def retention_of(settings: Settings) -> Retention | None:
    """How long rows of short windows stay in the spreadsheet; None for ever."""
    return Retention(settings.sheet_keep_days) if settings.sheet_keep_days else None


class SheetDays:
    """Writes days of price aggregates into the spreadsheet, and where that is a stand-in also into files."""

    def __init__(self, sheets: SheetsResource, store: WarehouseStore, *, settings: Settings) -> None:
        self._endpoint = sheets.endpoint
        self._spreadsheet = sheets.spreadsheet()
        self._store = store
        self._settings = settings
        self._files = Files(str(settings.data_dir / FILES_FOLDER))

    def write(self, partition: WholeDay) -> Written:
        """Upsert the rows of the day and describe what was done; a day without rows changes nothing."""
        table = shared_table(self._store, partition, settings=self._settings)
        rows = shared_rows(table, timeframes=self._settings.sheet_timeframes)
        # Rows go below the last one that was read: a run of another day that read the same one would write there too.
        with self._files.alone(self._endpoint.spreadsheet):
            shared = self._spreadsheet.upsert(LAYOUT, rows, retention=retention_of(self._settings))
        metadata = self._described(shared, table) | self._publish_files(partition, table)
        return Written(
            rows=table.num_rows,
            data_version=_version(rows),
            metadata=metadata,
            warning=_warning(shared, rows=table.num_rows, runs_still=self._runs_still(partition)),
        )

    def _runs_still(self, partition: WholeDay) -> bool:
        manifest = self._store.manifest(PRICE_AGGREGATES, partition.day)
        return manifest is not None and manifest.notes.get("made_from") == FROM_STREAM

    def _described(self, shared: Shared, table: pa.Table) -> dict[str, Any]:
        return {
            "spreadsheet": dg.MetadataValue.url(self._endpoint.page),
            "is_google": self._endpoint.is_google,
            "dagster/partition_row_count": table.num_rows,
            "timeframes": ", ".join(self._settings.sheet_timeframes),
            "tabs": shared.tabs,
            "tabs_created": ", ".join(shared.created) or "none",
            "rows_appended": shared.appended,
            "rows_updated": shared.updated,
            "rows_unchanged": shared.unchanged,
            "rows_deleted_as_too_old": shared.deleted,
            "requests_that_write": shared.requests,
            "cells_rounded": rounded_cells(table),
            "spreadsheet_cells": shared.cells,
            "spreadsheet_full_percent": round(100 * shared.cells / MAX_CELLS, 2),
        }

    def _publish_files(self, partition: WholeDay, table: pa.Table) -> dict[str, Any]:
        if self._endpoint.is_google:
            return {}
        described: dict[str, Any] = {}
        for kind, content in (("csv", to_csv(table)), ("xlsx", to_xlsx(table, tab_by="symbol"))):
            path = f"{PRICE_AGGREGATES.name}-{partition}.{kind}"
            self._files.publish(path, content)
            described[kind] = dg.MetadataValue.path(self._files.uri_of(path))
        return described


def _warning(shared: Shared, *, rows: int, runs_still: bool) -> str | None:
    if not rows and not runs_still:
        return "price_aggregates has no rows of the time frames that are shared; nothing was written"
    if shared.repeated:
        return (
            f"{len(shared.repeated)} rows repeat the key of a row above them and keep what they say, the first at "
            f"{shared.repeated[0]}. Delete the copies, or move them right of our columns"
        )
    return size_warning(shared.cells)


def _version(rows: dict[str, list[Row]]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()
