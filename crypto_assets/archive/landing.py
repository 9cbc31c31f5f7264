"""The landing zone on HDFS: files that appear whole under their name, and are read back before they do."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from threading import Event
from urllib.parse import urlsplit
from uuid import uuid4

from hdfs_native import Client, FileStatus, WriteOptions

from crypto_assets.archive.raw import file_of
from crypto_assets.archive.time_limit import GivenUp, within
from crypto_assets.errors import ConfigurationError, CryptoAssetsError, LakeError, ServiceUnavailable

NAME = "hdfs_klines_1s"
SCHEMES = ("hdfs", "viewfs")
TIME_LIMIT_S = 90.0
"""For a call: the client itself would wait for ever for a node that is frozen or cut off."""
SLOWEST = 1 << 20
"""Bytes a second that a write is given time for besides."""

_CONFIGURATION = {"dfs.client.failover.max.attempts": "3"}  # its default of 15 says after 3 minutes that nobody listens
_REMOTE = re.compile(r'RPCError\("(?P<kind>[\w.$]+)", "(?P<text>.*?)(?:\\n\\tat |"\))', re.DOTALL)
_OWN = re.compile(r'\w+\("(?P<text>.*)"\)', re.DOTALL)
"""How the client words what it found itself."""
_NODES = re.compile(r'ip_addr: \\?"([\d.]+)\\?".*?xfer_port: (\d+)')
"""DataNodes in what the client says once it has asked all of them for a block."""
_QUOTAS = ("DSQuotaExceededException", "NSQuotaExceededException", "QuotaByStorageTypeExceededException")
_IN_THE_WAY = "A file stands where a folder is needed, or a folder in the file's place: move it."
_NOT_ALLOWED = "This user may not write there: change its permissions or set HADOOP_USER_NAME."
_LOST = "A DataNode or the NameNode was lost, or cannot be reached: `make status` shows ours."


@dataclass(frozen=True, slots=True)
class Landed:
    """A file as it lies in the landing zone."""

    uri: str
    bytes: int
    sha256: str
    """Of the bytes as they were read back from the DataNodes."""
    replication: int
    changed: bool
    """False where exactly this lay there before."""


def path_of(symbol: str, day: date) -> str:
    """Where a day's zip lands, relative to the landing zone."""
    return f"klines_1s/symbol={symbol}/date={day}/{file_of(symbol, day).name}"


class Landing:
    """Files below one URI of HDFS, `hdfs://namenode:port/folder`.

    A write goes to a name that begins with a full stop, which Hive and Spark do not read, is closed, read back and
    compared by SHA-256, and only then renamed, in one step of the NameNode. HDFS's own file checksum would not do
    here: it depends on block and chunk size, so that it can be compared with a file on HDFS only, not with the sum that
    the archive publishes. Reading back proves more: each chunk's CRC is verified on the way, by DataNode and client.

    Each call connects anew: a connection that lasts does not notice that the NameNode was restarted. One that takes
    longer than `time_limit_s`, and a second for each `SLOWEST` bytes, is given up.

    All methods raise ServiceUnavailable where trying again may help, LakeError where somebody has to act first.
    """

    def __init__(self, uri: str, *, replication: int | None = None, time_limit_s: float = TIME_LIMIT_S) -> None:
        parts = urlsplit(uri)
        if parts.scheme not in SCHEMES or not parts.netloc:
            raise ConfigurationError(
                f"LANDING_URI={uri} is no address on HDFS: give hdfs://namenode:port/folder, or hdfs://nameservice/folder"
                " where HADOOP_CONF_DIR explains the nameservice. Unset, an embedded HDFS is used."
            )
        if replication is not None and replication < 1:
            raise ConfigurationError(f"A replication of {replication} keeps no copy: give 1 or more.")
        self.uri = uri.rstrip("/")
        self._server = f"{parts.scheme}://{parts.netloc}"
        self._root = parts.path.rstrip("/")
        self._replication = replication
        self._time_limit_s = time_limit_s

    def uri_of(self, path: str) -> str:
        """Full URI of a path below the landing zone."""
        return f"{self.uri}/{path}"

    def read(self, path: str) -> bytes | None:
        """Content of a file, verified chunk by chunk; None where it does not exist."""
        with self._explained("read", path):
            return self._within(lambda files: files.read(self._place(path)))

    def land(self, path: str, content: bytes) -> Landed:
        """Make `content` the file's content at once for every reader; nothing is sent where it is so already.

        The replication is brought to the one asked for in either case. A write that fails or is killed leaves the
        former file, and at most a temporary one, which the next write of the file deletes.
        """
        with self._explained("write", path):
            return self._within(
                lambda files: files.land(self._place(path), content, replication=self._replication), size=len(content)
            )

    def _within[T](self, work: Callable[[_Files], T], *, size: int = 0) -> T:
        def connected(abandoned: Event) -> T:
            return work(_Files(Client(self._server, _CONFIGURATION), abandoned))

        limit_s = self._time_limit_s + size / SLOWEST
        try:
            return within(limit_s, connected)
        except GivenUp:
            raise TimeoutError(f"HDFS did not answer within {limit_s:.0f} s") from None

    def _place(self, path: str) -> _Place:
        return _Place(self.uri_of(path), f"{self._root}/{path}")

    @contextmanager
    def _explained(self, verb: str, path: str) -> Generator[None]:
        """Turn what HDFS or the way to it says into a sentence with what to do."""
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            raise explain(error, what=f"Cannot {verb} {self.uri_of(path)}") from error


@dataclass(frozen=True, slots=True)
class _Place:
    uri: str
    full: str
    """Path on its file system."""


class _Files:
    """One call's connection to a NameNode."""

    def __init__(self, client: Client, abandoned: Event) -> None:
        self._client = client
        self._abandoned = abandoned

    def read(self, place: _Place) -> bytes | None:
        return None if self._status(place) is None else self._client.read(place.full).read()

    def land(self, place: _Place, content: bytes, *, replication: int | None) -> Landed:
        sha256 = hashlib.sha256(content).hexdigest()
        status = self._status(place)
        changed = status is None or status.length != len(content) or not self._holds(place, content)
        if changed:
            self._write(place, content, sha256, replication)
            status = self._client.get_file_info(place.full)
        assert status is not None
        kept = status.replication or 0
        if replication is not None and kept != replication:
            self._client.set_replication(place.full, replication)
            kept = replication
        return Landed(place.uri, len(content), sha256, kept, changed)

    def _status(self, place: _Place) -> FileStatus | None:
        try:
            status = self._client.get_file_info(place.full)
        except FileNotFoundError:
            return None
        if status.isdir:
            raise _in_the_way(place.uri)
        return status

    def _holds(self, place: _Place, content: bytes) -> bool:
        try:
            return self._client.read(place.full).read() == content
        except (OSError, RuntimeError):
            return False  # its blocks cannot be read: it is written anew

    def _write(self, place: _Place, content: bytes, sha256: str, replication: int | None) -> None:
        folder, _, name = place.full.rpartition("/")
        self._client.mkdirs(folder, create_parent=True)
        for abandoned in list(self._temporaries(folder, name)):
            self._client.delete(abandoned)
        temporary = f"{folder}/.{name}.{uuid4().hex[:8]}.tmp"
        try:
            with self._client.create(temporary, WriteOptions(replication=replication)) as file:
                file.write(content)
            actual = hashlib.sha256(self._client.read(temporary).read()).hexdigest()
            if actual != sha256:
                raise ServiceUnavailable(
                    f"{place.uri}: {sha256} was sent, but HDFS gives {actual} back. The former file stays; a disk of a "
                    "DataNode may be failing."
                )
            if self._abandoned.is_set():
                raise TimeoutError("given up meanwhile")  # what was told as failed does not appear afterwards
            self._client.rename(temporary, place.full, overwrite=True)
        except BaseException:
            self._forget(temporary)
            raise

    def _temporaries(self, folder: str, name: str) -> Iterator[str]:
        for status in self._client.list_status(folder):
            found = status.path.rpartition("/")[2]
            if found.startswith(f".{name}.") and found.endswith(".tmp"):
                yield f"{folder}/{found}"

    def _forget(self, temporary: str) -> None:
        """Delete a temporary file, if HDFS lets us; else the next write of the same file does."""
        try:
            self._client.delete(temporary)
        except (OSError, RuntimeError):
            return


def explain(error: Exception, *, what: str) -> CryptoAssetsError:
    """The project's own error of one that HDFS, or the way to it, gave; `what` could not be done."""
    text = str(error)
    match = _REMOTE.search(text)
    kind = match["kind"].rpartition(".")[2] if match else ""
    words = match or _OWN.fullmatch(text)
    said = re.split(r"\n|\\n", words["text"] if words else text, maxsplit=1)[0].strip().rstrip(".")
    if asked := _NODES.findall(said):
        nodes = ", ".join(":".join(node) for node in asked)
        return ServiceUnavailable(
            f"{what}: no DataNode gives a block of it whole; asked: {nodes}. Each is down, or holds bytes that do not "
            f"fit their checksum. Materialise {NAME} of the day again: it writes the file anew."
        )
    begin = f"{what}: {said or type(error).__name__}. What was there stays as it was."
    if kind:
        return _refused(kind, said, begin=begin)
    if isinstance(error, FileExistsError):
        return LakeError(f"{begin} {_IN_THE_WAY}")
    if isinstance(error, PermissionError):
        return LakeError(f"{begin} {_NOT_ALLOWED}")
    return ServiceUnavailable(f"{begin} {_LOST}")


def _refused(kind: str, said: str, *, begin: str) -> CryptoAssetsError:
    """The error of an exception that the NameNode sent, by the name of its class."""
    if kind in ("SafeModeException", "RetriableException", "StandbyException"):
        return ServiceUnavailable(
            f"{begin} A NameNode is in safe mode after its start until enough DataNodes have reported; where it was "
            "switched on by hand, `hdfs dfsadmin -safemode leave` ends it."
        )
    if kind in _QUOTAS:
        return LakeError(
            f"{begin} Delete what is no longer needed, raise the quota (`hdfs dfsadmin -setSpaceQuota`, `-setQuota`), "
            "or point LANDING_URI elsewhere. A block counts whole, times its replication, while it is written."
        )
    if kind in ("ParentNotDirectoryException", "FileAlreadyExistsException"):
        return LakeError(f"{begin} {_IN_THE_WAY}")
    if kind == "AccessControlException":
        return LakeError(f"{begin} {_NOT_ALLOWED}")
    if kind == "IOException" and "could only be written to 0" in said:
        return ServiceUnavailable(f"{begin} No DataNode is alive with room for a block: see `hdfs dfsadmin -report`.")
    return ServiceUnavailable(f"{begin} {_LOST}")


def _in_the_way(uri: str) -> LakeError:
    return LakeError(f"{uri} is a folder, where the file of a day belongs. Move it, or point LANDING_URI elsewhere.")
