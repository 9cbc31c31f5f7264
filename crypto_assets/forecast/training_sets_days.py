"""How a training set is made: days are read from the lake, each with the sum of its file, and become one table."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class ReadRows:
    """Rows of days, and what became of the days that were asked for."""

    table: FeatureTable
    inputs: Mapping[str, str]
    """sha256 of the file of each day that was read, by `<dataset>/<day>`."""
    missing: Mapping[date, str]
    """Days that were not used, with the dataset that lacks them."""
    not_numbers: Mapping[str, int]
    """NaN and infinite values that were stored, by feature."""


@dataclass(frozen=True, slots=True)
class MadeSet:
    """A table for a model, and what became of what was asked for."""

    table: FeatureTable
    options: DataOptions
    inputs: Mapping[str, str]
    """As of ReadRows; so are `missing` and `not_numbers`."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Features that were wanted and are not in the table, with the reason."""
    days: tuple[date, ...] = ()
    """Days asked for that there can be, ascending."""
    missing: Mapping[date, str] = field(default_factory=dict)
    not_numbers: Mapping[str, int] = field(default_factory=dict)


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
    days = days_of(day, days=options.days, first_day=first_day)
    read = read_rows(lake, symbol, days, source=options.source, features=asked)
    until_us = min(to_us(day_span(day).end), to_us(known_until))
    table = read.table.take(slice(int(np.searchsorted(read.table.as_of_us, until_us, side="right"))))
    selection = select_features(asked, table.values, warm=table.warm, named=bool(options.features))
    if selection.used != asked:
        used = table.values[:, [asked.index(name) for name in selection.used]]
        table = replace(table, features=selection.used, values=used)
    return MadeSet(table, options, read.inputs, selection.left_out, days, read.missing, read.not_numbers)


def read_rows(lake: Lake, symbol: str, days: Sequence[date], *, source: Source, features: Sequence[str]) -> ReadRows:
    """Rows of those of the days (ascending) that are in the lake, with the sums of exactly the bytes that were read.

    Raises InputIncomplete where none is, and LakeError or BadPayload where a file is not what it should be.
    """
    columns = [(*GOLD_READ, *features), PRICE_READ] if source == "gold_features" else [seconds.READ]
    inputs: dict[str, str] = {}
    missing: dict[date, str] = {}
    not_numbers: Counter[str] = Counter()

    def read_days() -> Iterator[tuple[pa.Table, ...]]:
        for day in days:
            contents = {dataset: lake.files.read(dataset.partition_path(symbol, day)) for dataset in READ[source]}
            held = {dataset: content for dataset, content in contents.items() if content is not None}
            if len(held) < len(contents):
                missing[day] = next(dataset.name for dataset in contents if dataset not in held)
                continue
            inputs.update({f"{dataset.name}/{day}": hashlib.sha256(held[dataset]).hexdigest() for dataset in held})
            tables = tuple(
                _parse(content, names, uri=lake.uri_of(dataset, symbol, day))
                for (dataset, content), names in zip(held.items(), columns, strict=True)
            )
            if source == "gold_features":
                not_numbers.update(count_not_numbers(tables[0], features))
            yield tables

    found = read_days()
    first = next(found, None)
    if first is None:
        raise InputIncomplete(
            f"{' and '.join(dataset.name for dataset in READ[source])} of {symbol} have none of the {len(days)} days "
            f"from {days[0]} to {days[-1]}."
        )
    taken = chain([first], found)
    if source == "klines_1s":
        table = second_rows((klines for (klines,) in taken), symbol=symbol, features=features)
    else:
        table = gold_rows(((gold, silver) for gold, silver in taken), symbol=symbol, features=features)
    return ReadRows(table, inputs, missing, not_numbers)


def _parse(content: bytes, names: Sequence[str], *, uri: str) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(content), columns=list(names)).select(list(names))
    except (pa.ArrowInvalid, KeyError) as error:
        raise LakeError(f"{uri} cannot be read: {error}. Materialise it again.") from error
