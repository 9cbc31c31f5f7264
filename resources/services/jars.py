"""Jars that embedded services are made of: named and hashed in `jars/<group>.lock`, fetched once into Maven's cache."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock

from crypto_assets.errors import ServiceFailed

if TYPE_CHECKING:
    from jgo.maven import MavenContext

type Group = Literal["kafka", "spark", "s3a", "hdfs", "s3"]
type JarProgress = Callable[[int, int], None]
"""Called with the number of jars that are there, and of all."""

LOCKS = Path(__file__).with_name("jars")
DOWNLOADS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of a lock file, `group:artifact:version[:classifier] sha256`."""

    group: str
    artifact: str
    version: str
    sha256: str
    classifier: str = ""

    @property
    def path(self) -> Path:
        """Where it lies in a Maven repository."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        name = f"{self.artifact}-{self.version}{suffix}.jar"
        return Path(*self.group.split("."), self.artifact, self.version, name)


def fetch_jars(
    group: Group,
    *,
    cache: Path | None = None,
    progress: JarProgress = lambda *_: None,
    repositories: dict[str, str] | None = None,
) -> list[Path]:
    """The jars of a group, in the order of its lock; those that are not in the cache are downloaded first.

    `cache` is a folder laid out as a Maven repository, by default Maven's own (`M2_REPO`, `~/.m2/repository`);
    `repositories` are URLs by name, by default that of Maven Central. A jar with another SHA-256 than the lock's is
    never handed out: a cached one is fetched again. Raises ServiceFailed.
    """
    from jgo.constants import default_maven_repo

    cache = cache or default_maven_repo()
    jars = read_lock(group)
    missing = [jar for jar in jars if not _is_there(jar, cache)]
    if missing:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / ".crypto-assets.lock"):  # another program may be fetching the same ones
            missing = [jar for jar in missing if not _is_there(jar, cache)]
            _download(missing, cache, repositories, done=len(jars) - len(missing), progress=progress)
    return [cache / jar.path for jar in jars]


def read_lock(name: Group) -> list[Jar]:
    """The jars that a group's lock names."""
    lines = (LOCKS / f"{name}.lock").read_text(encoding="utf-8").splitlines()
    return [_parse(line) for line in lines]


def _parse(line: str) -> Jar:
    coordinates, sha256 = line.split()
    group, artifact, version, *classifier = coordinates.split(":")
    return Jar(group, artifact, version, sha256, *classifier)


def _is_there(jar: Jar, cache: Path) -> bool:
    path = cache / jar.path
    return path.is_file() and _sha256(path) == jar.sha256


def _download(
    jars: list[Jar], cache: Path, repositories: dict[str, str] | None, *, done: int, progress: JarProgress
) -> None:
    from jgo.maven import MavenContext, PythonResolver

    total = done + len(jars)
    with tempfile.TemporaryDirectory(prefix=".crypto-assets-", dir=cache) as folder, _pool() as pool:
        # On the cache's disk, so that a finished jar is moved in whole.
        context = MavenContext(
            resolver=PythonResolver(), repo_cache=Path(folder), remote_repos=repositories, timeout=30
        )
        for count, _ in enumerate(pool.map(lambda jar: _fetch(jar, context, cache), jars), done + 1):
            progress(count, total)


@contextmanager
def _pool() -> Generator[ThreadPoolExecutor]:
    """Threads that an error or a Ctrl-C keeps from beginning further downloads."""
    pool = ThreadPoolExecutor(DOWNLOADS_AT_ONCE)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _fetch(jar: Jar, context: MavenContext, cache: Path) -> None:
    import requests

    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    try:
        got = component.artifact(classifier=jar.classifier).resolve()
    except (requests.RequestException, RuntimeError) as error:  # jgo's own error for "in no repository"
        raise ServiceFailed(
            f"{jar.path.name} cannot be fetched: {error}\nWhat was fetched is kept in {cache}; run it again when the "
            "Maven repository can be reached."
        ) from error
    if (actual := _sha256(got)) != jar.sha256:
        raise ServiceFailed(
            f"{jar.path.name} has SHA-256 {actual}, not the {jar.sha256} of {LOCKS.name}; it is not used."
        )
    target = cache / jar.path
    target.parent.mkdir(parents=True, exist_ok=True)
    got.replace(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
