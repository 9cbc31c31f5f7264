"""Files as tables, so that all of them can be compared row by row."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

DOCUMENT = pa.schema([("name", pa.string()), ("value", pa.string())])
"""Of a file that is no table: a row for each of its parts."""
NOTES = "#notes"
"""Follows the path of a Parquet file where what is said in it beside its rows is meant."""
_OF_FORMAT = ("ARROW:schema", "pandas")


def tables_of(path: str, content: bytes) -> Iterator[tuple[str, pa.Table]]:
    """What a file says: a Parquet file's rows and its notes, the fields of JSON, the arrays of a model, else its sum.

    Raises ValueError where the file is not what its name says.
    """
    match path.rpartition(".")[2]:
        case "parquet":
            table = pq.read_table(io.BytesIO(content))
            yield path, table.replace_schema_metadata(None)
            if notes := _notes(table.schema.metadata or {}):
                yield path + NOTES, notes
        case "json":
            yield path, document(_fields(_decoded(path, content)))
        case "keras":
            yield path, document(_of_model(content))
        case _:
            yield path, document([("sha256", hashlib.sha256(content).hexdigest())])


def document(parts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> pa.Table:
    """A table of parts and what they say."""
    listed = list(parts)
    return pa.table([[name for name, _ in listed], [value for _, value in listed]], schema=DOCUMENT)


def _notes(metadata: dict[bytes, bytes]) -> pa.Table | None:
    texts = {name.decode(): value for name, value in metadata.items() if name.decode() not in _OF_FORMAT}
    return document(part for name, value in texts.items() for part in _note(name, value)) if texts else None


def _note(name: str, value: bytes) -> Iterator[tuple[str, str]]:
    if value.startswith((b"{", b"[")):
        yield from _fields(_decoded(name, value), name)
    else:
        yield name, value.decode()


def _decoded(path: str, content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}") from error


def _fields(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Each leaf of a JSON value with the way to it: `parts[0].path`."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _fields(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _fields(inner, f"{name}[{index}]")
    else:
        yield name, msgspec.json.encode(value).decode()


def _of_model(content: bytes) -> Iterator[tuple[str, str]]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise ValueError(f"a model is no zip: {error}") from error
    with archive:
        for member in sorted(archive.namelist()):
            inside = archive.read(member)
            if member.endswith(".json"):
                yield from _fields(_decoded(member, inside), member)
            elif member.endswith(".h5"):
                yield from _arrays(member, inside)
            else:
                yield member, hashlib.sha256(inside).hexdigest()


def _arrays(member: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Every array of an HDF5 file with its shape and the sum of its bits; the file itself says when it was written."""
    import h5py

    found: list[tuple[str, str]] = []

    def take(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset):
            array = node[()]
            found.append(
                (f"{member}:{name}", f"{node.dtype}{node.shape} {hashlib.sha256(array.tobytes()).hexdigest()}")
            )

    with tempfile.NamedTemporaryFile(suffix=".h5") as file:
        Path(file.name).write_bytes(content)
        with h5py.File(file.name, "r") as opened:
            opened.visititems(take)
    yield from found
