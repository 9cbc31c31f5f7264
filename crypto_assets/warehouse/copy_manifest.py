"""The list of files that COPY is given: these, of this length, and no other that lies beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A Parquet file on S3."""

    uri: str
    """`s3://bucket/key`"""
    bytes: int


def copy_manifest(files: Sequence[CopiedFile]) -> bytes:
    """Content of a manifest for `COPY … FORMAT AS PARQUET MANIFEST`: the same bytes for the same files.

    Every entry is mandatory, so that a missing file fails the load, and has the length that columnar formats ask for.
    Raises ValueError for a file that does not lie on S3, or for none: COPY has no empty manifest.
    """
    if not files:
        raise ValueError("a manifest names at least one file")
    if elsewhere := [file.uri for file in files if not file.uri.startswith("s3://")]:
        raise ValueError(f"COPY reads s3:// only, not {elsewhere[0]}")
    entries = [{"url": file.uri, "mandatory": True, "meta": {"content_length": file.bytes}} for file in files]
    return msgspec.json.format(msgspec.json.encode({"entries": entries}), indent=2)
