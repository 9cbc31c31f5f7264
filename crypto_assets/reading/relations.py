"""What of the lake can be asked for by name: each dataset, its columns, and how the files that count are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec
import pyarrow as pa

from crypto_assets.errors import LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.evaluations import LSTM_EVALUATION
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET
from crypto_assets.lake.files import Files
from crypto_assets.lake.manifest import MANIFEST_FILE
from crypto_assets.schemas import BRONZE, KLINES_1S, SILVER, Dataset
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets.stream.gap_table import GAP_LEDGER
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, DayTable

RECORDS_AT_ONCE = 16
"""Manifests asked for together: a store answers each after some tens of milliseconds."""

_PATTERNS = {"symbol": r"[A-Z0-9]{2,20}", "exchange": r"[a-z0-9-]{1,40}", "date": r"\d{4}-\d{2}-\d{2}"}
_YEAR_MONTH_DAY = r"year=(?P<year>\d{4})/month=(?P<month>\d{2})/day=(?P<day>\d{2})"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of relations lie."""

    lake: Files
    warehouse: Callable[[], Files]
    """Asked only for tables of the warehouse; raises ConfigurationError where none is named and none runs."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One Parquet file that counts."""

    files: Files
    path: str
    """Relative to the root of `files`."""
    bytes: int
    keys: Mapping[str, str]
    """Values of the relation's `keys`, such as symbol and date, that all of its rows have."""


class Changed(Exception):
    """Raised when a day was published anew between two looks at it: the caller looks again."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Something with rows: a view of `query` and a name for `read`."""

    name: str
    what: str
    """A sentence."""
    keys: tuple[str, ...]
    """Columns that files are told apart by, before those of `schema`: a filter on them opens no other file."""
    schema: pa.Schema | None
    """Columns of every file; None where each has its own, and a column that some lack is null there."""
    find: Callable[[Places], list[Stored]]
    """Files of the relation now, by key; raises LakeError, or Changed while it is published anew."""
    dataset: Dataset | None = None
    """Of which it is the days, where they are read by symbol and day."""


def _single(dataset: Dataset, what: str, *, keys: tuple[str, ...] = ("symbol", "date")) -> Relation:
    """A dataset whose day is one file, which is replaced whole."""
    file = re.escape(dataset.file or "")

    def find(places: Places) -> list[Stored]:
        return list(_matching(places.lake, dataset.folder, keys, rest=f"/{file}"))

    return Relation(dataset.name, what, keys, dataset.schema, find, dataset)


def _in_parts(dataset: Dataset, what: str) -> Relation:
    """A dataset of parts: those that the day's manifest lists count, and no other file that lies there."""

    def find(places: Places) -> list[Stored]:
        return _listed(places.lake, dataset.folder, MANIFEST_FILE, _parts_of)

    return Relation(dataset.name, what, ("symbol", "date"), dataset.schema, find, dataset)


def _recorded(dataset: Dataset, what: str, *, record: str, named: Callable[[bytes], list[str]]) -> Relation:
    """A dataset whose day has a record that names the file in force."""

    def find(places: Places) -> list[Stored]:
        return _listed(places.lake, dataset.folder, record, named)

    schema = None if dataset is LSTM_TRAINING_SET else dataset.schema
    return Relation(dataset.name, what, ("symbol", "date"), schema, find)


def _day_table(table: DayTable, what: str, *, files: Callable[[Places], tuple[Files, str]]) -> Relation:
    """A table of whole days, `<folder><name>/year=…/month=…/day=…`; the day becomes the column `date`."""
    pattern = re.compile(rf"{re.escape(table.name)}/{_YEAR_MONTH_DAY}/[^/]+\.parquet")

    def find(places: Places) -> list[Stored]:
        store, folder = files(places)
        return [
            Stored(store, listed.path, listed.bytes, {"date": f"{found['year']}-{found['month']}-{found['day']}"})
            for listed in store.listed(f"{folder}{table.name}")
            if (found := pattern.fullmatch(listed.path.removeprefix(folder)))
        ]

    return Relation(table.name, what, ("date",), table.schema, find)


def _health_report() -> Relation:
    def find(places: Places) -> list[Stored]:
        return list(_matching(places.lake, "health/date={day}", ("date",), rest=r"/health_report\.parquet"))

    return Relation("health_report", "Checks, freshness, completeness, disk and cost of a day.", ("date",), None, find)


def _matching(files: Files, folder: str, keys: Sequence[str], *, rest: str) -> Iterator[Stored]:
    """Files below a folder `…{symbol}…{day}` whose path goes on as `rest`, with the values of the keys."""
    pattern = re.compile(_folder_pattern(folder, keys) + rest)
    for listed in files.listed(folder.partition("{")[0].rpartition("/")[0]):
        if found := pattern.fullmatch(listed.path):
            yield Stored(files, listed.path, listed.bytes, {key: found[key] for key in keys})


def _folder_pattern(folder: str, keys: Sequence[str]) -> str:
    """A regular expression with a group for each key; the first takes `{symbol}`, unless it is a date."""
    first = next((key for key in keys if key != "date"), "")
    pattern = re.escape(folder)
    for name, key in (("symbol", first), ("day", "date")):
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{key}>{_PATTERNS.get(key, '')})" if key else "")
    return pattern


def _listed(files: Files, folder: str, record: str, named: Callable[[bytes], list[str]]) -> list[Stored]:
    """Files that the record of each day names. What lies there unnamed does not exist for readers."""
    keys = ("symbol", "date")
    there = {listed.path: listed.bytes for listed in files.listed(folder.partition("{")[0].rpartition("/")[0])}
    pattern = re.compile(rf"(?P<folder>{_folder_pattern(folder, keys)})/{re.escape(record)}")
    days = [found for path in there if (found := pattern.fullmatch(path))]
    with ThreadPoolExecutor(RECORDS_AT_ONCE) as pool:
        records = list(pool.map(lambda day: files.read(day[0]), days))
    stored: list[Stored] = []
    for day, raw in zip(days, records, strict=True):
        if raw is None:
            raise Changed(files.uri_of(day[0]))
        stored += _files_of_a_day(files, day, _decoded(raw, named, uri=files.uri_of(day[0])), there)
    return stored


def _files_of_a_day(
    files: Files, day: re.Match[str], names: Iterable[str], there: Mapping[str, int]
) -> Iterator[Stored]:
    """Only files that were seen below the folder: a record that names another place names nothing."""
    for name in names:
        path = f"{day['folder']}/{name}"
        if path not in there:
            raise Changed(files.uri_of(path))
        yield Stored(files, path, there[path], {"symbol": day["symbol"], "date": day["date"]})


def _decoded(raw: bytes, named: Callable[[bytes], list[str]], *, uri: str) -> list[str]:
    try:
        return named(raw)
    except msgspec.DecodeError as error:
        raise LakeError(f"{uri} is no record of a day: {error}. Materialise that day again.") from error


class _Part(msgspec.Struct):
    path: str


class _Parts(msgspec.Struct):
    """As much of `crypto_assets.lake.manifest.Manifest` as a reader needs: a tenth of the time to decode."""

    parts: tuple[_Part, ...] = ()


class _Version(msgspec.Struct):
    sha256: str


class _Versions(msgspec.Struct):
    versions: tuple[_Version, ...] = ()


class _Forecasts(msgspec.Struct):
    forecasts: str


def _parts_of(raw: bytes) -> list[str]:
    return [part.path for part in msgspec.json.decode(raw, type=_Parts).parts]


def _newest_version(raw: bytes) -> list[str]:
    return [f"{version.sha256}.parquet" for version in msgspec.json.decode(raw, type=_Versions).versions[-1:]]


def _forecasts(raw: bytes) -> list[str]:
    return [msgspec.json.decode(raw, type=_Forecasts).forecasts]


def _in_warehouse(places: Places) -> tuple[Files, str]:
    return places.warehouse(), ""


def _in_share(places: Places) -> tuple[Files, str]:
    return places.lake, "share/"


def _by_name(*relations: Relation) -> Mapping[str, Relation]:
    return MappingProxyType({relation.name: relation for relation in relations})


RELATIONS: Mapping[str, Relation] = _by_name(
    *(_in_parts(each, "What the exchange sent, typed, with where each row came from.") for each in BRONZE),
    *(_single(each, "Cleaned and flagged.") for each in SILVER),
    _single(GOLD_FEATURES, "Features, a row a minute, each value known at as_of."),
    _single(KLINES_1S, "Candles of a second from the archive, cleaned."),
    _day_table(FACT_TRADES, "Trades of a minute.", files=_in_warehouse),
    _day_table(DIM_TIME, "Minutes of a day.", files=_in_warehouse),
    _day_table(DIM_SYMBOL, "Symbols, a copy for each day.", files=_in_warehouse),
    _day_table(PRICE_AGGREGATES, "Prices in windows of a minute to a day.", files=_in_share),
    _recorded(
        LSTM_TRAINING_SET,
        "What a model was fitted on, in the version in force.",
        record=MANIFEST_FILE,
        named=_newest_version,
    ),
    _recorded(
        LSTM_EVALUATION,
        "Forecasts that a model was judged on.",
        record=str(LSTM_EVALUATION.file),
        named=_forecasts,
    ),
    _single(LSTM_PREDICTIONS, "What the model in force foretold, beside what came."),
    _single(GAP_LEDGER, "Gaps of the live streams and what became of them.", keys=("exchange",)),
    _health_report(),
)
"""Everything that has rows, by the name of its asset."""


def columns_of(relation: Relation) -> list[tuple[str, Any]]:
    """Names and Arrow types of its columns, keys first; only the keys where each file has columns of its own."""
    keys: list[tuple[str, Any]] = [(key, pa.date32() if key == "date" else pa.string()) for key in relation.keys]
    fields = () if relation.schema is None else relation.schema
    return [*keys, *((field.name, field.type) for field in fields)]
