"""Avro of stream messages: the schemas of `schemas/`, and their fingerprint in a header of every message.

The fingerprint is CRC-64-AVRO of the canonical form (Avro 1.12, "Schema Fingerprints"), eight bytes. A schema that
changes moves its old text to `schemas/former/<name>.<fingerprint>.avsc`, so that a message written before is read by
the schema it was written with, and resolved to the one of today.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
from fastavro.schema import fingerprint as _fingerprint
from fastavro.schema import to_parsing_canonical_form

from crypto_assets.errors import BadPayload

FINGERPRINT_HEADER = "avro-fingerprint"
FRAME_BYTES = 5
SCHEMAS = Path(__file__).parent / "schemas"

type Record = Mapping[str, Any]
type Headers = Iterable[tuple[str, bytes | str | None]] | None


@cache
def schema_of(name: str) -> dict[str, Any]:
    """The parsed schema of a topic's values as it is written today."""
    return _parse((SCHEMAS / f"{name}.avsc").read_text())


@cache
def schema_json(name: str) -> str:
    """The same as JSON text, for Spark's `from_avro`."""
    return json.dumps(json.loads((SCHEMAS / f"{name}.avsc").read_text()))


@cache
def fingerprint(name: str) -> bytes:
    """Fingerprint of the schema of a topic's values."""
    return _fingerprint_of(schema_of(name))


@cache
def encode_key(symbol: str) -> bytes:
    """Key of a message: the symbol as an Avro string."""
    return encode("key", symbol)  # pyright: ignore[reportArgumentType]  a schema may be a plain string


def encode(name: str, record: Record) -> bytes:
    """One value, without header or frame."""
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, schema_of(name), record)
    return sink.getvalue()


def written_with(headers: Headers) -> bytes | None:
    """Fingerprint of the schema that a message was written with; None where its headers do not say."""
    return next((v for k, v in headers or () if k == FINGERPRINT_HEADER and isinstance(v, bytes)), None)


def decode(name: str, value: bytes, headers: Headers) -> dict[str, Any]:
    """The record of a message of this topic, as the schema of today says it, whichever schema it was written with.

    Times come as aware datetimes. A Confluent frame before the value (see `registry`) is stepped over. Raises
    BadPayload where the bytes, or their schema, are not known.
    """
    written = written_with(headers)
    writer = schema_of(name) if written is None else _known(name).get(written)
    if writer is None:
        raise BadPayload(
            f"{name}: a message was written with schema {(written or b'').hex()}, of which schemas/ knows nothing; "
            "add that schema to schemas/former."
        )
    try:
        return fastavro.schemaless_reader(io.BytesIO(unframed(value)), writer, schema_of(name))  # pyright: ignore[reportReturnType]
    except (EOFError, IndexError, ValueError, OverflowError, TypeError) as error:
        raise BadPayload(f"{name}: a message of {len(value)} bytes is not what its schema says: {error!r}") from error


def unframed(value: bytes) -> bytes:
    """The Avro of a value, without the Confluent frame of a zero byte and four more, where it has one.

    No value begins with a zero byte by itself: the first field of every schema is a text that is not empty, or a time.
    """
    return value[FRAME_BYTES:] if value[:1] == b"\0" and len(value) > FRAME_BYTES else value


@cache
def _known(name: str) -> dict[bytes, dict[str, Any]]:
    former = [_parse(path.read_text()) for path in sorted((SCHEMAS / "former").glob(f"{name}.*.avsc"))]
    return {_fingerprint_of(schema): schema for schema in [*former, schema_of(name)]}


def _parse(text: str) -> dict[str, Any]:
    return fastavro.parse_schema(json.loads(text))  # pyright: ignore[reportReturnType]


def _fingerprint_of(schema: dict[str, Any]) -> bytes:
    return bytes.fromhex(_fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
