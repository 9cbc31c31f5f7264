"""Candles, trades and funding rates read from recorded archive files."""

from __future__ import annotations

import glob
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import polars as pl

from crypto_assets.binance.archive_paths import MARKET_FOLDERS, ArchiveFile
from crypto_assets.binance.archive_zip import read_blocks
from crypto_assets.binance.typed_rows import MICROSECONDS_FROM
from crypto_assets.simulator.archive_rows import FUTURES_COLUMNS
from crypto_assets.simulator.exchange_data import KlineKind, TradeKind
from crypto_assets.simulator.market import Venue
from crypto_assets.spans import Span, to_us

_EVER = Span(datetime(2017, 7, 14, tzinfo=UTC), datetime.max.replace(tzinfo=UTC))  # since the exchange opened
_KEPT_FILES = 64  # a day of one-minute candles takes 0.3 MB
_LARGEST_CSV_BYTES = 2 << 30  # it is held whole
_FOLDERS: dict[Venue, str] = {"spot": MARKET_FOLDERS["spot"], "usdm": MARKET_FOLDERS["futures"]}
_INTEGERS = ("time_us", "close_time_us", "count", "id", "first_id", "last_id")


class RecordedData:
    """Candles, trades and funding rates as the zips of a folder hold them, in the digits that they have there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "archive"
        self._read = lru_cache(maxsize=_KEPT_FILES)(_read_file)

    def symbols(self, venue: Venue) -> tuple[str, ...]:
        """Symbols that have a folder, sorted."""
        folders = (self._folder / "data" / _FOLDERS[venue]).glob("*/*/*")
        return tuple(sorted({path.name for path in folders if path.is_dir()}))

    def life(self, _symbol: str, _venue: Venue, /) -> Span:
        """All the time that a file could be of."""
        return _EVER

    def klines(
        self, symbol: str, interval: str, start_us: int, end_us: int, *, venue: Venue, kind: KlineKind, until_us: int
    ) -> pl.DataFrame:
        """Candles of exactly this interval: none are made from shorter ones."""
        return self._rows(venue, kind, symbol, start_us, min(end_us, until_us), timeframe=interval)

    def trades(self, symbol: str, start_us: int, end_us: int, *, venue: Venue, kind: TradeKind) -> pl.DataFrame:
        """Trades or aggregates of the span."""
        return self._rows(venue, kind, symbol, start_us, end_us)

    def trades_by_id(self, symbol: str, first_id: int, count: int, *, venue: Venue, kind: TradeKind) -> pl.DataFrame:
        """`count` trades or aggregates from an id on."""
        found = _empty(kind)
        for file in self._held(venue, kind, symbol, None):
            rows = self._rows_of(file).filter(pl.col("id") >= first_id)
            found = pl.concat([found, rows]).unique("id", keep="first").sort("id")
            if found.height >= count:
                break
        return found.head(count)

    def funding(self, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
        """Funding payments; the archive has no mark prices, which are empty as of early payments over REST."""
        found = self._rows("usdm", "fundingRate", symbol, start_us, end_us)
        return found.with_columns(mark_price=pl.lit(""))

    def _rows(
        self, venue: Venue, kind: str, symbol: str, start_us: int, end_us: int, *, timeframe: str | None = None
    ) -> pl.DataFrame:
        files = [
            file
            for file in self._held(venue, kind, symbol, timeframe)
            if to_us(file.span.start) < end_us and start_us < to_us(file.span.end)
        ]
        found = [_empty(kind), *(self._rows_of(file) for file in files)]
        inside = pl.col("time_us").is_between(start_us, end_us, closed="left")
        key = "id" if "id" in _columns(kind) else "time_us"
        return pl.concat(found).filter(inside).unique(key, keep="first").sort(key)

    def _held(self, venue: Venue, kind: str, symbol: str, timeframe: str | None) -> list[ArchiveFile]:
        """Files that are there now, oldest first."""
        found = (self._folder / "data" / _FOLDERS[venue]).glob(f"*/{kind}/{glob.escape(symbol)}/**/*.zip")
        parsed = (ArchiveFile.parse(path.relative_to(self._folder).as_posix()) for path in found)
        chosen = [file for file in parsed if file is not None and file.timeframe == timeframe]
        return sorted(chosen, key=lambda file: (file.span.start, file.monthly))

    def _rows_of(self, file: ArchiveFile) -> pl.DataFrame:
        path = self._folder / file.path
        return self._read(path, file.kind, path.stat().st_mtime_ns)


def _read_file(path: Path, kind: str, _edition: int) -> pl.DataFrame:
    """The rows of a zip, amounts as text; a row whose times or ids are no integers is not among them."""
    body = b"".join(read_blocks(path, largest_bytes=_LARGEST_CSV_BYTES))
    raw = pl.read_csv(
        body,
        has_header=False,
        skip_rows=0 if body[:1].isdigit() else 1,
        infer_schema=False,
        truncate_ragged_lines=True,
    )
    columns = _columns(kind)
    named = raw.select(raw.columns[: len(columns)]).rename(dict(zip(raw.columns, columns, strict=False)))
    integers = [pl.col(name).cast(pl.Int64, strict=False) for name in _INTEGERS if name in columns]
    typed = named.with_columns(integers).drop_nulls()
    if "is_buyer_maker" in columns:
        typed = typed.with_columns(pl.col("is_buyer_maker").str.to_lowercase().is_in(["true", "1"]))
    times = [_microseconds(name, rest) for name, rest in (("time_us", 0), ("close_time_us", 999)) if name in columns]
    return typed.with_columns(times)


def _columns(kind: str) -> tuple[str, ...]:
    return tuple(name for name in FUTURES_COLUMNS[kind].order if name != "ignore")


def _empty(kind: str) -> pl.DataFrame:
    kinds = {name: pl.Int64() for name in _INTEGERS} | {"is_buyer_maker": pl.Boolean()}
    return pl.DataFrame(schema={name: kinds.get(name, pl.String()) for name in _columns(kind)})


def _microseconds(name: str, rest_us: int) -> pl.Expr:
    """A time in milliseconds or microseconds as the value says; `rest_us` completes the end of a millisecond."""
    value = pl.col(name)
    return pl.when(value >= MICROSECONDS_FROM).then(value).otherwise(value * 1000 + rest_us).alias(name)
