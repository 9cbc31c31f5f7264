"""The archive of daily and monthly files: each fetched once, verified, and kept with its published checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from filelock import FileLock

from crypto_assets.binance.archive_paths import CHECKSUM_SUFFIX, ArchiveFile
from crypto_assets.binance.http import Http
from crypto_assets.errors import BadPayload, ChecksumMismatch, ConfigurationError, LakeError

EVIDENCE_FOLDER = "_evidence"
UNSIGNED = "published without a checksum"
_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)\s*")


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A verified zip on this machine."""

    path: Path
    file: ArchiveFile
    sha256: str
    """Sum of the zip's bytes."""
    published_sha256: str | None
    """Sum published beside it; None where none is."""
    received_at: datetime
    """When these bytes were downloaded; later calls that find them here say the same."""
    accepted_mismatch: bool = False
    """Whether the sums differ and the file is on the list of accepted ones."""

    @property
    def remark(self) -> str:
        """What a person should know about the file's verification; empty where it is as it should be."""
        if self.accepted_mismatch:
            return f"sha256 {self.sha256} accepted although {self.published_sha256} is published"
        return UNSIGNED if self.published_sha256 is None else ""


class _Record(msgspec.Struct, frozen=True):
    """What is remembered beside a zip, as JSON."""

    sha256: str
    published_sha256: str | None
    received_at: datetime


class ArchiveClient:
    """Reads an archive laid out as `<base_url>/data/…`, at an `https://`, `http://` or `file://` address.

    Zips and their `.CHECKSUM` lie in `downloads` under the archive's own paths. Names in `accept_checksum_mismatch`,
    such as `BTCUSDT-1s-2022-09-01.zip`, are used although their published checksum is wrong, as some are for good.
    """

    def __init__(
        self,
        base_url: str,
        *,
        downloads: Path,
        accept_checksum_mismatch: frozenset[str] = frozenset(),
        http: Http | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if not base_url.startswith(("https://", "http://", "file:///")):
            raise ConfigurationError(
                f"{base_url!r} is no address of an archive: give https://…, http://… or file:///…/folder"
            )
        self._base_url = base_url.rstrip("/")
        self._downloads = downloads
        self._accepted = accept_checksum_mismatch
        self._http = http or Http()
        self._now = now

    def published(self, file: ArchiveFile) -> str | None:
        """What is published now: the sha256 that the `.CHECKSUM` gives, or None where there is no such file (yet).

        A zip without a `.CHECKSUM` is told by the words "published without a checksum" in its place. Raises BadPayload
        for a checksum that is none, or another file's.
        """
        published, _ = self._checksum(file)
        return published or (UNSIGNED if self._http.exists(self._url_of(file)) else None)

    def fetch(self, file: ArchiveFile) -> FetchedFile | None:
        """The zip, downloaded unless what is here is what is published; None where nothing is.

        Raises ChecksumMismatch when a second, fresh download differs from the published sum too (the bytes are kept
        as evidence), BadPayload for a checksum that is none or another file's, Unavailable, Blocked or RateLimited
        from the way there, and LakeError when this machine cannot keep the file.
        """
        target = self._downloads / file.path
        with _explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_name(f".{target.name}.lock")):
                return self._fetch(file, target)

    def _fetch(self, file: ArchiveFile, target: Path) -> FetchedFile | None:
        published, text = self._checksum(file)
        held = self._held(file, target, published)
        if held is not None:
            return held
        part = target.with_name(f".{target.name}.part")
        # Of a file whose sum is wrong or missing, nothing could tell whether an old beginning belongs to it.
        has_checksum = published is not None and file.name not in self._accepted
        if not self._http.download(self._url_of(file), part, has_checksum=has_checksum):
            return None
        actual = _sha256(part)
        if published is not None and actual != published and file.name not in self._accepted:
            part.unlink()
            published, text = self._checksum(file)  # it may have been published anew in between
            if not self._http.download(self._url_of(file), part, has_checksum=published is not None):
                return None
            actual = _sha256(part)
            if published is not None and actual != published:
                raise self._mismatch(file, part, text=text, expected=published, actual=actual)
        return self._keep(file, target, part, text=text, published=published, actual=actual)

    def _url_of(self, file: ArchiveFile) -> str:
        return f"{self._base_url}/{file.path}"

    def _checksum(self, file: ArchiveFile) -> tuple[str | None, bytes]:
        """The published sum, None where there is no checksum, and the bytes it was read from."""
        body = self._http.find(f"{self._url_of(file)}{CHECKSUM_SUFFIX}")
        return (None, b"") if body is None else (self._read_checksum(body, file), body)

    def _read_checksum(self, body: bytes, file: ArchiveFile) -> str:
        text = body[:4096].decode(errors="replace")
        match = _CHECKSUM.fullmatch(text)
        if match is None:
            raise BadPayload(f"{file.checksum_name} is not a checksum: {text[:80]!r}")
        if match[2] != file.name and file.name not in self._accepted:
            raise BadPayload(f"{file.checksum_name} is the checksum of another file, {match[2]}")
        return match[1].lower()

    def _held(self, file: ArchiveFile, target: Path, published: str | None) -> FetchedFile | None:
        """The zip already here, if it is what is published; without a checksum nothing can tell."""
        record = _read_record(target)
        if published is None or record is None or record.published_sha256 != published:
            return None
        accepted = record.sha256 != published
        if (accepted and file.name not in self._accepted) or _sha256(target) != record.sha256:
            return None
        return FetchedFile(target, file, record.sha256, published, record.received_at, accepted_mismatch=accepted)

    def _keep(
        self, file: ArchiveFile, target: Path, part: Path, *, text: bytes, published: str | None, actual: str
    ) -> FetchedFile:
        before = _read_record(target)
        received_at = before.received_at if before and before.sha256 == actual else self._now()
        checksum = target.with_name(file.checksum_name)
        if text:
            checksum.write_bytes(text)
        else:
            checksum.unlink(missing_ok=True)
        part.replace(target)
        # Written last: without it, or with one of another sum, the zip beside it is downloaded again.
        _record_path(target).write_bytes(msgspec.json.encode(_Record(actual, published, received_at)))
        accepted = published is not None and actual != published
        return FetchedFile(target, file, actual, published, received_at, accepted_mismatch=accepted)

    def _mismatch(self, file: ArchiveFile, part: Path, *, text: bytes, expected: str, actual: str) -> ChecksumMismatch:
        evidence = self._downloads / EVIDENCE_FOLDER / f"{file.path.removesuffix('.zip')}.{actual[:12]}.zip"
        evidence.parent.mkdir(parents=True, exist_ok=True)
        part.replace(evidence)
        evidence.with_name(evidence.name + CHECKSUM_SUFFIX).write_bytes(text)
        return ChecksumMismatch(
            f"{file.name}: two downloads in a row have sha256 {actual}, but {expected} is published. The bytes are "
            f"kept as {evidence}. To use them all the same, add {file.name} to ACCEPT_CHECKSUM_MISMATCH.",
            expected=expected,
            actual=actual,
        )


def _record_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.json")


def _read_record(target: Path) -> _Record | None:
    if not target.exists():
        return None
    try:
        return msgspec.json.decode(_record_path(target).read_bytes(), type=_Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _explained(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        advice = "Free space or change permissions, or set DATA_DIR elsewhere."
        raise LakeError(f"Cannot keep {target}: {error.strerror or error}. {advice}") from error
