"""The simulated archive: which files are published, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

from crypto_assets.binance.archive_paths import CHECKSUM_SUFFIX, ArchiveFile
from crypto_assets.simulator.archive_rows import archive_frames, columns_of, csv_lines, venue_of
from crypto_assets.simulator.built_files import BuiltFile, BuiltFiles
from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.content_faults import (
    apply_line_faults,
    apply_row_faults,
    empties,
    truncate_zip,
    visible_until,
)
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import (
    BadChecksum,
    ContentFault,
    ForeignChecksum,
    MissingDay,
    Target,
    describe_target,
)
from crypto_assets.simulator.market import Event
from crypto_assets.simulator.replies import http_date, not_found
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.zip_file import write_zip
from crypto_assets.spans import from_us, to_us


@dataclass(frozen=True, slots=True)
class _ContentKey:
    """What the bytes of a file depend on, besides the seed."""

    path: str
    faults: tuple[ContentFault, ...]
    events: tuple[Event, ...]


class _NoRows(Exception):
    """Raised while a file is built that has no row: such a file is never published."""


class Archive:
    """Serves `/data/**.zip` and `.zip.CHECKSUM`; what is not published is 404, in the form of an object store."""

    def __init__(
        self, data: SimulatedData, *, clock: Clock, faults: FaultBook, built: BuiltFiles, delay: timedelta
    ) -> None:
        self._data = data
        self._clock = clock
        self._faults = faults
        self._built = built
        self._delay = delay

    def routes(self) -> list[Route]:
        """The one address of the archive."""
        return [Route("/data/{rest:path}", self.answer, methods=["GET"])]

    def answer(self, request: Request) -> Response:
        """A zip, or the line with its checksum."""
        path = request.url.path.lstrip("/")
        file = ArchiveFile.parse(path.removesuffix(CHECKSUM_SUFFIX))
        target = describe_target(request.url.path)
        if file is None or not self._is_published(file) or self._faults.take(MissingDay, target):
            return not_found(path)
        faults = self._faults.content_faults(target, source="archive")
        key = _ContentKey(file.path, faults, self._faults.market_events())
        try:
            built = self._built.get(key, lambda where: self._build(file, faults, where))
        except _NoRows:
            return not_found(path)
        if path.endswith(CHECKSUM_SUFFIX):
            return self._checksum(file, target, built.sha256)
        if request.method == "GET" and request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
            self._faults.count_download(target)
        return file_reply(built, modified=published_at(file, delay=self._delay), media_type="application/zip")

    def _is_published(self, file: ArchiveFile) -> bool:
        venue = venue_of(file)
        if file.symbol not in self._data.symbols(venue) or not self._data.life(file.symbol, venue).overlaps(file.span):
            return False
        return published_at(file, delay=self._delay) <= from_us(self._clock.now_us())

    def _checksum(self, file: ArchiveFile, target: Target, sha256: str) -> Response:
        name = file.name
        if self._faults.take(ForeignChecksum, target):
            name = f"OTHER{name}"
        if self._faults.take(BadChecksum, target):
            sha256 = sha256[::-1]
        return PlainTextResponse(f"{sha256}  {name}\n")

    def _build(self, file: ArchiveFile, faults: Sequence[ContentFault], path: Path) -> None:
        columns = columns_of(file)
        until = visible_until(faults, file.span.start)

        def chunks() -> Iterator[bytes]:
            if columns.has_header(file) and not empties(faults):
                yield f"{columns.names}\n".encode()
            frames = (apply_row_faults(frame, faults) for frame in archive_frames(file, self._data))
            if until is not None:
                frames = (frame.filter(pl.col("time_us") < to_us(until)) for frame in frames)
            yield from apply_line_faults(_filled(csv_lines(file, frame) for frame in frames), faults)

        modified = published_at(file, delay=self._delay)
        write_zip(path, member=f"{Path(file.name).stem}.csv", chunks=chunks(), modified=modified)
        truncate_zip(path, faults)


def published_at(file: ArchiveFile, *, delay: timedelta) -> datetime:
    """When the file appears: `delay` after its day, a month's `delay` into the first Monday of the next month."""
    end = file.span.end
    if file.monthly:
        end += timedelta(days=-end.weekday() % 7)
    return end + delay


def file_reply(built: BuiltFile, *, modified: datetime, media_type: str) -> Response:
    """A file with an ETag of its content; ranges, also with If-Range, are honoured, so that a download can resume."""
    headers = {"ETag": f'"{built.sha256[:32]}"', "Last-Modified": http_date(modified)}
    return FileResponse(built.path, headers=headers, media_type=media_type)


def _filled(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts; raises _NoRows where none of them has a byte."""
    any_row = False
    for part in parts:
        any_row = any_row or bool(part)
        yield part
    if not any_row:
        raise _NoRows
