"""Checks of bronze: what the sources gave, and whether they agree."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import dagster as dg
import pyarrow.parquet as pq

from crypto_assets.checks.day_checks import DayCheck, day_checks
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.checks.names import FRESHNESS
from crypto_assets.checks.stored import freshness_finding, schema_finding
from crypto_assets.cleaning.reconcile import compare_sources
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.schemas import BRONZE, BRONZE_KLINES, Dataset


@dataclass(frozen=True, slots=True)
class BronzeDay:
    """A published day in parts. Rows are read by the check that needs them."""

    dataset: Dataset
    partition: Partition
    manifest: Manifest
    lake: Lake
    now: datetime


def bronze_checks(days: DaySymbol) -> list[dg.AssetChecksDefinition]:
    """The checks of every bronze dataset."""
    timeframes = {dataset.name: timeframe for timeframe, dataset in BRONZE_KLINES.items()}
    return [
        day_checks(dataset, days, _checks(timeframes.get(dataset.name)), read=partial(_read, dataset))
        for dataset in BRONZE
    ]


def _checks(timeframe: str | None) -> list[DayCheck[BronzeDay]]:
    checks = [
        DayCheck("has_rows", "Some source had rows of the day.", _has_rows),
        DayCheck("no_rejected_rows", "All that the sources sent could be used.", _no_rejected_rows),
        DayCheck("schema", "Stored columns are the declared ones.", _schema),
        DayCheck(FRESHNESS, "The last complete UTC day is stored.", _freshness),
    ]
    if timeframe:
        agree = partial(_sources_agree, timeframe=timeframe)
        checks.append(DayCheck("sources_agree", "Sources that have the same candle tell the same of it.", agree))
    return checks


def _read(dataset: Dataset, lake: Lake, partition: Partition, now: datetime) -> BronzeDay | None:
    manifest = lake.manifest(dataset, partition.symbol, partition.day)
    return None if manifest is None else BronzeDay(dataset, partition, manifest, lake, now)


def _has_rows(day: BronzeDay) -> Finding:
    rows, parts = day.manifest.rows, len(day.manifest.parts)
    numbers = {"rows": rows, "files": parts, "bytes": day.manifest.bytes}
    if rows:
        sources = ", ".join(sorted({part.source for part in day.manifest.parts}))
        return Finding(True, f"{rows:,} rows in {parts} files, from {sources}.", numbers)
    answers = " ".join(f"{answer.source}: {answer.note}" for answer in day.manifest.answers)
    return Finding(False, f"0 rows: no source has any of this day. {answers}".strip(), numbers, WARN)


def _no_rejected_rows(day: BronzeDay) -> Finding:
    rejected = day.manifest.rejected
    if not rejected:
        return Finding(True, "0 rows were rejected.", {"rejected": 0})
    folder = day.dataset.rejected_path(day.partition.day)
    return Finding(
        False, f"{rejected:,} rows could not be used; bytes and reasons lie in {folder}.", {"rejected": rejected}, WARN
    )


def _schema(day: BronzeDay) -> Finding:
    """Of the first and the last part: all parts of a day come from one writer."""
    folder = day.dataset.partition_path(day.partition.symbol, day.partition.day)
    finding = Finding(True, "There are no files.")
    for part in {day.manifest.parts[0], day.manifest.parts[-1]} if day.manifest.parts else ():
        raw = day.lake.files.read(f"{folder}/{part.path}")
        if raw is None:
            return Finding(False, f"{part.path} is listed in the manifest, but does not exist. Materialise it again.")
        finding = schema_finding(pq.read_schema(io.BytesIO(raw)), day.dataset)
        if not finding.passed:
            return Finding(False, f"{part.path}: {finding.sentence}", finding.numbers)
    return finding


def _freshness(day: BronzeDay) -> Finding:
    return freshness_finding(day.dataset, day.lake, day.partition, day.now)


def _sources_agree(day: BronzeDay, *, timeframe: str) -> Finding:
    sources = sorted({part.source for part in day.manifest.parts})
    if len(sources) < 2:
        who = f"Only {sources[0]} has rows" if sources else "No source has rows"
        return Finding(True, f"{who}; there is nothing to compare.", {"compared": 0, "differing": 0})
    rows = day.lake.read(day.dataset, day.partition.symbol, day.partition.day)
    if rows is None:
        return Finding(False, "The day was removed while it was checked.", severity=WARN)
    found = compare_sources(rows, timeframe=timeframe)
    numbers = {"compared": found.compared, "differing": found.differing, **found.count_fields()}
    if not found.differing:
        return Finding(True, f"{found.compared:,} candles of more than one source, all the same.", numbers)
    first = found.differences.slice(0, 1).to_pylist()[0]
    return Finding(
        False,
        f"{found.differing:,} of {found.compared:,} candles differ between sources; the first at "
        f"{first['open_time']:%Y-%m-%d %H:%M}: {first['field']} is {first['kept_value']} in {first['kept_source']}, "
        f"which is kept, and {first['other_value']} in {first['other_source']}.",
        numbers,
        WARN,
    )
