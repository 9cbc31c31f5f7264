"""One client's connection to PostgreSQL: what it answers goes straight on, or is read by the stand-in."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from resources.services.redshift_standin.protocol import Message, fields_of, query, row_of

CHUNK_BYTES = 256 << 10
SEND_AHEAD_BYTES = 4 << 20
"""A load prepares the next rows while PostgreSQL still takes these."""
UNASKED = (b"N", b"S", b"A")
"""Remarks, changed parameters, notifications: for the client, whoever asked."""


class BackendGone(Exception):
    """Raised where the connection to PostgreSQL has ended: with it, what was not committed is undone."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a query of the stand-in's own."""

    rows: list[list[str | None]]
    error: Message | None

    @property
    def error_fields(self) -> dict[str, str]:
        """Fields of the error by their letters; none where there is no error."""
        return fields_of(self.error.body) if self.error else {}


class Backend:
    """PostgreSQL behind one client. Only one query is under way, but for what a client sends ahead by itself."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer, self._client = reader, writer, client
        self._writer.transport.set_write_buffer_limits(high=SEND_AHEAD_BYTES)
        self._is_read = False
        self._pending = 0
        self._changed = asyncio.Condition()
        self._read: deque[Message] = deque()
        self._ended = False
        self.status = "I"
        """Of the transaction: `I` none, `T` open, `E` failed."""
        self.failed = False
        """Whether the query under way, or the last one, told of an error."""
        self.key: tuple[int, int] | None = None
        """What a cancel request has to name."""

    @property
    def is_idle(self) -> bool:
        """Whether everything asked has been answered."""
        return self._pending == 0

    async def relay(self) -> None:
        """Take in PostgreSQL's messages until it ends the connection."""
        left = b""
        try:
            with suppress(ConnectionError):
                while chunk := await self._reader.read(CHUNK_BYTES):
                    left = await self._take(left + chunk)
        finally:
            self._ended = True
            async with self._changed:
                self._changed.notify_all()
        raise BackendGone

    def send(self, message: Message, *, asks: bool = False) -> None:
        """Send a message; `asks` says that a ready-for-query follows."""
        self._pending += asks
        self._writer.write(message.encoded())

    def send_raw(self, data: bytes) -> None:
        """Send bytes that are no message, such as the start packet, which a ready-for-query follows."""
        self._pending += 1
        self._writer.write(data)

    async def drain(self) -> None:
        """Wait until PostgreSQL has taken most of what was sent; raises BackendGone."""
        try:
            await self._writer.drain()
        except ConnectionError:
            raise BackendGone from None

    async def wait_idle(self) -> None:
        """Wait until everything asked has been answered; raises BackendGone."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.is_idle or self._ended)
        if self._ended:
            raise BackendGone

    async def pass_through(self, message: Message) -> None:
        """Ask, and let the client have the whole answer, in its time."""
        self._is_read, self.failed = False, False
        self.send(message, asks=True)
        await self.drain()

    async def ask(self, sql: str) -> Answer:
        """Execute a statement that the client does not hear of."""
        self.begin(sql)
        return await self.finish()

    def begin(self, sql: str) -> None:
        """Send a statement whose answers the stand-in reads."""
        self._is_read, self.failed = True, False
        self._read.clear()
        self.send(query(sql), asks=True)

    async def next_read(self) -> Message:
        """The next message of what was begun; raises BackendGone."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._read) or self._ended)
        if not self._read:
            raise BackendGone
        return self._read.popleft()

    def put_back(self, message: Message) -> None:
        """Let a message be read again."""
        self._read.appendleft(message)

    async def finish(self) -> Answer:
        """Read to the end of what was begun."""
        rows: list[list[str | None]] = []
        error: Message | None = None
        while (message := await self.next_read()).kind != b"Z":
            if message.kind == b"D":
                rows.append(row_of(message.body))
            elif message.kind == b"E":
                error = message
        return Answer(rows, error)

    def close(self) -> None:
        """End the connection; PostgreSQL undoes what was not committed."""
        self._writer.close()

    async def _take(self, data: bytes) -> bytes:
        """Handle all whole messages; returns what is left of the last one."""
        place = start = 0
        while place + 5 <= len(data):
            (length,) = struct.unpack_from("!I", data, place + 1)
            end = place + 1 + length
            if end > len(data):
                break
            kind = data[place : place + 1]
            if self._is_read and kind not in UNASKED:
                # Nothing of a query before is under way: all that is passed on stands in this chunk alone.
                self._client.write(data[start:place])
                start = end
                self._read.append(Message(kind, data[place + 5 : end]))
            self._note(kind, data, place)
            place = end
        self._client.write(data[start:place])
        with suppress(ConnectionError):  # whoever reads from the client notices its end
            await self._client.drain()
        async with self._changed:
            self._changed.notify_all()
        return data[place:]

    def _note(self, kind: bytes, data: bytes, place: int) -> None:
        """Remember what a message says of the session."""
        if kind == b"Z":
            self.status = chr(data[place + 5])
            self._pending -= 1
        elif kind == b"E":
            self.failed = True
        elif kind == b"K":
            self.key = struct.unpack_from("!II", data, place + 5)
