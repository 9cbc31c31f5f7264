"""Asks the exchange's archive for the rows of a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from crypto_assets.binance import archive_tables
from crypto_assets.binance.archive import FetchedFile
from crypto_assets.binance.archive_paths import ArchiveFile, month_of
from crypto_assets.binance.parsed import Parsed
from crypto_assets.convergence.delivery import Delivery, Question, stored_rows
from crypto_assets.convergence.sources import Sources
from crypto_assets.errors import Unavailable
from crypto_assets.schemas import BRONZE_MARK_PRICE, Dataset
from crypto_assets.spans import Span


class _ParseFile(Protocol):
    def __call__(self, path: Path, *, start: datetime, end: datetime) -> Parsed: ...


def kline_question(dataset: Dataset, symbol: str, span: Span, sources: Sources, *, timeframe: str) -> Question:
    """The daily file of spot candles, or its part of the monthly one where only that is published."""
    day = span.start.date()
    choices = [[ArchiveFile.spot_klines(symbol, timeframe, period)] for period in (day, month_of(day))]
    return _question(dataset, span, sources, choices, partial(archive_tables.parse_klines, timeframe=timeframe))


def trade_question(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> Question:
    """The daily file of spot trades."""
    file = ArchiveFile.spot_trades(symbol, span.start.date())
    return _question(dataset, span, sources, [[file]], archive_tables.parse_trades)


def funding_question(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> Question:
    """The monthly file of funding rates, of which the rows of the day are taken."""
    file = ArchiveFile.funding_rate(symbol, month_of(span.start.date()))
    return _question(dataset, span, sources, [[file]], archive_tables.parse_funding_rates)


def metrics_question(dataset: Dataset, symbol: str, span: Span, sources: Sources, *, days_before: int) -> Question:
    """The daily metrics file of the day (0) or of the one before (1).

    A file ends with the row that was known at the next midnight: rows known on a day lie in both.
    """
    file = ArchiveFile.metrics(symbol, span.start.date() - timedelta(days=days_before))
    return _question(dataset, span, sources, [[file]], archive_tables.parse_metrics)


def mark_price_question(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> Question:
    """The daily files of mark and index price candles, whose closes are joined."""
    day = span.start.date()
    pair = [
        ArchiveFile.futures_klines(symbol, "1m", day, kind=kind) for kind in ("markPriceKlines", "indexPriceKlines")
    ]
    parse = partial(archive_tables.parse_klines, timeframe="1m")
    return _question(dataset, span, sources, [pair], parse, join=mark_prices_of)


def mark_prices_of(mark: Parsed, index: Parsed) -> Parsed:
    """Mark and index candles of the same minutes as one table of prices, each known when its candle closed."""
    pairs = mark.rows.select(["open_time", "close_time", "close"]).join(
        index.rows.select(["open_time", "close"]), "open_time", join_type="inner", right_suffix="_index"
    )
    pairs = pairs.sort_by("open_time")
    rows = pa.table(
        {
            "time": pairs["close_time"],
            "mark_price": pairs["close"],
            "index_price": pairs["close_index"],
            "estimated_funding_rate": pa.nulls(pairs.num_rows),
            "next_funding_time": pa.nulls(pairs.num_rows),
        }
    ).cast(BRONZE_MARK_PRICE.payload)
    return Parsed(rows=rows, rejected=pa.concat_tables([mark.rejected, index.rejected]))


def _only(parsed: Parsed) -> Parsed:
    return parsed


def _question(
    dataset: Dataset,
    span: Span,
    sources: Sources,
    choices: Sequence[Sequence[ArchiveFile]],
    parse: _ParseFile,
    *,
    join: Callable[..., Parsed] = _only,
) -> Question:
    """Asks for the first choice of which all files are published; `join` makes one of what its files hold."""
    origin = _named(choices[0])

    def identity() -> str | None:
        for choice in choices:
            published = [sources.archive.published(file) for file in choice]
            if all(published):
                return _combined([version for version in published if version])
        return None

    def ask() -> Delivery:
        for choice in choices:
            fetched = [file for file in map(sources.archive.fetch, choice) if file is not None]
            if len(fetched) == len(choice):
                return delivery(fetched, _named(choice))
        raise Unavailable(f"{origin} was withdrawn from the archive while it was fetched. Run the partition again.")

    def delivery(fetched: Sequence[FetchedFile], name: str) -> Delivery:
        parsed = join(*(parse(file.path, start=span.start, end=span.end) for file in fetched))
        rows = stored_rows(
            parsed.rows,
            dataset,
            source="archive",
            exchange=sources.exchange,
            received_at=max(file.received_at for file in fetched),
        )
        remarks = "".join(f" {file.file.name}: {file.remark}." for file in fetched if file.remark)
        note = f"{name}: {rows.num_rows:,} rows, {parsed.rejected.num_rows:,} rejected.{remarks}"
        return Delivery("archive", origin, _combined([f.sha256 for f in fetched]), rows, parsed.rejected, note)

    return Question("archive", origin, identity, ask, absent=f"{origin} is not published.")


def _named(files: Sequence[ArchiveFile]) -> str:
    """What a person calls the files; of several, which may share a name, with the kind that tells them apart."""
    return " + ".join(file.name if len(files) == 1 else f"{file.kind} {file.name}" for file in files)


def _combined(sums: Sequence[str]) -> str:
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()
