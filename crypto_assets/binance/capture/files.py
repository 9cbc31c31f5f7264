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
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np

from crypto_assets.binance.capture.book_taker import BookTaker
from crypto_assets.binance.capture.gzip_lines import GzipLines
from crypto_assets.binance.capture.messages import CaptureMarket, Frame, StreamKind, stream_kind
from crypto_assets.binance.capture.reading import MAX_CLOCK_ERROR_US, UNREADABLE, Reading
from crypto_assets.binance.capture.rows import Line
from crypto_assets.binance.capture.takers import LiquidationTaker, MarkPriceTaker, Take, Taker, TradeTaker
from crypto_assets.binance.parsed import Parsed
from crypto_assets.schemas import BRONZE_LIQUIDATIONS, BRONZE_MARK_PRICE, BRONZE_ORDERBOOK, BRONZE_TRADES, Dataset
from crypto_assets.spans import MINUTE_US, to_us

CAPTURED = (BRONZE_ORDERBOOK, BRONZE_TRADES, BRONZE_MARK_PRICE, BRONZE_LIQUIDATIONS)
"""Datasets that captures hold rows of."""
HELD_BY: dict[CaptureMarket, tuple[Dataset, ...]] = {"spot": (BRONZE_ORDERBOOK, BRONZE_TRADES), "usdm": CAPTURED}
"""The ones of each market."""
LATE_LINES = 1_000
"""So many lines in a row past the time asked for end a file; a single one may have a wrong receive time."""
MOST_NAMES = 100
"""Streams that are counted by name; a damaged file can hold any number of names."""
NO_STREAM = "no stream"
"""What lines are counted as that are neither a stream's message nor a snapshot, such as answers to SUBSCRIBE."""
OTHER_STREAMS = "other streams"
LONGEST_NAME = 60

_STAMP_DIGITS = 19  # ns from 2001 to 2286
_BEFORE_NAME = b' {"stream":"'
_NAME_AT = _STAMP_DIGITS + len(_BEFORE_NAME)
_FRAME = msgspec.json.Decoder(Frame)
_TIMED: dict[CaptureMarket, tuple[StreamKind, ...]] = {
    "spot": (StreamKind.TRADE, StreamKind.AGG_TRADE, StreamKind.DEPTH_DIFF),
    "usdm": tuple(StreamKind),
}
"""Streams that carry event times; they tell the recorder's clock also where their rows are not wanted."""


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
    """Messages from which no row is made, by the kind of their stream, as the file names it."""
    clock_lag: timedelta | None
    """How far the recorder's clock was behind, median of the minutes; None where no message told."""
    book: BookCounts


def read_capture(
    files: Sequence[CaptureFile],
    *,
    symbol: str,
    market: CaptureMarket,
    start: datetime,
    end: datetime,
    want: Collection[Dataset] = CAPTURED,
) -> CaptureTables:
    """Rows whose time is in [start, end), from files in the order of their recording.

    A file of the day before gives the book its state over midnight, and the rows of a recorder whose clock is behind;
    one of the day after, the rows of a clock that is ahead. Of both only what is needed is decoded. Datasets that are
    not in `want` stay empty and cost next to nothing.

    Never raises on content: what cannot be used is rejected with its bytes and the reason. OSError where a file
    cannot be opened or read.
    """
    reading = Reading(symbol=symbol, market=market, start_us=to_us(start), end_us=to_us(end))
    book = BookTaker(reading)
    takers: dict[str, Taker] = {
        BRONZE_ORDERBOOK.name: book,
        BRONZE_TRADES.name: TradeTaker(reading),
        BRONZE_MARK_PRICE.name: MarkPriceTaker(reading),
        BRONZE_LIQUIDATIONS.name: LiquidationTaker(reading),
    }
    wanted = [takers[dataset.name] for dataset in HELD_BY[market] if dataset in want]
    lines = _LineReader(reading, book, wanted)
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


class _Stream(NamedTuple):
    """What a stream of some name is to this reading."""

    label: str
    """What its messages are counted as."""
    take: Take | None
    """Who takes its messages; None where no wanted row can come of them."""
    is_skipped: bool
    """Whether its messages never become rows."""
    is_change: bool
    """Whether it changes the book, so that messages of long ago matter."""


class _LineReader:
    """Finds out what each line is and hands it to whoever makes rows of it."""

    def __init__(self, reading: Reading, book: BookTaker, wanted: Sequence[Taker]) -> None:
        self._reading = reading
        self._snapshots = book if book in wanted else None
        self._rejected = [taker.rejected for taker in wanted]
        self._takes: dict[StreamKind, Take] = {}
        if any(taker.by_time_known for taker in wanted):
            self._takes = dict.fromkeys(_TIMED[reading.market], reading.note_time)
        for taker in wanted:
            self._takes |= taker.takes
        self._stream = lru_cache(MOST_NAMES)(self._named)
        self._needed_from_us = reading.start_us - MAX_CLOCK_ERROR_US
        self._needed_until_us = reading.end_us + MAX_CLOCK_ERROR_US

    def read(self, lines: GzipLines, *, origin: str) -> None:
        """Take the lines of a file, as far as they are readable and not too late."""
        reading = self._reading
        reading.begin_file()
        minute = late = number = 0
        for number, raw in enumerate(lines, 1):
            stamp = raw[:_STAMP_DIGITS]
            if not (stamp.isdigit() and raw[_STAMP_DIGITS : _STAMP_DIGITS + 1] == b" "):
                self._reject_unstamped(raw, number=number, origin=origin)
                continue
            received_us = int(stamp) // 1000
            if received_us >= self._needed_until_us:
                late += 1
                if late > LATE_LINES:
                    break
                continue
            late = 0
            if received_us // MINUTE_US != minute:
                minute = received_us // MINUTE_US
                reading.end_minute()
            reading.received_us = received_us
            self._take(Line(raw, received_us, number, origin))
        self._reading.end_minute()
        if lines.damage:
            line = Line(lines.rest, self._reading.received_us, number + 1, origin)
            self._reading.reject(line, lines.damage, *self._rejected)

    def _named(self, name: bytes) -> _Stream:
        reading, text = self._reading, name.decode(errors="replace")
        kind = stream_kind(text, symbol=reading.symbol, market=reading.market)
        return _Stream(
            label=text.removeprefix(f"{reading.symbol.lower()}@")[:LONGEST_NAME] or NO_STREAM,
            take=self._takes.get(kind) if kind else None,
            is_skipped=kind in (None, StreamKind.AGG_TRADE),
            is_change=kind is StreamKind.DEPTH_DIFF,
        )

    def _take(self, line: Line) -> None:
        raw = line.raw
        if raw.startswith(_BEFORE_NAME, _STAMP_DIGITS):  # so the name is had without decoding what nobody wants
            stream = self._stream(raw[_NAME_AT : raw.find(b'"', _NAME_AT)])
            if stream.take or raw.endswith(b"}"):
                self._hand_over(stream, line)
                return
        body = raw[_STAMP_DIGITS:]
        try:
            stream = self._stream(_FRAME.decode(body).stream.encode())
        except UNREADABLE as error:
            self._reading.reject(line, str(error), *self._rejected)
            return
        if stream.label == NO_STREAM and b'"lastUpdateId"' in body:
            if self._snapshots:
                self._snapshots.take_snapshot(body, line)
        else:
            self._hand_over(stream, line)

    def _hand_over(self, stream: _Stream, line: Line) -> None:
        if stream.take and (stream.is_change or line.received_us >= self._needed_from_us):
            stream.take(line.raw[_STAMP_DIGITS:], line)
        if stream.is_skipped and self._reading.covers(line.received_us):
            skipped = self._reading.skipped
            known = stream.label in skipped or len(skipped) < MOST_NAMES
            skipped[stream.label if known else OTHER_STREAMS] += 1

    def _reject_unstamped(self, raw: bytes, *, number: int, origin: str) -> None:
        if raw:
            line = Line(raw, self._reading.received_us, number, origin)
            self._reading.reject(line, "does not begin with a receive time in ns", *self._rejected)
