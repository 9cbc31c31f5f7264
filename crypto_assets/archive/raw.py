"""The raw zone: verified zips of one-second candles with their checksums, a folder a day of a symbol."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import msgspec

from crypto_assets.archive.monthly import split_month
from crypto_assets.binance.archive import ArchiveClient, FetchedFile
from crypto_assets.binance.archive_paths import ArchiveFile, month_of
from crypto_assets.errors import BadPayload, InputIncomplete, LakeError, NothingOfDay
from crypto_assets.lake.files import Files

NAME = "raw_klines_1s"
TIMEFRAME = "1s"
RECORD = "_origin.json"


class Origin(msgspec.Struct, frozen=True):
    """Where a day's zip came from, kept beside it as JSON."""

    sha256: str
    """Sum of the zip that lies there."""
    bytes: int
    path: str
    """The archive's file that it was, or that it was a part of."""
    published_sha256: str | None
    """Sum published beside that file; None where none is."""
    received_at: datetime
    remark: str = ""
    """What a person should know of the verification; empty where all is as it should be."""


@dataclass(frozen=True, slots=True)
class RawDay:
    """A day as it lies in the raw zone now."""

    uri: str
    origin: Origin
    changed: bool
    downloaded: bool
    """Whether the archive was asked for more than a checksum."""
    remark: str = ""


def file_of(symbol: str, day: date) -> ArchiveFile:
    """The archive's daily file."""
    return ArchiveFile.spot_klines(symbol, TIMEFRAME, day)


def folder_of(symbol: str, day: date) -> str:
    """Folder of a day, relative to the lake."""
    return f"raw/klines_1s/symbol={symbol}/date={day}"


def path_of(symbol: str, day: date) -> str:
    """The day's zip, relative to the lake."""
    return f"{folder_of(symbol, day)}/{file_of(symbol, day).name}"


def _beside(symbol: str, day: date, sha256: str) -> str:
    """Where a zip lies that replaces another one, from before the record names it until it has taken its place."""
    return f"{folder_of(symbol, day)}/_{sha256}.zip"


def read_origin(files: Files, symbol: str, day: date) -> Origin | None:
    """The record of a day; None where it was never published whole."""
    raw = files.read(f"{folder_of(symbol, day)}/{RECORD}")
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Origin)
    except msgspec.DecodeError:
        return None  # it is written anew, as if it was not there


def read_zip(files: Files, symbol: str, day: date) -> tuple[bytes, Origin] | None:
    """A day's zip and its record; None where it was never published whole.

    Where the day is published anew meanwhile, or that was cut short, it is the former zip or the new one. Raises
    LakeError where the zip is not the one that was published.
    """
    origin, latest, content = None, read_origin(files, symbol, day), None
    while latest is not None and latest != origin:
        origin = latest
        # A zip that is no longer beside lies under its own name, even if it did not a moment ago.
        for path in (path_of(symbol, day), _beside(symbol, day, origin.sha256), path_of(symbol, day)):
            content = files.read(path)
            if content is not None and hashlib.sha256(content).hexdigest() == origin.sha256:
                return content, origin
        latest = read_origin(files, symbol, day)
    if latest is None or content is None:
        return None
    raise LakeError(
        f"{files.uri_of(path_of(symbol, day))} has sha256 {hashlib.sha256(content).hexdigest()}, but {latest.sha256} "
        f"was published: the file was changed since. Materialise {NAME} of {day} {symbol} again."
    )


class RawDays:
    """Publishes days of a run. A month that the run covers whole is downloaded as one file, and split."""

    def __init__(
        self,
        files: Files,
        archive: ArchiveClient,
        *,
        wanted: Iterable[tuple[str, date]],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`tell` gets a line at each step of a month: it is some 100 MB, and minutes pass before its first day."""
        self._files = files
        self._archive = archive
        self._tell = tell
        self._wanted = frozenset(wanted)
        self._published: dict[ArchiveFile, str | None] = {}
        self._absent: set[ArchiveFile] = set()
        self._split: tuple[FetchedFile, dict[date, bytes]] | None = None
        """The month that was split last, and its days."""

    def write(self, symbol: str, day: date) -> RawDay:
        """Make the day what the archive publishes; nothing is written where it is so already.

        A zip whose file is no longer published stays. Raises InputIncomplete where neither the day nor its month is
        published yet, NothingOfDay where the month is and has no candle of the day, and what `ArchiveClient.fetch`
        raises.
        """
        held = self._held(symbol, day)
        if held is not None:
            now = self._sum_published(held.path)
            if now is None:
                return self._unchanged(symbol, day, held, f"{held.path} is no longer published; the copy here stays.")
            if now == held.published_sha256:
                return self._unchanged(symbol, day, held, held.remark)
        daily, monthly = file_of(symbol, day), ArchiveFile.spot_klines(symbol, TIMEFRAME, month_of(day))
        roads = (self._from_month, self._from_day) if self._is_whole(monthly) else (self._from_day, self._from_month)
        for road in roads:
            found = road(daily, monthly)
            if found is not None:
                return self._publish(symbol, day, *found)
        if monthly not in self._absent:
            raise NothingOfDay(
                f"{NAME} {day} {symbol}: {monthly.name} is published and has no candle of this day: most often the "
                "symbol was halted, delisted or not listed yet. Nothing can be landed for the day: leave it out of the "
                "backfill. Nothing was changed."
            )
        raise InputIncomplete(
            f"{NAME} {day} {symbol}: the archive publishes neither {daily.name} nor {monthly.name}. A day appears some "
            "hours after its end, and none from before the symbol was listed. Nothing was changed; try again later."
        )

    def _held(self, symbol: str, day: date) -> Origin | None:
        try:
            found = read_zip(self._files, symbol, day)
        except LakeError:
            return None  # damaged: the archive's own is put in its place
        if found is None:
            return None
        content, origin = found
        checksum_path, checksum = _checksum_of(symbol, day, origin)
        if self._files.read(checksum_path) != checksum:
            self._put(symbol, day, content, origin)
        return origin

    def _sum_published(self, path: str) -> str | None:
        file = ArchiveFile.parse(path)
        if file is None:
            return None
        if file not in self._published:
            self._published[file] = self._archive.published(file)
        return self._published[file]

    def _is_whole(self, monthly: ArchiveFile) -> bool:
        return all((monthly.symbol, day) in self._wanted for day in _days_of(monthly))

    def _from_day(self, daily: ArchiveFile, _: ArchiveFile) -> tuple[bytes, FetchedFile] | None:
        fetched = self._archive.fetch(daily)
        return None if fetched is None else (fetched.path.read_bytes(), fetched)

    def _from_month(self, daily: ArchiveFile, monthly: ArchiveFile) -> tuple[bytes, FetchedFile] | None:
        if monthly in self._absent:
            return None
        if self._split is None or self._split[0].file != monthly:
            self._tell(f"{NAME} asks for {monthly.name}, once for all of its days in this run")
            fetched = self._archive.fetch(monthly)
            if fetched is None:
                self._tell(f"{NAME} {monthly.name} is not published; its days are taken one by one")
                self._absent.add(monthly)
                return None
            days = [day for day in _days_of(monthly) if (monthly.symbol, day) in self._wanted]
            self._tell(f"{NAME} splits {monthly.name}, {fetched.path.stat().st_size:,} bytes, into {len(days)} days")
            self._split = fetched, split_month(fetched.path, monthly, days=days)
        whole, split = self._split
        content = split.get(daily.span.start.date())
        return None if content is None else (content, whole)

    def _publish(self, symbol: str, day: date, content: bytes, fetched: FetchedFile) -> RawDay:
        """Publish the zip of a day that is the file fetched, or a part of it."""
        if not content:
            raise BadPayload(f"{file_of(symbol, day).name} is empty")
        origin = Origin(
            sha256=hashlib.sha256(content).hexdigest(),
            bytes=len(content),
            path=fetched.file.path,
            published_sha256=fetched.published_sha256,
            received_at=fetched.received_at,
            remark=fetched.remark,
        )
        record_path, record = f"{folder_of(symbol, day)}/{RECORD}", msgspec.json.encode(origin)
        former = read_origin(self._files, symbol, day)
        if former is not None and former.sha256 != origin.sha256:
            # The former zip can be read until the record names the new one, and the new one from then on.
            self._files.publish(_beside(symbol, day, origin.sha256), content)
            self._files.publish(record_path, record)
        changed = self._put(symbol, day, content, origin)
        # Of a new day it is written last: without it the day counts as not there.
        self._files.publish(record_path, record)
        uri = self._files.uri_of(path_of(symbol, day))
        return RawDay(uri, origin, changed, downloaded=True, remark=origin.remark)

    def _put(self, symbol: str, day: date, content: bytes, origin: Origin) -> bool:
        """Lay the zip under its own name, in the place of a former one; False where it lay there already."""
        changed = self._files.publish(path_of(symbol, day), content)
        folder = folder_of(symbol, day)
        for name in self._files.names(folder):
            if name.startswith("_") and name.endswith(".zip"):
                self._files.remove(f"{folder}/{name}")
        # Written after all else: a checksum of another zip tells that this was cut short.
        self._files.publish(*_checksum_of(symbol, day, origin))
        return changed

    def _unchanged(self, symbol: str, day: date, held: Origin, remark: str) -> RawDay:
        uri = self._files.uri_of(path_of(symbol, day))
        return RawDay(uri, held, changed=False, downloaded=False, remark=remark)


def _checksum_of(symbol: str, day: date, origin: Origin) -> tuple[str, bytes]:
    """The file beside the zip that tells its sum, as the archive has one: path and content."""
    file = file_of(symbol, day)
    return f"{folder_of(symbol, day)}/{file.checksum_name}", f"{origin.sha256}  {file.name}\n".encode()


def _days_of(monthly: ArchiveFile) -> list[date]:
    first, end = monthly.span.start.date(), monthly.span.end.date()
    return [first + timedelta(days=n) for n in range((end - first).days)]
