"""The lake for notebooks: `from crypto_assets import open_lake`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any, Literal

import polars as pl
import pyarrow as pa

from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import s3_endpoint, warehouse_s3_uri
from crypto_assets.errors import BadQuestion, InputIncomplete
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.files import Files
from crypto_assets.lake.lake import Lake
from crypto_assets.reading.asked import Days, asked_days, asked_relation, asked_symbol, asked_uri
from crypto_assets.reading.relations import RELATIONS, Places
from crypto_assets.reading.views import run_sql, table_of
from crypto_assets.schemas import SILVER_KLINES, SILVER_ORDERBOOK, SILVER_PERPETUAL, TIMEFRAMES, Dataset

type Kind = Literal["polars", "pandas", "arrow"]
type Day = date | str
type Columns = Sequence[str] | None


def open_lake(
    uri: str | None = None, *, settings: Settings | None = None, storage_options: Mapping[str, Any] | None = None
) -> OpenLake:
    """The lake at `uri`, by default that of LAKE_URI, to be read.

    A folder, `file://`, `s3://`, `gs://` or `hdfs://`; keys of a store come from where its own tools look for them, or
    are `storage_options` of its fsspec filesystem. Tables of the warehouse are those of WAREHOUSE_S3_URI. Raises
    BadQuestion for what cannot be a lake, ConfigurationError for settings that cannot be used; nothing is opened yet.
    """
    settings = settings or read_settings()
    lake = Lake(asked_uri(uri or settings.lake), storage_options=storage_options)
    return OpenLake(lake, Places(lake.files, partial(warehouse_files, settings)))


def warehouse_files(settings: Settings) -> Files:
    """Files of the warehouse's tables; raises ConfigurationError where no store is named and none runs."""
    options = s3_endpoint(settings).storage_options
    return Files(warehouse_s3_uri(settings), storage_options=options, variable="WAREHOUSE_S3_URI")


class OpenLake:
    """Reads what the platform made; it cannot write.

    Days are UTC, dates or text such as `"2024-08-01"`, and both ends are included, as in a backfill: the first day to
    the last. Without an end it is one day. Rows are in the order of days. Days that were never made are left out; where
    none was, InputIncomplete says what to run. Every method raises BadQuestion for a symbol, day, dataset or column
    that cannot be, and LakeError where the store cannot be read.

    `kind` is what comes back: a Polars DataFrame, `"pandas"` or `"arrow"`. Times are UTC microseconds; prices of klines
    are exact decimals, features are float64.
    """

    def __init__(self, lake: Lake, places: Places) -> None:
        """See `open_lake`."""
        self._lake = lake
        self._places = places

    @property
    def uri(self) -> str:
        """Where the lake lies."""
        return self._lake.uri

    def gold(
        self, symbol: str, start: Day, end: Day | None = None, *, columns: Columns = None, kind: Kind = "polars"
    ) -> Any:
        """Features, a row a minute; `columns` are those of `gold_features`, all unless named.

        `as_of` is when the row's candle had closed: every value of the row was known by then.
        """
        return self.read(GOLD_FEATURES.name, symbol, start, end, columns=columns, kind=kind)

    def klines(
        self,
        symbol: str,
        start: Day,
        end: Day | None = None,
        *,
        timeframe: str = "1m",
        columns: Columns = None,
        kind: Kind = "polars",
    ) -> Any:
        """Cleaned candles of `1m`, `5m` or `15m`, with what was repaired in the bit mask `flags`."""
        if timeframe not in TIMEFRAMES:
            raise BadQuestion(f"{timeframe!r} is no timeframe of candles. There are {', '.join(TIMEFRAMES)}.")
        return self.read(SILVER_KLINES[timeframe].name, symbol, start, end, columns=columns, kind=kind)

    def orderbook(
        self, symbol: str, start: Day, end: Day | None = None, *, columns: Columns = None, kind: Kind = "polars"
    ) -> Any:
        """Cleaned snapshots of the ten best bids and asks."""
        return self.read(SILVER_ORDERBOOK.name, symbol, start, end, columns=columns, kind=kind)

    def perpetual(
        self, symbol: str, start: Day, end: Day | None = None, *, columns: Columns = None, kind: Kind = "polars"
    ) -> Any:
        """Funding, open interest, mark price and liquidations as they were known, a row a minute."""
        return self.read(SILVER_PERPETUAL.name, symbol, start, end, columns=columns, kind=kind)

    def read(
        self,
        dataset: str,
        symbol: str,
        start: Day,
        end: Day | None = None,
        *,
        columns: Columns = None,
        kind: Kind = "polars",
    ) -> Any:
        """Rows of any dataset that is kept by symbol and day, such as `bronze_trades` or `lstm_predictions`."""
        held, asked, days = _by_day(dataset), asked_symbol(symbol), asked_days(start, end)
        if unknown := [column for column in columns or () if column not in held.schema.names]:
            raise BadQuestion(f"{held.name} has no column {', '.join(map(repr, unknown))}. {_columns(held)}")
        if columns is not None and not columns:
            raise BadQuestion(f"No column of {held.name} is asked for. {_columns(held)}")
        tables = [self._lake.read(held, asked, day, columns=columns) for day in days]
        there = [table for table in tables if table is not None]
        if not there:
            raise InputIncomplete(_nothing(self._lake, held, asked, days))
        return _as(pa.concat_tables(there), kind)

    def sql(self, query: str, *, kind: Kind = "polars") -> Any:
        """The answer to one SELECT of DuckDB's SQL over views named like the datasets.

        They have `symbol` and `date` as columns, and a filter on them opens no other day. Only the lake can be read.
        """
        return _as(table_of(query, places=self._places), kind)

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """The same in pieces of Arrow, at least one, for answers larger than memory."""
        return run_sql(query, places=self._places)

    def datasets(self) -> dict[str, str]:
        """Names that `sql` knows, each with what it holds; `read` and `days` take those with symbol and date."""
        return {relation.name: relation.what for relation in RELATIONS.values()}

    def days(self, dataset: str, symbol: str) -> list[date]:
        """Days of a symbol that were made, ascending."""
        return self._lake.days(_by_day(dataset), asked_symbol(symbol))

    def symbols(self, dataset: str) -> list[str]:
        """Symbols that have a folder in the dataset, sorted."""
        parent = _by_day(dataset).folder.partition("symbol=")[0].rstrip("/")
        names = (name.removeprefix("symbol=") for name in self._lake.files.folders(parent) if "symbol=" in name)
        return sorted(names)


def _by_day(name: str) -> Dataset:
    relation = asked_relation(name)
    if relation.dataset is None or relation.keys != ("symbol", "date"):
        raise BadQuestion(f"{name} is not kept by symbol and day: ask for it by sql.")
    return relation.dataset


def _as(table: pa.Table, kind: str) -> Any:
    match kind:
        case "polars":
            try:
                return pl.from_arrow(table)
            except pl.exceptions.ComputeError as error:
                raise BadQuestion(f"Polars cannot hold a column: {error}. Cast it, or take kind='arrow'.") from None
        case "pandas":
            return table.to_pandas()
        case "arrow":
            return table
        case _:
            raise BadQuestion(f"kind is polars, pandas or arrow, not {kind!r}.")


def _columns(dataset: Dataset) -> str:
    names = dataset.schema.names
    return f"It has {', '.join(names[:40])}" + (f" and {len(names) - 40} more." if len(names) > 40 else ".")


def _nothing(lake: Lake, dataset: Dataset, symbol: str, days: Days) -> str:
    """What to do where none of the days was made."""
    made = lake.days(dataset, symbol)
    holds = f"there are {len(made)}, {made[0]} to {made[-1]}" if made else f"there is no day of {symbol}"
    command = f"crypto-assets backfill {symbol} {days.first} {days.last}"
    return f"{dataset.name} of {symbol} was not made for {days}; {holds}. Make it: {command}"
