"""Asks for what a recorder captured of a day."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from functools import cache

from crypto_assets.binance.capture.files import CaptureFile, CaptureTables, read_capture
from crypto_assets.binance.capture.messages import CaptureMarket
from crypto_assets.binance.parsed import Parsed
from crypto_assets.convergence.captures import CaptureName, CaptureStore
from crypto_assets.convergence.delivery import Delivery, Question, content_version, stored_rows
from crypto_assets.convergence.sources import Sources
from crypto_assets.identifiers import shown
from crypto_assets.schemas import BRONZE_ORDERBOOK, Dataset
from crypto_assets.spans import Span

LISTED = 5
"""Kinds of messages without rows that a note names, the most frequent first."""
BOOK_STARTS_WITHIN = timedelta(minutes=1)
"""A book that begins later in the day has its start in the file of the day before."""


def capture_question(dataset: Dataset, symbol: str, span: Span, sources: Sources, *, market: CaptureMarket) -> Question:
    """The capture file of the day, with what its neighbours hold of the day."""
    name = CaptureName(market, symbol, span.start.date())
    store = sources.captures

    @cache
    def offered(days: int) -> str | None:
        return store.identity(_beside(name, days)) if store else None

    def identity() -> str | None:
        own = offered(0)
        return None if own is None else f"{own}{[offered(days) is not None for days in (-1, 1)]}"

    def ask() -> Delivery:
        assert store is not None  # asked only where there is an identity
        there = [days for days in (-1, 0, 1) if offered(days) is not None]
        tables = _read(dataset, name, span, store, there=there)
        parsed = _of(tables, dataset)
        rows = stored_rows(
            parsed.rows,
            dataset,
            source="capture",
            exchange=sources.exchange,
            received_at=parsed.rows["received_at"],
        )
        note = f"{name}: {rows.num_rows:,} rows, {parsed.rejected.num_rows:,} rejected{_remark(tables, dataset)}."
        return Delivery("capture", str(name), content_version(parsed.rows), rows, parsed.rejected, note)

    absent = f"there is no {name} below {store.uri}." if store else "CAPTURE_URI names no place of capture files."
    return Question("capture", str(name), identity, ask, absent=absent)


def _read(
    dataset: Dataset, name: CaptureName, span: Span, store: CaptureStore, *, there: Sequence[int]
) -> CaptureTables:
    """Rows of the day from its file and the head of the next; from the file before only where that may hold some.

    `there` says which of the files exist: 0 is the day's own, -1 the one before, 1 the one after.
    """

    def read(*days: int) -> CaptureTables:
        names = [_beside(name, day) for day in days if day in there]
        with ExitStack() as opened:
            files = [CaptureFile(str(found), opened.enter_context(store.open(found))) for found in names]
            return read_capture(
                files, symbol=name.symbol, market=name.market, start=span.start, end=span.end, want=[dataset]
            )

    tables = read(0, 1)
    return read(-1, 0, 1) if -1 in there and _reaches_back(tables, dataset, span) else tables


def _reaches_back(tables: CaptureTables, dataset: Dataset, span: Span) -> bool:
    """Whether the day's first messages are in the file before: its recorder's clock was behind, or its book had begun
    there."""
    if tables.clock_lag and tables.clock_lag > timedelta():
        return True
    if dataset is not BRONZE_ORDERBOOK:
        return False
    rows = tables.orderbook.rows
    return not rows.num_rows or rows["time"][0].as_py() > span.start + BOOK_STARTS_WITHIN


def _beside(name: CaptureName, days: int) -> CaptureName:
    return replace(name, day=name.day + timedelta(days=days))


def _of(tables: CaptureTables, dataset: Dataset) -> Parsed:
    return getattr(tables, dataset.name.removeprefix("bronze_"))


def _remark(tables: CaptureTables, dataset: Dataset) -> str:
    remarks: list[str] = []
    if tables.clock_lag:
        remarks.append(f"the recorder's clock was {tables.clock_lag.total_seconds():+.2f} s behind")
    if dataset is BRONZE_ORDERBOOK and (tables.book.breaks or tables.book.snapshots_refused):
        remarks.append(
            f"the book was lost {tables.book.breaks} times and {tables.book.snapshots_refused} snapshots were refused"
        )
    if skipped := sorted(tables.skipped.items(), key=lambda item: -item[1]):
        listed = ", ".join(f"{shown(kind)} {count:,}" for kind, count in skipped[:LISTED])
        more = f" and {len(skipped) - LISTED} more kinds" if len(skipped) > LISTED else ""
        remarks.append(f"{sum(tables.skipped.values()):,} messages make no row: {listed}{more}")
    return "".join(f"; {remark}" for remark in remarks)
