"""An exchange small enough to know by heart: it answers REST, publishes no archive and records nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from crypto_assets.binance.archive import ArchiveClient
from crypto_assets.binance.parsed import Parsed
from crypto_assets.config import Settings
from crypto_assets.convergence.sources import Sources
from crypto_assets.definitions import build_definitions
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_KLINES, BRONZE_OPEN_INTEREST, REJECTED
from crypto_assets.spans import to_us
from crypto_assets.stream.reader import LiveTopics
from resources.exchange import ExchangeResource
from resources.lake import LakeResource

FIRST_DAY = date(2024, 8, 1)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
DAYS = DaySymbol(FIRST_DAY, SYMBOLS)
MINUTE_US = 60_000_000


def day(number: int, symbol: str = "BTCUSDT") -> Partition:
    """The partition of 2024-08-<number>."""
    return Partition(symbol, date(2024, 8, number))


def time(number: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of 2024-08-<number>."""
    return datetime(2024, 8, number, hour, minute, tzinfo=UTC)


@dataclass
class SmallRest:
    """Candles whose close is a function of the minute; without the minutes in `holes`."""

    holes: list[tuple[datetime, datetime]] = field(default_factory=list)
    errors: dict[date, list[Exception]] = field(default_factory=dict)
    """Raised one after the other when a day is asked for."""
    price: float = 60_000.0
    asked: list[tuple[str, datetime, datetime]] = field(default_factory=list)

    def klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        self.asked.append((timeframe, start, end))
        if self.errors.get(start.date()):
            raise self.errors[start.date()].pop(0)
        schema = BRONZE_KLINES[timeframe].payload
        if timeframe != "1m":
            return Parsed(schema.empty_table(), REJECTED.empty_table())
        opened = np.arange(to_us(start), to_us(end), MINUTE_US)
        for first, last in self.holes:
            opened = opened[(opened < to_us(first)) | (opened >= to_us(last))]
        minute = opened // MINUTE_US
        close = np.round(self.price + 300 * np.sin(minute / 97) + 20 * np.sin(minute / 3), 2)
        before = np.round(self.price + 300 * np.sin((minute - 1) / 97) + 20 * np.sin((minute - 1) / 3), 2)
        volume = np.round(5 + 4 * np.sin(minute / 11), 3)
        columns = {
            "open_time": opened,
            "open": before,
            "high": np.maximum(close, before) + 1,
            "low": np.minimum(close, before) - 1,
            "close": close,
            "volume": volume,
            "close_time": opened + MINUTE_US - 1000,
            "quote_volume": np.round(volume * close, 4),
            "count": np.full(opened.size, 100),
            "taker_buy_volume": np.round(volume / 2, 3),
            "taker_buy_quote_volume": np.round(volume * close / 2, 4),
        }
        return Parsed(_table(columns, schema), REJECTED.empty_table())

    def funding_rates(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        times = np.arange(to_us(start), to_us(end), 8 * 60 * MINUTE_US)
        columns = {
            "funding_time": times,
            "funding_rate": np.full(times.size, 0.0001),
            "mark_price": np.full(times.size, self.price),
            "interval_hours": np.full(times.size, 8),
        }
        return Parsed(_table(columns, BRONZE_FUNDING_RATE.payload), REJECTED.empty_table())

    def open_interest_history(self, symbol: str, start: datetime, end: datetime) -> Parsed:
        return Parsed(BRONZE_OPEN_INTEREST.payload.empty_table(), REJECTED.empty_table())

    def mark_price_klines(self, symbol: str, timeframe: str, start: datetime, end: datetime) -> Parsed:
        return Parsed(BRONZE_KLINES["1m"].payload.empty_table(), REJECTED.empty_table())

    index_price_klines = mark_price_klines


_SOURCES: dict[str, Sources] = {}
"""By folder: Dagster makes a resource anew for each run, from its configuration alone."""


class SmallExchange(ExchangeResource):
    """Hands out one SmallRest as spot and futures, beside an archive in which nothing is published."""

    folder: str

    @property
    def sources(self) -> Sources:
        return _SOURCES[self.folder]


def open_exchange(folder: Path, rest: SmallRest, *, live: LiveTopics | None = None) -> SmallExchange:
    """An exchange that keeps its files below the folder, and may have topics in Kafka."""
    (folder / "archive").mkdir(exist_ok=True)
    archive = ArchiveClient((folder / "archive").as_uri(), downloads=folder / "downloads")
    client: Any = rest
    _SOURCES[str(folder)] = Sources(
        "simulator-0",
        spot=client,
        futures=client,
        archive=archive,
        captures=None,
        now=lambda: datetime.now(UTC),
        live=live,
    )
    return SmallExchange(folder=str(folder))


@dataclass
class SmallPlatform:
    """The whole graph on a lake of its own and a SmallExchange."""

    folder: Path
    rest: SmallRest
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    lake: LakeResource

    def run(
        self, first: Partition, last: Partition | None = None, *, assets: Iterable[str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """The medallion job, or some of its assets with their checks, over a day or a range."""
        return self.run_with_tags(range_tags(first, last or first), assets=assets)

    def run_with_tags(self, tags: dict[str, str], *, assets: Iterable[str] | None = None) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def("medallion").execute_in_process(
            instance=self.instance,
            tags=tags,
            asset_selection=None if assets is None else [dg.AssetKey(name) for name in assets],
            raise_on_error=False,
        )

    def metadata(self, asset: str, partition: Partition) -> dict[str, Any]:
        """Metadata values of the last materialisation of a partition."""
        wanted = dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition.key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        materialization = record.asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}

    def materialized(self, asset: str) -> set[str]:
        """Keys of the partitions that Dagster knows to be there."""
        return self.instance.get_materialized_partitions(dg.AssetKey(asset))


def make_platform(
    folder: Path, instance: dg.DagsterInstance, *, live: LiveTopics | None = None, **settings: Any
) -> SmallPlatform:
    """A platform whose graph begins on FIRST_DAY."""
    rest = SmallRest()
    given = {"partitions_start": FIRST_DAY, "symbols": SYMBOLS, "data_dir": folder, "lake_uri": None, **settings}
    configured = Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue]
    built = build_definitions(configured, exchange=open_exchange(folder, rest, live=live))
    return SmallPlatform(folder, rest, built, instance, LakeResource(uri=configured.lake))


def failures(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """What each failed step said."""
    failed = (event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE)
    return {
        str(event.step_key): event.step_failure_data.error.message
        for event in failed
        if event.step_failure_data.error is not None
    }


def checks_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Evaluations of the checks of an asset, by name."""
    return {e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key == dg.AssetKey(asset)}


def _table(columns: dict[str, np.ndarray], schema: pa.Schema) -> pa.Table:
    return pa.table([_cast(columns[field.name], field.type) for field in schema], schema=schema)


def _cast(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        return pa.array([Decimal(f"{value:.4f}") for value in values.tolist()], kind)
    return pa.array(values).cast(kind)
