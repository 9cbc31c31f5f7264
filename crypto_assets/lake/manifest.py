"""The record of a partition that consists of parts: which files belong to it, and what its sources said."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from crypto_assets.spans import Span, to_us

MANIFEST_FILE = "_manifest.json"
"""Readers of Parquet folders pass over names that begin with an underscore."""
RETIRED_FILE = "_retired.json"


class Part(msgspec.Struct, frozen=True):
    """One Parquet file of a partition; `path` is relative to the partition's folder."""

    path: str
    rows: int
    bytes: int
    source: str
    origin: str
    """Name of the file, or the question, that the rows came from."""
    version: str
    """sha256 of the origin's content: rows of another version of the same origin replace these."""
    exchange: str = ""
    """Whose data it is, as in the rows."""
    start: datetime | None = None
    """Time of the first row; None where nobody needs to know."""
    last: datetime | None = None
    """Time of the last row."""
    merged: tuple[str, ...] = ()
    """Versions of the parts whose rows this one holds, where it took the place of several."""

    @property
    def holds(self) -> tuple[str, ...]:
        """Versions of what its rows were written from; merging files changes nothing here."""
        return self.merged or (self.version,)


class Position(msgspec.Struct, frozen=True):
    """How far a Kafka partition of a topic was read for this day of this symbol."""

    topic: str
    topic_id: str
    """Kafka's own id: a topic that was deleted and created again has another."""
    partition: int
    taken: int
    """Offset of the first message that was not looked at yet."""
    later: int | None = None
    """Offset of the first message of a later day: where that day begins to read; None where none was seen."""


class Answer(msgspec.Struct, frozen=True):
    """What a source said when it was asked for the partition, or for the spans that were missing."""

    source: str
    origin: str
    version: str | None
    """sha256 of what it gave; None where it has nothing (yet)."""
    note: str
    """The answer in words, for people."""


class Manifest(msgspec.Struct, frozen=True):
    """Everything that belongs to one partition. A file that it does not list does not exist for readers."""

    parts: tuple[Part, ...] = ()
    answers: tuple[Answer, ...] = ()
    halts: tuple[Span, ...] = ()
    """Spans without candles, as every source that answered confirms."""
    rejected: int = 0
    """Rows of the origins that could not be used and lie in `_rejected`."""
    duplicates: int = 0
    """Exact copies of live rows that were dropped."""
    positions: tuple[Position, ...] = ()
    """What was taken of the live streams."""

    @property
    def rows(self) -> int:
        """Rows over all parts, copies of the same candle from two sources counted twice."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Size of all parts."""
        return sum(part.bytes for part in self.parts)

    @property
    def data_version(self) -> str:
        """sha256 that changes when, and only when, the rows or the halts of the partition change, however the rows lie
        in files: silver is made from both."""
        versions = sorted({version for part in self.parts for version in part.holds})
        halts = [f"halt {to_us(halt.start)} {to_us(halt.end)}" for halt in self.halts]
        return hashlib.sha256("\n".join(versions + halts).encode()).hexdigest()


class Retired(msgspec.Struct, frozen=True):
    """What is left of a partition that was deleted, because what is made from it is verified and stays."""

    at: datetime
    rows: int
    keys: int
    """How many different rows there were, by the dataset's key."""
    bytes: int
    data_version: str


_decoder = msgspec.json.Decoder(Manifest)


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as indented JSON, the same bytes for the same content."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode_manifest(raw: bytes) -> Manifest:
    """The manifest of these bytes; raises msgspec.ValidationError where they are none."""
    return _decoder.decode(raw)
