"""Values of many messages of a topic as the columns of one table.

The bodies are joined to one Avro container, which Polars reads five times as fast as a message at a time. A body that
is not what its schema says would spoil those behind it: each is framed by its own number, and where a number does not
come back the batch is read message by message.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, compress
from typing import Any, NamedTuple

import polars as pl
from polars.exceptions import PanicException, PolarsError

from crypto_assets.errors import BadPayload
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode_key, fingerprint, schema_json, unframed

OFFSET = "offset"

_FIRST, _LAST = "_first", "_last"
_SYNC = b"crypto-assets-01"


class Raw(NamedTuple):
    """A message as Kafka keeps it."""

    offset: int
    value: bytes
    fingerprint: bytes | None
    """Which schema it was written with; None where it does not say."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Decoded messages in their order, and those that could not be decoded."""

    frame: pl.DataFrame
    """Fields of the topic's schema of today, and `offset`."""
    undecodable: tuple[tuple[Raw, str], ...]
    """Each with the reason."""


def read_columns(name: str, messages: Sequence[Raw], *, symbol: str) -> Columns:
    """Values of messages of the topic of this name, whichever schema each was written with.

    Messages that do not begin with the symbol are read as well, if slowly: somebody has to say what is wrong with them.
    """
    today, begin = (None, fingerprint(name)), encode_key(symbol)
    bodies = [unframed(message.value) for message in messages]
    usual = [m.fingerprint in today and body.startswith(begin) for m, body in zip(messages, bodies, strict=True)]
    frame = _read_at_once(name, list(compress(bodies, usual)))
    if frame is None:
        return _read_one_by_one(name, messages, bodies)
    frame = frame.with_columns(pl.Series(OFFSET, [m.offset for m in compress(messages, usual)], dtype=pl.Int64))
    if all(usual):
        return Columns(frame, ())
    odd = [not one for one in usual]
    others = _read_one_by_one(name, list(compress(messages, odd)), list(compress(bodies, odd)))
    return Columns(pl.concat([frame, others.frame]).sort(OFFSET), others.undecodable)


def _read_at_once(name: str, bodies: Sequence[bytes]) -> pl.DataFrame | None:
    """Fields of all bodies; None where one of them is not what the schema of today says."""
    numbers = _numbers(1 << max(len(bodies) - 1, 1).bit_length())[: len(bodies)]
    block = b"".join(chain.from_iterable(zip(numbers, bodies, numbers, strict=True)))
    content = _head(name) + (_long(len(bodies)) + _long(len(block)) + block + _SYNC if bodies else b"")
    try:
        frame = pl.read_avro(io.BytesIO(content))
    except (PolarsError, PanicException, OSError):  # how it says that the bytes are not Avro, or end too soon
        return None
    expected = pl.int_range(frame.height, eager=True)
    if frame.height != len(bodies) or not ((frame[_FIRST] == expected) & (frame[_LAST] == expected)).all():
        return None
    return frame.drop(_FIRST, _LAST)


def _read_one_by_one(name: str, messages: Sequence[Raw], bodies: Sequence[bytes]) -> Columns:
    records: list[dict[str, Any]] = []
    undecodable: list[tuple[Raw, str]] = []
    for message, body in zip(messages, bodies, strict=True):
        headers = [(FINGERPRINT_HEADER, message.fingerprint)] if message.fingerprint else []
        try:
            records.append(decode(name, body, headers) | {OFFSET: message.offset})
        except BadPayload as error:
            undecodable.append((message, str(error)))
    schema = {**_fields(name), OFFSET: pl.Int64()}
    return Columns(pl.DataFrame(records, schema=schema, orient="row"), tuple(undecodable))


@cache
def _fields(name: str) -> dict[str, pl.DataType]:
    """Fields of a topic's schema and their types in Polars."""
    empty = pl.read_avro(io.BytesIO(_head(name)))
    return {field: kind for field, kind in empty.schema.items() if field not in (_FIRST, _LAST)}


@cache
def _head(name: str) -> bytes:
    """Head of a container (Avro 1.12, "Object Container Files") of framed values.

    Without defaults: they are for reading what was written with another schema, and Polars refuses most of them.
    """
    schema = json.loads(schema_json(name))
    fields = [{key: value for key, value in field.items() if key != "default"} for field in schema["fields"]]
    number = {"type": "long"}
    schema["fields"] = [{"name": _FIRST, **number}, *fields, {"name": _LAST, **number}]
    key, text = b"avro.schema", json.dumps(schema).encode()
    return b"Obj\x01" + _long(1) + _long(len(key)) + key + _long(len(text)) + text + _long(0) + _SYNC


@cache
def _numbers(count: int) -> list[bytes]:
    return [_long(number) for number in range(count)]


def _long(number: int) -> bytes:
    """A number from 0 as Avro writes a long: zigzag, then seven bits a byte."""
    left, written = number << 1, bytearray()
    while left > 0x7F:
        written.append(left & 0x7F | 0x80)
        left >>= 7
    written.append(left)
    return bytes(written)
