"""Recorded streams: lines of `<receive time, ns> <JSON>`, in the order in which they were received."""

from __future__ import annotations

import gzip
import heapq
import re
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from crypto_assets.simulator.market import Venue

_WRAPPED = b'{"stream":"'
_DATA = b',"data":'
_FILE_NAME = re.compile(r"(?P<symbol>[a-z0-9_]+)_\d{8}\.gz")
_TRADE_ID = re.compile(rb'"t":(\d+)')
_STREAM_OF_EVENT = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "24hrTicker": "ticker",
    "24hrMiniTicker": "miniTicker",
    "bookTicker": "bookTicker",
    "depthUpdate": "depth@100ms",
    "markPriceUpdate": "markPrice@1s",
    "forceOrder": "forceOrder",
}


_ABSENT = msgspec.Raw(b"")


class RecordedMessage(NamedTuple):
    """One message as it was received."""

    received_ns: int
    stream: str
    payload: bytes


class _Event(msgspec.Struct):
    """What tells the stream of a message that came without its name."""

    e: str | None = None
    s: str | None = None
    u: int | None = None
    b: msgspec.Raw = _ABSENT
    k: dict[str, msgspec.Raw] | None = None
    o: msgspec.Raw = _ABSENT


class _Order(msgspec.Struct):
    s: str


class Recordings:
    """The files `recordings/{spot,usdm}/<symbol>_<yyyymmdd>.gz` of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "recordings"

    def messages(self, venue: Venue, streams: Container[str], *, symbols: Container[str]) -> Iterator[RecordedMessage]:
        """Messages of these streams: a symbol's files by date, one after the other, symbols merged by time."""
        by_symbol = [
            self._of_files(files, streams) for symbol, files in self._files(venue).items() if symbol in symbols
        ]
        return heapq.merge(*by_symbol, key=lambda message: message.received_ns)

    def symbols(self, venue: Venue) -> tuple[str, ...]:
        """Symbols that have files, by name."""
        return tuple(sorted(symbol.upper() for symbol in self._files(venue)))

    def snapshot(self, venue: Venue, symbol: str) -> dict[str, object] | None:
        """The first recorded answer of the REST depth request, as it was; None where there is none."""
        for path in self._files(venue).get(symbol.lower(), ()):
            for line in _lines(path):
                _, _, text = line.partition(b" ")
                if text.startswith(b'{"lastUpdateId"'):
                    return msgspec.json.decode(text, type=dict[str, object])
        return None

    def _files(self, venue: Venue) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted((self._folder / venue).glob("*.gz")):
            name = _FILE_NAME.fullmatch(path.name)
            if name is not None:
                found.setdefault(name["symbol"], []).append(path)
        return found

    def _of_files(self, files: list[Path], streams: Container[str]) -> Iterator[RecordedMessage]:
        for path in files:
            for line in _lines(path):
                message = parse_line(line)
                if message is not None and message.stream in streams:
                    yield message


def parse_line(line: bytes) -> RecordedMessage | None:
    """A line's message; None for what is none of a stream, such as a recorded REST answer."""
    received, _, text = line.rstrip().partition(b" ")
    if text.startswith(_WRAPPED):
        name, _, rest = text[len(_WRAPPED) :].partition(b'"')
        if rest.startswith(_DATA):
            return RecordedMessage(int(received), name.decode(), rest[len(_DATA) : -1])
    stream = _stream_of(text)
    return RecordedMessage(int(received), stream, text) if stream else None


def trade_id_of(message: RecordedMessage) -> int:
    """Id of a trade, -1 of anything else."""
    if not message.stream.endswith("@trade"):
        return -1
    found = _TRADE_ID.search(message.payload)
    return int(found[1]) if found else -1


def _stream_of(text: bytes) -> str | None:
    """The stream that a message without its name is of."""
    try:
        event = msgspec.json.decode(text, type=_Event)
        symbol = event.s
        channel = _STREAM_OF_EVENT.get(event.e or "")
        if event.e == "kline" and event.k:
            channel = f"kline_{msgspec.json.decode(event.k['i'], type=str)}"
        if event.e == "forceOrder" and event.o:
            symbol = msgspec.json.decode(event.o, type=_Order).s
        if event.e is None and event.u is not None and event.b:
            channel = "bookTicker"
    except (msgspec.MsgspecError, KeyError):
        return None
    return f"{symbol.lower()}@{channel}" if symbol and channel else None


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        yield from file
