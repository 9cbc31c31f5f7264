"""Makes few files of many: what the flushes of a day wrote becomes one file, or one an hour."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec
import polars as pl
import pyarrow as pa

from crypto_assets.cleaning.deduplicate import SOURCES
from crypto_assets.convergence.delivery import content_version, row_hashes
from crypto_assets.convergence.work import LIVE, PartitionWork
from crypto_assets.lake.manifest import Part

ROW_GROUP = 131_072


def compact(work: PartitionWork) -> None:
    """Merge the live files of each folder, in the order of their rows. The rows stay, and so does the data version."""
    live = sorted((part for part in work.parts if part.source == LIVE), key=lambda part: _folder(part.path))
    for folder, found in groupby(live, key=lambda part: _folder(part.path)):
        parts = sorted(found, key=lambda part: (part.start or work.begin, part.path))
        if len(parts) > 1:
            work.replace(parts, _merged(work, folder, parts))


def keep_one_copy(work: PartitionWork, columns: Sequence[str]) -> None:
    """Drop rows that a more trusted source holds with the same values of these columns."""
    held: list[pl.Series] = []
    for source in sorted({part.source for part in work.parts}, key=SOURCES.index):
        parts = [part for part in work.parts if part.source == source]
        if held:
            parts = [kept for part in parts if (kept := _without(work, part, pl.concat(held), columns)) is not None]
        if parts:
            held.append(row_hashes(work.read(parts, columns)))


def _without(work: PartitionWork, part: Part, held: pl.Series, columns: Sequence[str]) -> Part | None:
    """The part, or what takes its place, less the rows whose hashes are held; None where nothing is left."""
    is_new = ~row_hashes(work.read([part], columns)).is_in(held.implode())
    if is_new.all():
        return part
    rows = work.read([part], work.dataset.schema.names).filter(is_new.to_arrow())
    work.duplicates += part.rows - rows.num_rows
    version = content_version(rows)
    path = f"{part.path.removesuffix('.parquet')}-{version[:8]}.parquet"
    left = _written(work, path, [rows], like=part, version=version) if rows.num_rows else None
    work.replace([part], left)
    return left


def _merged(work: PartitionWork, folder: str, parts: Sequence[Part]) -> Part:
    versions = tuple(sorted({version for part in parts for version in part.holds}))
    version = hashlib.sha256("\n".join(versions).encode()).hexdigest()
    tables = _gathered(work.read([part], work.dataset.schema.names) for part in parts)
    return _written(
        work, f"{folder}{LIVE}-{version[:16]}.parquet", tables, like=_spanning(parts), version=version, merged=versions
    )


def _written(
    work: PartitionWork,
    path: str,
    tables: Iterable[pa.Table],
    *,
    like: Part,
    version: str,
    merged: tuple[str, ...] = (),
) -> Part:
    rows, size = work.lake.write_file(work.dataset, work.symbol, work.day, path, tables)
    return Part(
        path=path,
        rows=rows,
        bytes=size,
        source=like.source,
        origin=path if like.source == LIVE else like.origin,  # a file that is delivered again replaces what is left
        version=version,
        exchange=like.exchange,
        start=like.start,
        last=like.last,
        merged=merged,
    )


def _spanning(parts: Sequence[Part]) -> Part:
    """A part from the first row of all to the last."""
    starts = [part.start for part in parts if part.start is not None]
    lasts = [part.last for part in parts if part.last is not None]
    return msgspec.structs.replace(parts[0], start=min(starts, default=None), last=max(lasts, default=None))


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows in tables of about ROW_GROUP: small row groups would compress badly."""
    waiting: list[pa.Table] = []
    for table in tables:
        waiting.append(table)
        if sum(one.num_rows for one in waiting) >= ROW_GROUP:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _folder(path: str) -> str:
    """`hour=00/` of a path in it; empty for a file directly in the day's folder."""
    return path[: path.rfind("/") + 1]
