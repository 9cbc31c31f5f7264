"""A WebSocket server that sends recorded lines as fast as they are taken, or at a pace: `python -m bench.parts.feeder`.

Prints its port. Each connection gets the lines of the streams that it asked for, then the close code 1000.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import heapq
import re
import struct
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

_STREAM = re.compile(rb'\{"stream":"([^"]+)"')
_TRADE_ID = re.compile(rb'"t":(\d+)')
CHUNK = 20  # messages of one write, as a busy socket holds several
BUFFERED = 1 << 18


def read_lines(paths: Sequence[Path]) -> list[tuple[bytes, bytes]]:
    """Stream and message of each recorded line of a combined stream, in the order of receipt over all files."""
    files = [gzip.decompress(path.read_bytes()).splitlines() for path in paths]
    found: list[tuple[bytes, bytes]] = []
    for line in heapq.merge(*files, key=lambda line: int(line.split(b" ", 1)[0])):
        message = line.split(b" ", 1)[1].rstrip()
        if (name := _STREAM.match(message)) is not None:
            found.append((name[1], message))
    return found


def frames(lines: Sequence[tuple[bytes, bytes]], wanted: set[bytes]) -> Iterator[bytes]:
    """WebSocket frames of the wanted streams, over and over; trade ids go on from one round to the next."""
    chosen = [(stream, message) for stream, message in lines if stream in wanted]
    ids = [int(found[1]) for _, message in chosen if (found := _TRADE_ID.search(message))]
    width = max(ids) - min(ids) + 1 if ids else 0
    shift = 0
    while chosen:
        for stream, message in chosen:
            yield _frame(_shifted(message, shift) if shift and stream.endswith(b"@trade") else message)
        shift += width


def _shifted(message: bytes, shift: int) -> bytes:
    return _TRADE_ID.sub(lambda found: b'"t":%d' % (int(found[1]) + shift), message, count=1)


def _frame(message: bytes) -> bytes:
    size = len(message)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + message
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size) + message
    return struct.pack("!BBQ", 0x81, 127, size) + message


async def send(connection: ServerConnection, source: Iterator[bytes], *, count: int, per_second: float) -> None:
    """Write `count` frames to the socket, then close."""
    begun, sent = time.perf_counter(), 0
    transport = connection.transport
    while sent < count:
        piece = list(islice(source, min(CHUNK, count - sent)))
        if not piece:
            break
        transport.write(b"".join(piece))
        sent += len(piece)
        while transport.get_write_buffer_size() > BUFFERED:
            await asyncio.sleep(0.0005)
        if per_second and (ahead := sent / per_second - (time.perf_counter() - begun)) > 0:
            await asyncio.sleep(ahead)
        elif sent % 2_000 == 0:
            await asyncio.sleep(0)
    await connection.close(1000, "end of recording")


async def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--count", type=int, required=True, help="messages in all, shared by streams as recorded")
    parser.add_argument("--per-second", type=float, default=0.0, help="messages a second in all; 0 sends at once")
    given = parser.parse_args()
    lines = read_lines(given.files)

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        wanted = {name.encode() for name in "".join(query.get("streams", [""])).split("/")}
        share = sum(stream in wanted for stream, _ in lines) / len(lines)
        await send(
            connection,
            frames(lines, wanted),
            count=round(given.count * share),
            per_second=given.per_second * share,
        )

    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    asyncio.run(main())
