"""How a training set is made: days are read from the lake, each with the sum of its file, and become one table."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crypto_assets.errors import InputIncomplete, LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast import seconds
from crypto_assets.forecast.minutes import GOLD_READ, PRICE_READ, count_not_numbers, gold_rows
from crypto_assets.forecast.options import DataOptions, Source
from crypto_assets.forecast.seconds import second_rows
from crypto_assets.forecast.selection import select_features, wanted_features
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import KLINES_1S, SILVER_KLINES, Dataset
from crypto_assets.spans import day_span, to_us

READ: dict[Source, tuple[Dataset, ...]] = {
    "gold_features": (GOLD_FEATURES, SILVER_KLINES["1m"]),
    "klines_1s": (KLINES_1S,),
}
"""Datasets that a day of rows is made from."""


@dataclass(slots=True)
class ReadDays:
    """What reading found; it is complete once the days were taken."""

    inputs: dict[str, str] = field(default_factory=dict)
    """sha256 of the file of each day that was read, by `<dataset>/<day>`."""
    missing: dict[date, str] = field(default_factory=dict)
    """Days that were not used, with the dataset that lacks them."""
    not_numbers: dict[str, int] = field(default_factory=dict)
    """NaN and infinite values that were stored, by feature."""


@dataclass(frozen=True, slots=True)
class MadeSet:
    """A table for a model, and what became of what was asked for."""

    table: FeatureTable
    asked: tuple[str, ...]
    """Features that were wanted; those of the table are used."""
    left_out: Mapping[str, str]
    """Reason by feature."""
    days: tuple[date, ...]
    """Days asked for that there can be, ascending."""
    read: ReadDays


def days_of(day: date, *, days: int, first_day: date = date.min) -> tuple[date, ...]:
    """So many days up to and including one, ascending, without those before the first that there can be."""
    return tuple(then for back in range(days - 1, -1, -1) if (then := day - timedelta(days=back)) >= first_day)


def make_set(
    lake: Lake,
    symbol: str,
    day: date,
    *,
    options: DataOptions,
    known_until: datetime,
    first_day: date = date.min,
) -> MadeSet:
    """The rows of the days that the options ask for, as far as they were known by the end of the day or `known_until`.

    Days that a dataset lacks are left out and told of. Columns that say nothing are left out where none were named.
    Raises InputIncomplete where no day is there or no column is left, ConfigurationError for a feature that there is
    not, and LakeError or BadPayload where a file is not what it should be.
    """
    asked = wanted_features(options.source, options.features)
    days, read = days_of(day, days=options.days, first_day=first_day), ReadDays()
    table = read_rows(lake, symbol, days, source=options.source, features=asked, read=read)
    table = _cut(table, until_us=min(to_us(day_span(day).end), to_us(known_until)))
    selection = select_features(asked, table.values, warm=table.warm, named=bool(options.features))
    return MadeSet(_only(table, selection.used), asked, selection.left_out, days, read)


def read_rows(
    lake: Lake,
    symbol: str,
    days: Sequence[date],
    *,
    source: Source,
    features: Sequence[str],
    read: ReadDays | None = None,
) -> FeatureTable:
    """Rows of those of the days (ascending) that are in the lake; `read` is told what was found.

    Raises InputIncomplete where none is.
    """
    read = read if read is not None else ReadDays()
    columns = [(*GOLD_READ, *features), PRICE_READ] if source == "gold_features" else [seconds.READ]
    found = _read_days(lake, symbol, days, columns=list(zip(READ[source], columns, strict=True)), read=read)
    first = next(found, None)
    if first is None:
        raise InputIncomplete(
            f"{' and '.join(dataset.name for dataset in READ[source])} of {symbol} have none of the {len(days)} days "
            f"from {days[0]} to {days[-1]}."
        )
    taken = chain([first], found)
    if source == "klines_1s":
        return second_rows((klines for (klines,) in taken), symbol=symbol, features=features)
    return gold_rows(_counted(taken, features, read), symbol=symbol, features=features)


def _read_days(
    lake: Lake, symbol: str, days: Sequence[date], *, columns: Sequence[tuple[Dataset, Sequence[str]]], read: ReadDays
) -> Iterator[tuple[pa.Table, ...]]:
    """Tables of each day that all datasets have, and the sums of exactly the bytes that they were read from."""
    for day in days:
        tables: list[pa.Table] = []
        sums: dict[str, str] = {}
        for dataset, names in columns:
            path = dataset.partition_path(symbol, day)
            content = lake.files.read(path)
            if content is None:
                read.missing[day] = dataset.name
                break
            sums[f"{dataset.name}/{day}"] = hashlib.sha256(content).hexdigest()
            tables.append(_parse(content, names, uri=lake.files.uri_of(path)))
        else:
            read.inputs |= sums
            yield tuple(tables)


def _parse(content: bytes, names: Sequence[str], *, uri: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(content), columns=list(names)).select(list(names))
    except (pa.ArrowInvalid, KeyError) as error:
        raise LakeError(f"{uri} cannot be read: {error}. Materialise it again.") from error


def _counted(
    taken: Iterable[tuple[pa.Table, ...]], features: Sequence[str], read: ReadDays
) -> Iterator[tuple[pa.Table, pa.Table]]:
    for gold, silver in taken:
        for name, count in count_not_numbers(gold, features).items():
            read.not_numbers[name] = read.not_numbers.get(name, 0) + count
        yield gold, silver


def _cut(table: FeatureTable, *, until_us: int) -> FeatureTable:
    """The rows that were known by a moment."""
    rows = int(np.searchsorted(table.as_of_us, until_us, side="right"))
    if rows == len(table):
        return table
    return replace(
        table,
        open_us=table.open_us[:rows],
        as_of_us=table.as_of_us[:rows],
        close=table.close[:rows],
        is_real=table.is_real[:rows],
        warm=table.warm[:rows],
        values=table.values[:rows],
    )


def _only(table: FeatureTable, names: Sequence[str]) -> FeatureTable:
    """The table with some of its features."""
    if tuple(names) == table.features:
        return table
    return replace(table, features=tuple(names), values=table.values[:, [table.features.index(name) for name in names]])
