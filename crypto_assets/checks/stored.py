"""A day as it lies in the lake, read for checks: bytes and schema as they are, not as they ought to be."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.checks import names
from crypto_assets.checks.day_checks import DayCheck
from crypto_assets.checks.findings import WARN, Finding
from crypto_assets.errors import LakeError
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition
from crypto_assets.schemas import Dataset
from crypto_assets.spans import Span, day_span


@dataclass(frozen=True, slots=True)
class StoredDay:
    """A published day of a single-file dataset."""

    dataset: Dataset
    partition: Partition
    table: pa.Table
    """As stored, whatever its columns."""
    notes: dict[str, str]
    """What the file's footer says beside the schema."""
    lake: Lake
    """To look at the days and datasets around it."""
    now: datetime

    @property
    def known(self) -> Span:
        """The part of the day whose candles had closed when it was written; empty where none had."""
        whole = day_span(self.partition.day)
        until = self.notes.get("known_until")
        return Span(whole.start, datetime.fromisoformat(until)) if until else whole


def read_stored(dataset: Dataset, lake: Lake, partition: Partition, now: datetime) -> StoredDay | None:
    """The published day, None where there is none; raises LakeError where the file cannot be read."""
    path = dataset.partition_path(partition.symbol, partition.day)
    raw = lake.files.read(path)
    if raw is None:
        return None
    try:
        table = pq.read_table(io.BytesIO(raw))
    except pa.ArrowInvalid as error:
        raise LakeError(f"{lake.files.uri_of(path)} is no Parquet file: {error}. Materialise it again.") from error
    notes = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    return StoredDay(dataset, partition, table, notes, lake, now)


def schema_finding(stored: pa.Schema, dataset: Dataset) -> Finding:
    """Whether the stored columns are those declared: names, order, types."""
    declared = dict(zip(dataset.schema.names, dataset.schema.types, strict=True))
    held = dict(zip(stored.names, stored.types, strict=True))
    absent = [name for name in declared if name not in held]
    strange = [name for name in held if name not in declared]
    wrong = [
        f"{name} is {held[name]} instead of {kind}"
        for name, kind in declared.items()
        if name in held and held[name] != kind
    ]
    numbers = {"columns": len(held), "columns_absent": len(absent), "columns_of_another_type": len(wrong)}
    if not (absent or strange or wrong) and list(held) == list(declared):
        return Finding(True, f"{len(held)} columns as declared.", numbers)
    problems = [
        *([f"absent: {', '.join(absent)}"] if absent else []),
        *([f"not declared: {', '.join(strange)}"] if strange else []),
        *wrong,
    ] or ["the columns are in another order"]
    return Finding(
        False, f"The file does not have the declared columns: {'; '.join(problems)}. Materialise it again.", numbers
    )


def where_declared[Day: StoredDay](check: DayCheck[Day]) -> DayCheck[Day]:
    """The check, for days whose columns are the declared ones; of others it says that it could not look."""

    def judge(day: Day) -> Finding:
        if schema_finding(day.table.schema, day.dataset).passed:
            return check.judge(day)
        return Finding(False, "Not looked at: the stored columns are not the declared ones, see the check schema.")

    return replace(check, judge=judge)


def freshness_finding(dataset: Dataset, lake: Lake, partition: Partition, now: datetime) -> Finding:
    """Whether the last complete day is stored; where not, how far the day that was looked at is behind it."""
    yesterday = Partition(partition.symbol, now.date()).moved(-1)
    behind = max(0, (yesterday.day - partition.day).days)
    if behind == 0 or lake.has(dataset, yesterday.symbol, yesterday.day):
        return Finding(True, f"{yesterday.day}, the last complete day, is stored.", {"days_behind": 0})
    return Finding(
        False,
        f"{yesterday.day}, the last complete day, is not stored; this one is {behind} days older.",
        {"days_behind": behind},
        WARN,
    )


SCHEMA: DayCheck[StoredDay] = DayCheck(
    "schema", "Stored columns are the declared ones.", lambda day: schema_finding(day.table.schema, day.dataset)
)
FRESHNESS: DayCheck[StoredDay] = DayCheck(
    names.FRESHNESS,
    "The last complete UTC day is stored.",
    lambda day: freshness_finding(day.dataset, day.lake, day.partition, day.now),
)
