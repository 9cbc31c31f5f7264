"""Reads capture files: gzip lines of `<receive time, ns> <combined-stream JSON>`, as common recorders write them.

`time` of a book state or mark price is when it was known by the exchange's clock: the later of its event time and its
receive time, the latter corrected where the recorder's clock is provably behind (see `RecorderClock`). Spot partial
books carry no event time; theirs is the corrected receive time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from crypto_assets.binance.capture_book import BookTaker
from crypto_assets.binance.capture_lines import GzipLines
from crypto_assets.binance.capture_messages import Envelope, Market, StreamKind, stream_kind
from crypto_assets.binance.capture_reading import MAX_CLOCK_ERROR_US, Reading
from crypto_assets.binance.capture_rows import Line
from crypto_assets.binance.capture_takers import LiquidationTaker, MarkPriceTaker, Take, Taker, TradeTaker
from crypto_assets.binance.parsed import Parsed
from crypto_assets.schemas import BRONZE_LIQUIDATIONS, BRONZE_MARK_PRICE, BRONZE_ORDERBOOK, BRONZE_TRADES, Dataset
from crypto_assets.spans import to_us

CAPTURED = (BRONZE_ORDERBOOK, BRONZE_TRADES, BRONZE_MARK_PRICE, BRONZE_LIQUIDATIONS)
"""Datasets that captures hold rows of; spot captures the first two."""
LATE_LINES = 1_000
"""So many lines in a row past the time asked for end a file; a single one may have a wrong receive time."""
MOST_NAMES = 100
"""Streams that are counted by name; a damaged file can hold any number of names."""
NO_STREAM = "no stream"
"""What lines are counted as that are neither a stream's message nor a snapshot, such as answers to SUBSCRIBE."""
OTHER_STREAMS = "other streams"
LONGEST_NAME = 60

_STAMP_DIGITS = 19  # ns from 2001 to 2286
_BEFORE_NAME = b'{"stream":"'
_ENVELOPE = msgspec.json.Decoder(Envelope)
_FOR_THE_CLOCK = (
    StreamKind.TRADE,
    StreamKind.DEPTH_DIFF,
    StreamKind.MARK_PRICE,
    StreamKind.FORCE_ORDER,
)


@dataclass(frozen=True, slots=True)
class CaptureFile:
    """A capture file, and the name by which rejected lines refer to it."""

    origin: str
    content: Path | BinaryIO


@dataclass(frozen=True, slots=True)
class BookCounts:
    """What happened to the book that was rebuilt from changes."""

    snapshots: int
    """REST snapshots that it started from."""
    snapshots_refused: int
    """Snapshots that the changes after them did not reach back to, or that were crossed."""
    breaks: int
    """How often it was lost to a missing change or to crossed prices; no state from then to the next snapshot."""
    states_beyond_snapshot: int
    """States whose ten levels lie partly where the snapshot did not reach, so that older orders may be missing."""


@dataclass(frozen=True, slots=True)
class CaptureTables:
    """What was recorded. Rows are in the order received and have the columns of `captured_schema`.

    A line that cannot be told to be of any stream is among the rejected ones of every dataset that was wanted.
    """

    orderbook: Parsed
    trades: Parsed
    mark_price: Parsed
    liquidations: Parsed
    skipped: Mapping[str, int]
    """Messages from which no row is made, by the kind of their stream."""
    clock_lag: timedelta | None
    """How far the recorder's clock was behind, median of the minutes; None where no message told."""
    book: BookCounts


def read_capture(
    files: Sequence[CaptureFile],
    *,
    symbol: str,
    market: Market,
    start: datetime,
    end: datetime,
    want: Collection[Dataset] = CAPTURED,
    book_pace_ms: int | None = None,
) -> CaptureTables:
    """Rows whose time is in [start, end), from files in the order of their recording.

    A file of the day before gives the book its state over midnight, and the rows of a recorder whose clock is behind;
    one of the day after, the rows of a clock that is ahead. Of both only what is needed is decoded. Datasets that are
    not in `want` stay empty and cost next to nothing. `book_pace_ms` keeps the last book state of each slot of that
    length instead of every one.

    Never raises on content: what cannot be used is rejected with its bytes and the reason. OSError where a file
    cannot be opened or read.
    """
    reading = Reading(symbol=symbol, market=market, start_us=to_us(start), end_us=to_us(end))
    book = BookTaker(reading, pace_us=book_pace_ms * 1000 if book_pace_ms else None)
    takers: dict[str, Taker] = {
        BRONZE_ORDERBOOK.name: book,
        BRONZE_TRADES.name: TradeTaker(reading),
        BRONZE_MARK_PRICE.name: MarkPriceTaker(reading),
        BRONZE_LIQUIDATIONS.name: LiquidationTaker(reading),
    }
    wanted = [dataset.name for dataset in CAPTURED if dataset in want]
    lines = _LineReader(reading, book, [takers[name] for name in wanted])
    for file in files:
        with file.content.open("rb") if isinstance(file.content, Path) else nullcontext(file.content) as content:
            lines.read(GzipLines(content), origin=file.origin)
    orderbook, trades, mark_price, liquidations = (takers[dataset.name].parsed() for dataset in CAPTURED)
    return CaptureTables(
        orderbook=orderbook,
        trades=trades,
        mark_price=mark_price,
        liquidations=liquidations,
        skipped=dict(reading.skipped),
        clock_lag=timedelta(microseconds=int(np.median(reading.lags_us))) if reading.lags_us else None,
        book=BookCounts(
            snapshots=book.snapshots,
            snapshots_refused=book.local.snapshots_refused,
            breaks=book.local.breaks,
            states_beyond_snapshot=book.states_beyond_snapshot,
        ),
    )


class _LineReader:
    """Finds out what each line is and hands it to whoever makes rows of it."""

    def __init__(self, reading: Reading, book: BookTaker, wanted: Sequence[Taker]) -> None:
        self._reading = reading
        self._snapshots = book if book in wanted else None
        self._rejected = [taker.rejected for taker in wanted]
        self._takes: dict[StreamKind, Take] = {}
        if any(taker.by_time_known for taker in wanted):
            self._takes = dict.fromkeys(_FOR_THE_CLOCK, reading.note_time)
            self._takes[StreamKind.AGG_TRADE] = self._take_aggregate
        for taker in wanted:
            self._takes |= taker.takes
        self._kind = lru_cache(MOST_NAMES)(partial(stream_kind, symbol=reading.symbol, market=reading.market))
        self._needed_from_us = reading.start_us - MAX_CLOCK_ERROR_US
        """Before it only changes of the book matter, for its state at the start."""
        self._received_us = reading.start_us

    def read(self, lines: GzipLines, *, origin: str) -> None:
        """Take the lines of a file, as far as they are readable and not too late."""
        self._reading.begin_file()
        late = number = 0
        for number, raw in enumerate(lines, 1):
            late = 0 if self._take(raw, number=number, origin=origin) else late + 1
            if late > LATE_LINES:
                break
        self._reading.end_minute()
        if lines.damage:
            line = Line(lines.rest, self._received_us, number + 1, origin)
            self._reading.reject(line, lines.damage, *self._rejected)

    def _take(self, raw: bytes, *, number: int, origin: str) -> bool:
        """Take a line; False where it was received too late to hold a row of the time asked for."""
        stamp, _, body = raw.partition(b" ")
        if len(stamp) != _STAMP_DIGITS or not stamp.isdigit():
            if raw:
                line = Line(raw, self._received_us, number, origin)
                self._reading.reject(line, "does not begin with a receive time in ns", *self._rejected)
            return True
        received_us = int(stamp) // 1000
        if received_us >= self._reading.end_us + MAX_CLOCK_ERROR_US:
            return False
        self._received_us = received_us
        self._reading.move_to(received_us)
        self._take_body(body, Line(raw, received_us, number, origin))
        return True

    def _take_body(self, body: bytes, line: Line) -> None:
        if body.startswith(_BEFORE_NAME):  # so the name is had without decoding what nobody wants
            name = body[len(_BEFORE_NAME) : body.find(b'"', len(_BEFORE_NAME))].decode(errors="replace")
            if body.endswith(b"}") and self._take_of(name, line) is None:
                self._skip(name, line)
                return
        envelope = self._reading.decoded(_ENVELOPE, body, line, *self._rejected)
        if envelope is None:
            return
        if not envelope.stream:
            self._take_streamless(body, line)
        elif take := self._take_of(envelope.stream, line):
            take(envelope.data, line)
        else:
            self._skip(envelope.stream, line)

    def _take_streamless(self, body: bytes, line: Line) -> None:
        if b'"lastUpdateId"' not in body:
            self._count_skipped(NO_STREAM, line)
        elif self._snapshots:
            self._snapshots.take_snapshot(body, line)

    def _take_of(self, name: str, line: Line) -> Take | None:
        """What to do with a message of a stream; None where no wanted row can come of it."""
        kind = self._kind(name)
        if kind is None or (line.received_us < self._needed_from_us and kind is not StreamKind.DEPTH_DIFF):
            return None
        return self._takes.get(kind)

    def _skip(self, name: str, line: Line) -> None:
        if self._kind(name) in (None, StreamKind.AGG_TRADE):
            self._count_skipped(name, line)

    def _take_aggregate(self, data: msgspec.Raw, line: Line) -> None:
        self._reading.note_time(data, line)
        self._count_skipped("aggTrade", line)

    def _count_skipped(self, name: str, line: Line) -> None:
        if self._reading.covers(line.received_us):
            label = name.removeprefix(f"{self._reading.symbol.lower()}@")[:LONGEST_NAME]
            known = label in self._reading.skipped or len(self._reading.skipped) < MOST_NAMES
            self._reading.skipped[label if known else OTHER_STREAMS] += 1
