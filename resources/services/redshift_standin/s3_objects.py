"""Objects on S3 that a COPY names: a manifest's files or all keys with a prefix, and S3's errors as Redshift's."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from pyarrow import fs

from crypto_assets.endpoints import S3Endpoint
from resources.services.redshift_standin.refusals import Explanation, LoadRefusal
from resources.services.redshift_standin.statements import CopyCommand

LARGEST_MANIFEST = 64 << 20
CODE_S3 = 15_001
CODE_MANIFEST = 8_001


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object to load."""

    path: str
    """Bucket and key."""
    size: int

    @property
    def uri(self) -> str:
        """As SQL and manifests name it."""
        return f"s3://{self.path}"


class _Meta(msgspec.Struct, frozen=True):
    content_length: int | None = None


class _Entry(msgspec.Struct, frozen=True):
    url: str
    mandatory: bool = False
    meta: _Meta = _Meta()


class _Manifest(msgspec.Struct, frozen=True):
    entries: tuple[_Entry, ...]


def connect(store: S3Endpoint) -> fs.S3FileSystem:
    """A client of the server that holds the objects."""
    parts = urlsplit(store.url or "")
    return fs.S3FileSystem(
        access_key=store.access_key,
        secret_key=store.secret_key,
        endpoint_override=parts.netloc or None,
        scheme=parts.scheme or "https",
        region=store.region,
        connect_timeout=10,
        request_timeout=60,
        background_writes=False,
    )


def find_objects(client: fs.S3FileSystem, command: CopyCommand) -> list[S3Object]:
    """The objects, in their order; raises LoadRefusal where they are not all there, or not as the manifest says."""
    if command.has_manifest:
        return _of_manifest(client, f"{command.bucket}/{command.key}")
    path = f"{command.bucket}/{command.key}"
    folder = path.rpartition("/")[0]
    with s3_errors(command.uri):
        listed = _files(client, fs.FileSelector(folder, allow_not_found=True, recursive=True))
        found = [info for info in listed if info.path.startswith(path)]
    if not found:
        raise _refused(command.uri, f"The specified S3 prefix '{command.key}' does not exist", code=CODE_S3)
    return [S3Object(info.path, info.size or 0) for info in sorted(found, key=lambda info: info.path)]


def _of_manifest(client: fs.S3FileSystem, path: str) -> list[S3Object]:
    uri = f"s3://{path}"
    with s3_errors(uri), client.open_input_file(path) as file:
        raw = file.read(LARGEST_MANIFEST)
    try:
        entries = msgspec.json.decode(raw, type=_Manifest).entries
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _refused(uri, f"Invalid JSON manifest: {error}", code=CODE_MANIFEST) from error
    if not entries:
        raise _refused(uri, "The manifest has no entries", code=CODE_MANIFEST)
    return [each for entry in entries if (each := _of_entry(client, entry)) is not None]


def _of_entry(client: fs.S3FileSystem, entry: _Entry) -> S3Object | None:
    """The object of an entry; None where it is missing and not mandatory."""
    if not entry.url.startswith("s3://"):
        raise _refused(entry.url, "A manifest's url begins with s3://", code=CODE_MANIFEST)
    if entry.meta.content_length is None:
        reason = "The manifest lacks meta.content_length, which columnar formats need"
        raise _refused(entry.url, reason, code=CODE_MANIFEST)
    path = entry.url.removeprefix("s3://")
    with s3_errors(entry.url):
        (info,) = _files(client, [path])
    if info.type is not fs.FileType.File:
        if not entry.mandatory:
            return None
        raise _refused(entry.url, _not_found(), code=CODE_S3)
    if info.size != entry.meta.content_length:
        reason = f"The file has {info.size} bytes, the manifest's content_length is {entry.meta.content_length}"
        raise _refused(entry.url, reason, code=CODE_MANIFEST)
    return S3Object(path, entry.meta.content_length)


def _files(client: fs.S3FileSystem, asked: fs.FileSelector | Sequence[str]) -> list[fs.FileInfo]:
    infos: list[fs.FileInfo] = client.get_file_info(asked)
    return [info for info in infos if info.type is not fs.FileType.Directory or not isinstance(asked, fs.FileSelector)]


@contextmanager
def s3_errors(uri: str) -> Generator[None]:
    """Turns what S3 answers into what Redshift tells of it."""
    try:
        yield
    except FileNotFoundError as error:
        raise _refused(uri, _not_found(), code=CODE_S3) from error
    except OSError as error:
        text = str(error)
        if "ACCESS_DENIED" in text or "HTTP status 403" in text:
            raise _refused(
                uri, "S3ServiceException:Access Denied,Status 403,Error AccessDenied", code=CODE_S3
            ) from error
        if "SLOW_DOWN" in text or "HTTP status 503" in text:
            reason = "S3ServiceException:Please reduce your request rate.,Status 503,Error SlowDown"
            raise _refused(uri, reason, code=CODE_S3) from error
        raise _refused(uri, f"S3ServiceException:{text}", code=CODE_S3) from error


def _not_found() -> str:
    return "S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey"


def _refused(uri: str, reason: str, *, code: int) -> LoadRefusal:
    return LoadRefusal(reason, Explanation(uri, reason, code=code), detail=f"File: {uri}")
