"""How a day of silver is written: read bronze, clean, publish, describe. No Dagster run is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

import pyarrow as pa

from crypto_assets.assets.candle_metadata import describe_klines
from crypto_assets.assets.day_cache import DayCache
from crypto_assets.assets.each_partition import Written, published_metadata
from crypto_assets.assets.missing_inputs import never_materialised, without_bronze
from crypto_assets.cleaning.candles import NEIGHBOUR_DAYS, Candle, end_candles, nearest_candle
from crypto_assets.cleaning.gaps import gaps_as_json
from crypto_assets.cleaning.klines import clean_klines
from crypto_assets.cleaning.orderbook import clean_orderbook
from crypto_assets.cleaning.perpetual import build_perpetual
from crypto_assets.lake.lake import Lake, Published
from crypto_assets.partitions import Partition
from crypto_assets.schemas import (
    BRONZE_FUNDING_RATE,
    BRONZE_KLINES,
    BRONZE_LIQUIDATIONS,
    BRONZE_MARK_PRICE,
    BRONZE_OPEN_INTEREST,
    BRONZE_ORDERBOOK,
    SILVER_KLINES,
    SILVER_ORDERBOOK,
    SILVER_PERPETUAL,
    TIMEFRAMES,
    Dataset,
)
from crypto_assets.spans import Span, known_span


class KlinesDays:
    """Writes days of silver klines of one timeframe; over a range each bronze day is read once."""

    def __init__(self, lake: Lake, *, timeframe: str, now: datetime) -> None:
        self._lake = lake
        self._timeframe = timeframe
        self._now = now
        self._bronze, self._silver = BRONZE_KLINES[timeframe], SILVER_KLINES[timeframe]
        self._cache = DayCache(lake, days=2 * NEIGHBOUR_DAYS + 1)
        self._candles: dict[Partition, tuple[Candle | None, Candle | None]] = {}

    def write(self, partition: Partition) -> Written:
        """Clean the day and publish it with its gaps; raises InputIncomplete where bronze has no such day."""
        bronze = self._cache.read(self._bronze, partition)
        if bronze is None:
            raise without_bronze(self._lake, self._silver.name, partition, missing=self._bronze)
        span = known_span(partition.day, TIMEFRAMES[self._timeframe], now=self._now)

        def ends(days: int) -> tuple[Candle | None, Candle | None]:
            return self._ends(partition.moved(days))

        cleaned = clean_klines(
            bronze,
            timeframe=self._timeframe,
            start=span.start,
            end=span.end,
            before=nearest_candle(ends, direction=-1),
            after=nearest_candle(ends, direction=1),
            halts=self._halts(partition),
            klines_1m=self._minutes(partition),
        )
        notes = {
            "gaps": gaps_as_json(cleaned.gaps),
            "steps": json.dumps(cleaned.steps.as_metadata()),
            "known_until": span.end.isoformat(),
        }
        made_from = self._cache.versions([self._bronze], partition)
        published = _publish(self._lake, self._silver, partition, cleaned.table, notes=notes, made_from=made_from)
        metadata = describe_klines(cleaned, published, timeframe=self._timeframe, day=partition.day, span=span)
        return Written.of(published, metadata)

    def _minutes(self, partition: Partition) -> pa.Table | None:
        if self._timeframe == "1m":
            return None
        minutes = self._lake.read(SILVER_KLINES["1m"], partition.symbol, partition.day)
        if minutes is None:
            raise never_materialised(self._silver.name, partition, missing=SILVER_KLINES["1m"].name)
        return minutes

    def _ends(self, partition: Partition) -> tuple[Candle | None, Candle | None]:
        if partition not in self._candles:
            day = self._cache.read(self._bronze, partition)
            self._candles[partition] = (None, None) if day is None else end_candles(day, timeframe=self._timeframe)
        return self._candles[partition]

    def _halts(self, partition: Partition) -> list[Span]:
        """What the sources of these candles, and of the minutes, confirm to be a halt."""
        manifests = (
            self._lake.manifest(BRONZE_KLINES[timeframe], partition.symbol, partition.day)
            for timeframe in dict.fromkeys((self._timeframe, "1m"))
        )
        return [halt for manifest in manifests if manifest is not None for halt in manifest.halts]


class OrderbookDays:
    """Writes days of silver order book."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def write(self, partition: Partition) -> Written:
        """Clean the day and publish it; raises InputIncomplete where bronze has no such day, be it an empty one."""
        manifest = self._lake.manifest(BRONZE_ORDERBOOK, partition.symbol, partition.day)
        bronze = self._lake.read(BRONZE_ORDERBOOK, partition.symbol, partition.day)
        if bronze is None or manifest is None:
            raise without_bronze(self._lake, SILVER_ORDERBOOK.name, partition, missing=BRONZE_ORDERBOOK)
        cleaned = clean_orderbook(bronze)
        del bronze  # a day at 100 ms is some hundred MB
        notes = {"steps": json.dumps(cleaned.steps.as_metadata())}
        made_from = {BRONZE_ORDERBOOK.name: manifest.data_version}
        published = _publish(self._lake, SILVER_ORDERBOOK, partition, cleaned.table, notes=notes, made_from=made_from)
        return Written.of(published, {**published_metadata(published), **cleaned.steps.as_metadata()})


PERPETUAL_INPUTS: dict[str, Dataset] = {
    "funding": BRONZE_FUNDING_RATE,
    "open_interest": BRONZE_OPEN_INTEREST,
    "mark_price": BRONZE_MARK_PRICE,
    "liquidations": BRONZE_LIQUIDATIONS,
}


class PerpetualDays:
    """Writes days of the perpetual's minutes; over a range each bronze day is read once."""

    def __init__(self, lake: Lake, *, now: datetime) -> None:
        self._lake = lake
        self._now = now
        self._cache = DayCache(lake, days=2)

    def write(self, partition: Partition) -> Written:
        """Put the day together and publish it; raises InputIncomplete where bronze has none of its inputs."""
        absent = [d for d in PERPETUAL_INPUTS.values() if self._cache.read(d, partition) is None]
        gone = [d for d in absent if self._lake.retired(d, partition.symbol, partition.day)]
        if gone or len(absent) == len(PERPETUAL_INPUTS):
            raise without_bronze(self._lake, SILVER_PERPETUAL.name, partition, missing=next(iter(gone or absent)))
        span = known_span(partition.day, timedelta(minutes=1), now=self._now)
        tables = {name: self._two_days(dataset, partition) for name, dataset in PERPETUAL_INPUTS.items()}
        perpetual = build_perpetual(**tables, start=span.start, end=span.end)
        notes = {"known_until": span.end.isoformat()}
        made_from = self._cache.versions(PERPETUAL_INPUTS.values(), partition)
        published = _publish(self._lake, SILVER_PERPETUAL, partition, perpetual.table, notes=notes, made_from=made_from)
        named = ", ".join(dataset.name for dataset in absent) or "none"
        return Written.of(published, {**published_metadata(published), "absent": named, **perpetual.as_metadata()})

    def _two_days(self, dataset: Dataset, partition: Partition) -> pa.Table | None:
        held = [day for n in (-1, 0) if (day := self._cache.read(dataset, partition.moved(n))) is not None]
        return pa.concat_tables(held) if held else None


def _publish(
    lake: Lake,
    dataset: Dataset,
    partition: Partition,
    table: pa.Table,
    *,
    notes: Mapping[str, str],
    made_from: Mapping[str, str],
) -> Published:
    """Publish the day, and keep beside it of which data version of each bronze dataset it was made."""
    published = lake.publish(dataset, partition.symbol, partition.day, table, footer=notes)
    lake.note_inputs(dataset, partition.symbol, partition.day, made_from)
    return published
