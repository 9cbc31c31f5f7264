"""Files of the lake on any filesystem that fsspec knows: a write is whole or it is not there."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import botocore.exceptions as botocore
import fsspec
from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem

from crypto_assets.errors import ConfigurationError, LakeBusy, LakeError
from crypto_assets.identifiers import shown

_HDFS = ("hdfs://", "viewfs://")
_TEMPORARY = re.compile(r"^\.(?P<name>.+)\.(?P<pid>\d+)-[0-9a-f]{8}\.tmp$")

_ADVICE = {
    errno.ENOSPC: "The disk is full: free space, or point LAKE_URI elsewhere.",
    errno.EDQUOT: "The disk quota is used up: free space, or point LAKE_URI elsewhere.",
    errno.EFBIG: "The file is larger than this process may write.",
    errno.EACCES: "This user may not write there: change its permissions, or point LAKE_URI elsewhere.",
    errno.EPERM: "This user may not write there: change its permissions, or point LAKE_URI elsewhere.",
    errno.EROFS: "The filesystem is read-only: point LAKE_URI elsewhere.",
    errno.ENOENT: "Create the bucket or folder first, or point LAKE_URI elsewhere.",
    errno.ENOTDIR: "A file stands where a folder is needed: point LAKE_URI at a folder.",
}


def filesystem_of(uri: str, **options: Any) -> tuple[Any, str]:
    """fsspec's filesystem of a URI, and the path on it; raises ConfigurationError where its package is missing."""
    # fsspec empties its cache in each forked child. The end of a client of HDFS waits there for threads that only the
    # parent has: neither the child nor the parent, which waits to hear of it, would ever go on.
    own = {"skip_instance_cache": True} if uri.startswith(_HDFS) else {}
    try:
        return fsspec.core.url_to_fs(uri, **options, **own)
    except ImportError as error:  # gs:// and others come with packages that the lock does not have
        raise ConfigurationError(
            f"{uri.partition('://')[0]}:// is read with a package that is not installed: {str(error).rstrip('.')}. Put "
            "it beside the project's own; docs/google-cloud.md says how for gs://."
        ) from error


@dataclass(frozen=True, slots=True)
class Listed:
    """A file as its store lists it."""

    path: str
    """Relative to the root."""
    bytes: int
    written_at: datetime
    """By the clock of the store."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file to be read in pieces."""

    file: BinaryIO
    bytes: int
    version: object
    """Equal for two openings of the same content; another one once the file was published anew."""


def checked_path(path: str) -> str:
    """The path itself; raises LakeError where it could name anything that does not lie below the root."""
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") or not part.isprintable() or "\\" in part for part in parts):
        raise LakeError(f"{shown(path)} is no path of the lake: nothing was read or written.")
    return path


class Files:
    """Reads and publishes whole files below one URI (a folder, `file://`, `s3://`, `hdfs://`, …)."""

    def __init__(
        self, uri: str, *, storage_options: Mapping[str, Any] | None = None, variable: str = "LAKE_URI"
    ) -> None:
        """`variable` is the one that says where the files lie, named where a person has to point it elsewhere."""
        if "://" not in uri:
            uri = str(Path(uri).expanduser().resolve())
        # What another process wrote must be seen at once, so that no listing is kept.
        self._hdfs = uri.startswith(_HDFS)
        keeps_listings = "://" in uri and not self._hdfs
        options = {**({"use_listings_cache": False} if keeps_listings else {}), **(storage_options or {})}
        self._fs, self._root = filesystem_of(uri, **options)
        self._local = isinstance(self._fs, LocalFileSystem)
        self.uri = uri.rstrip("/")
        self._variable = variable

    def uri_of(self, path: str) -> str:
        """Full URI of a path below the root."""
        return f"{self.uri}/{path}"

    def local_path(self, path: str) -> Path | None:
        """Path on this machine, or None where the files lie elsewhere."""
        return Path(self._root) / checked_path(path) if self._local else None

    def read(self, path: str) -> bytes | None:
        """Content of a file, or None where it does not exist; raises LakeError."""
        return self._found(path, self._fs.cat_file)

    def read_published(self, path: str, *, sha256: str, advice: str) -> bytes:
        """Content of a file that was published with this sum; where it is gone or another one, LakeError says so and
        ends with the advice."""
        content = self.read(path)
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            what = "is gone" if content is None else "is not the file that was published: its sha256 differs"
            raise LakeError(f"{self.uri_of(path)} {what}. {advice}")
        return content

    def read_end(self, path: str, most: int) -> bytes | None:
        """The last bytes of a file, at least `most` of them or all, or None where it does not exist."""
        return self._found(path, lambda full: self._fs.cat_file(full, start=-most))

    def open(self, path: str) -> Opened:
        """A file to be read in pieces; raises FileNotFoundError where it does not exist."""
        full = self._full(path)
        with self.explained("read", path):
            if self._local:
                local = Path(full).open("rb")  # noqa: SIM115  the caller closes it
                status = os.fstat(local.fileno())
                return Opened(local, status.st_size, (status.st_ino, status.st_mtime_ns))
            remote = self._fs.open(full, "rb")
            details = getattr(remote, "details", None) or self._fs.info(full)
            version = details.get("ETag") or details.get("LastModified") or details.get("mtime")
            return Opened(remote, details["size"], version)

    def size(self, path: str) -> int | None:
        """Bytes of a file, or None where it does not exist."""
        return self._found(path, lambda full: self._fs.info(full)["size"])

    def written_at(self, path: str) -> datetime | None:
        """When a file was last written, by the clock of its store; None where it does not exist."""
        return self._found(path, lambda full: self._fs.modified(full).astimezone(UTC))

    def names(self, folder: str) -> list[str]:
        """Names of the files that `listed` lists, relative to the folder."""
        return [file.path.removeprefix(f"{folder}/") for file in self.listed(folder)]

    def listed(self, folder: str = "") -> list[Listed]:
        """All files below a folder with size and age, by path, hidden files and folders left out; empty where it does
        not exist."""
        full = self._full(folder).rstrip("/")
        with self.explained("list", folder):
            found = self._fs.find(full, detail=True) if self._fs.exists(full) else {}
        below = len(self._full(""))
        files = (Listed(name[below:], entry["size"], _moment(entry)) for name, entry in found.items())
        return sorted((f for f in files if not f.path.startswith(".") and "/." not in f.path), key=lambda f: f.path)

    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in a folder; empty where it does not exist."""
        with self.explained("list", folder):
            try:
                listed = self._fs.ls(self._full(folder), detail=True, refresh=True)
            except FileNotFoundError:
                return []
        return sorted(e["name"].rstrip("/").rpartition("/")[2] for e in listed if e["type"] == "directory")

    def publish(self, path: str, content: bytes) -> bool:
        """Make `content` the file's content at once for every reader; False where it was so already."""
        if self.size(path) == len(content) and self.read(path) == content:
            return False
        with self.explained("write", path):
            if self._local:
                self._publish_local(Path(self._full(path)), content)
            elif self._hdfs:
                self._publish_on_hdfs(self._full(path), content)
            else:
                self._fs.pipe_file(self._full(path), content)
        return True

    def remove(self, path: str) -> None:
        """Delete a file; one that does not exist is fine."""
        with self.explained("delete", path):
            try:
                self._fs.rm_file(self._full(path))
            except FileNotFoundError:
                return

    @contextmanager
    def alone(self, name: str, *, on_wait: Callable[[], None] | None = None) -> Generator[None]:
        """Hold a name alone, among the processes of this host that use the same URI; another one waits.

        One that has to wait is told so by `on_wait`.
        """
        root = self.local_path(".locks")
        if root is None:
            digest = hashlib.sha256(self.uri.encode()).hexdigest()[:16]
            root = Path(tempfile.gettempdir()) / f"crypto-assets-locks-{digest}"
        lock = FileLock(root / f"{checked_path(name).replace('/', '-')}.lock")
        with self.explained("write", ".locks"):
            root.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if on_wait:
                    on_wait()
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _full(self, path: str) -> str:
        return f"{self._root}/{checked_path(path)}"

    def _found[T](self, path: str, look: Callable[[str], T]) -> T | None:
        """What `look` finds at the full path of a file; None where it does not exist."""
        with self.explained("read", path):
            try:
                return look(self._full(path))
            except FileNotFoundError:
                return None

    def _publish_local(self, target: Path, content: bytes) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target)
        temporary = target.with_name(_temporary_name(target.name))
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def _publish_on_hdfs(self, target: str, content: bytes) -> None:
        """Written beside under a hidden name and renamed, which the NameNode does in one step."""
        folder, _, name = target.rpartition("/")
        self._fs.makedirs(folder, exist_ok=True)
        for found in self._fs.ls(folder, detail=False):
            if _TEMPORARY.match(found.rpartition("/")[2]) and found.rpartition("/")[2].startswith(f".{name}."):
                self._fs.rm_file(found)  # left by a writer that was killed; one that still writes fails and says so
        temporary = f"{folder}/{_temporary_name(name)}"
        try:
            self._fs.pipe_file(temporary, content)
            self._fs.mv(temporary, target, overwrite=True)
        except BaseException:
            with suppress(OSError, RuntimeError):  # what made the write fail is told
                self._fs.rm_file(temporary)
            raise

    @contextmanager
    def explained(self, verb: str, path: str) -> Generator[None]:
        """Turn an OSError of the block into a LakeError that says what could not be done and what to do."""
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and verb != "write":
                raise
            message = f"Cannot {verb} {self.uri_of(path)}: {error}. What was there stays as it was."
            if error.errno == errno.EBUSY:
                raise LakeBusy(f"{message} The store asks for fewer requests at once: try again later.") from error
            advice = _ADVICE.get(error.errno or 0, "Check LAKE_URI and the credentials of its store.")
            raise LakeError(f"{message} {advice.replace('LAKE_URI', self._variable)}") from error
        except (botocore.ConnectionError, botocore.HTTPClientError) as error:
            raise LakeBusy(
                f"Cannot {verb} {self.uri_of(path)}: {error}. What was there stays as it was. See that the store "
                "runs and that its address is right."
            ) from error
        except RuntimeError as error:
            if not self._hdfs:
                raise
            first_line = str(error).partition("\n")[0]
            raise LakeError(
                f"Cannot {verb} {self.uri_of(path)}: {first_line}. What was there stays as it was. See that the "
                "NameNode runs and that this user may write there."
            ) from error


def _moment(entry: Mapping[str, Any]) -> datetime:
    """When a file of a listing was written: S3 gives a datetime, HDFS milliseconds, a local disk seconds since 1970."""
    if "LastModified" in entry:
        return entry["LastModified"].astimezone(UTC)
    seconds = entry["mtime"] if "mtime" in entry else entry["modification_time"] / 1000
    return datetime.fromtimestamp(seconds, UTC)


def _temporary_name(name: str) -> str:
    return f".{name}.{os.getpid()}-{uuid4().hex[:8]}.tmp"


def _remove_abandoned(target: Path) -> None:
    """Delete temporary files of this target whose writer no longer lives."""
    for candidate in target.parent.glob(f".{target.name}.*.tmp"):
        match = _TEMPORARY.match(candidate.name)
        if match and not Path(f"/proc/{match['pid']}").exists() and Path("/proc").is_dir():
            candidate.unlink(missing_ok=True)
