"""Messages of the PostgreSQL protocol, version 3, as far as a proxy has to understand them."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass

SSL_REQUEST = 80_877_103
GSS_REQUEST = 80_877_104
CANCEL_REQUEST = 80_877_102
LARGEST_START = 10_000
"""Bytes; PostgreSQL's own limit of a startup packet."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; its kind is the byte that it begins with."""

    kind: bytes
    body: bytes

    def encoded(self) -> bytes:
        """As it is sent."""
        return self.kind + struct.pack("!I", len(self.body) + 4) + self.body


@dataclass(frozen=True, slots=True)
class StartPacket:
    """What a client sends first: a code, which for a session is the protocol's version."""

    code: int
    body: bytes
    """What follows the code."""

    def encoded(self) -> bytes:
        """As it is sent."""
        return struct.pack("!II", len(self.body) + 8, self.code) + self.body

    def parameters(self) -> dict[str, str]:
        """Names and values of a session's parameters, such as user and database."""
        parts = self.body.split(b"\0")
        pairs = zip(parts[0::2], parts[1::2], strict=False)
        return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs if name}


class ProtocolError(Exception):
    """Raised on bytes that cannot be a message."""


async def read_start(reader: asyncio.StreamReader) -> StartPacket:
    """The next packet of a connection's start; raises ProtocolError, or IncompleteReadError where it ends."""
    length, code = struct.unpack("!II", await reader.readexactly(8))
    if not 8 <= length <= LARGEST_START:
        raise ProtocolError(f"a startup packet of {length} bytes")
    return StartPacket(code, await reader.readexactly(length - 8))


async def read_message(reader: asyncio.StreamReader) -> Message:
    """The next message; raises IncompleteReadError where the connection ends."""
    kind, length = struct.unpack("!cI", await reader.readexactly(5))
    if length < 4:
        raise ProtocolError(f"a message of {length} bytes")
    return Message(kind, await reader.readexactly(length - 4))


def query(sql: str) -> Message:
    """A simple query."""
    return Message(b"Q", encode_text(sql) + b"\0")


def error(code: str, message: str, *, detail: str | None = None) -> Message:
    """An error as the server tells it; `code` is the five characters of SQLSTATE."""
    return Message(b"E", _fields(S="ERROR", V="ERROR", C=code, M=message, D=detail))


def fatal(code: str, message: str) -> Message:
    """An error that ends the connection."""
    return Message(b"E", _fields(S="FATAL", V="FATAL", C=code, M=message))


def notice(message: str) -> Message:
    """A remark."""
    return Message(b"N", _fields(S="INFO", V="INFO", C="00000", M=message))


def complete(tag: str) -> Message:
    """The end of a statement."""
    return Message(b"C", tag.encode() + b"\0")


def ready(status: str) -> Message:
    """The end of a query: `I` outside of a transaction, `T` in one, `E` in a failed one."""
    return Message(b"Z", status.encode())


def fields_of(body: bytes) -> dict[str, str]:
    """Fields of an error or a remark by their letters: `C` the code, `M` the message."""
    return {part[:1].decode("latin-1"): decode_text(part[1:]) for part in body.split(b"\0") if part}


def row_of(body: bytes) -> list[str | None]:
    """Values of a row of results in text form."""
    (count,) = struct.unpack_from("!H", body)
    values: list[str | None] = []
    place = 2
    for _ in range(count):
        (length,) = struct.unpack_from("!i", body, place)
        place += 4
        values.append(None if length < 0 else decode_text(body[place : place + length]))
        place += max(length, 0)
    return values


def decode_text(text: bytes) -> str:
    """Text whose every byte survives `encode_text`, whatever its encoding is."""
    return text.decode("utf-8", errors="surrogateescape")


def encode_text(text: str) -> bytes:
    """The bytes that `decode_text` had."""
    return text.encode("utf-8", errors="surrogateescape")


def _fields(**fields: str | None) -> bytes:
    return b"".join(name.encode() + encode_text(value) + b"\0" for name, value in fields.items() if value) + b"\0"
