"""Asks the exchange's archive for the rows of a day."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pyarrow as pa

from crypto_assets.binance import archive_tables
from crypto_assets.binance.archive import FetchedFile
from crypto_assets.binance.archive_paths import ArchiveFile, metrics_covering, month_of
from crypto_assets.binance.parsed import Parsed
from crypto_assets.convergence.delivery import Delivery, Question, stored_rows
from crypto_assets.convergence.sources import Sources
from crypto_assets.errors import Unavailable
from crypto_assets.schemas import BRONZE_MARK_PRICE, Dataset
from crypto_assets.spans import Span

ReadFiles = Callable[[Sequence[FetchedFile]], Parsed]


def kline_question(dataset: Dataset, symbol: str, span: Span, sources: Sources, *, timeframe: str) -> Question:
    """The daily file of spot candles, or its part of the monthly one where only that is published."""

    def read(files: Sequence[FetchedFile]) -> Parsed:
        return archive_tables.parse_klines(files[0].path, timeframe=timeframe, start=span.start, end=span.end)

    day = span.start.date()
    daily, monthly = (ArchiveFile.spot_klines(symbol, timeframe, period) for period in (day, month_of(day)))
    return _question(dataset, sources, [daily], read, instead=[monthly])


def trade_question(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> Question:
    """The daily file of spot trades."""

    def read(files: Sequence[FetchedFile]) -> Parsed:
        return archive_tables.parse_trades(files[0].path, start=span.start, end=span.end)

    return _question(dataset, sources, [ArchiveFile.spot_trades(symbol, span.start.date())], read)


def funding_question(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> Question:
    """The monthly file of funding rates, of which the rows of the day are taken."""
    file = ArchiveFile.funding_rate(symbol, month_of(span.start.date()))

    def read(files: Sequence[FetchedFile]) -> Parsed:
        return archive_tables.parse_funding_rates(files[0].path, start=span.start, end=span.end)

    return _question(dataset, sources, [file], read)


def metrics_questions(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> list[Question]:
    """The daily metrics files that hold rows known on the day: its own, and the one before, which ends at midnight."""

    def question(file: ArchiveFile) -> Question:
        def read(files: Sequence[FetchedFile]) -> Parsed:
            return archive_tables.parse_metrics(files[0].path, start=span.start, end=span.end)

        return _question(dataset, sources, [file], read)

    return [question(file) for file in metrics_covering(symbol, span)]


def mark_price_question(dataset: Dataset, symbol: str, span: Span, sources: Sources) -> Question:
    """The daily files of mark and index price candles, whose closes are joined."""
    day = span.start.date()
    kinds = ("markPriceKlines", "indexPriceKlines")

    def read(files: Sequence[FetchedFile]) -> Parsed:
        mark, index = (
            archive_tables.parse_klines(file.path, timeframe="1m", start=span.start, end=span.end) for file in files
        )
        return mark_prices_of(mark, index)

    return _question(
        dataset, sources, [ArchiveFile.futures_klines(symbol, "1m", day, kind=kind) for kind in kinds], read
    )


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


def _question(
    dataset: Dataset,
    sources: Sources,
    files: Sequence[ArchiveFile],
    read: ReadFiles,
    *,
    instead: Sequence[ArchiveFile] = (),
) -> Question:
    """Asks for files that give rows only together, or where they are not all published for those `instead`."""
    choices = [choice for choice in (files, instead) if choice]
    origin = _named(files)

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
        parsed = read(fetched)
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
