"""Jars come whole, once, and only as their lock knows them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crypto_assets.errors import ServiceFailed
from resources.services import jars
from resources.services.jars import fetch_jars, read_lock

NAMES = ("one", "two")


class Repository:
    """A Maven repository of two tiny jars on this machine; it counts what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.url = ""
        for name in NAMES:
            self.jar(name).parent.mkdir(parents=True)
            self.jar(name).write_text(f"the jar {name}")

    def jar(self, name: str) -> Path:
        return self.folder / "org" / "example" / name / "1.0" / f"{name}-1.0.jar"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    repository = Repository(tmp_path / "repository")
    sums = {name: hashlib.sha256(f"the jar {name}".encode()).hexdigest() for name in NAMES}
    lock = "".join(f"org.example:{name}:1.0 {sums[name]}\n" for name in NAMES)
    (tmp_path / "kafka.lock").write_text(lock)
    monkeypatch.setattr(jars, "LOCKS", tmp_path)

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            if self.path.endswith(".jar"):
                repository.asked.append(Path(self.path).stem.removesuffix("-1.0"))

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(repository.folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    repository.url = f"http://127.0.0.1:{server.server_port}"
    yield repository
    server.shutdown()
    server.server_close()


def fetch(repository: Repository, cache: Path, told: list[tuple[int, int]] | None = None) -> list[str]:
    progress = (lambda done, total: told.append((done, total))) if told is not None else (lambda *_: None)
    paths = fetch_jars("kafka", cache=cache, progress=progress, repositories={"here": repository.url})
    return [path.read_text() for path in paths]


def test_jars_are_fetched_once_and_progress_is_told(repository: Repository, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    assert fetch(repository, tmp_path / "cache", told) == ["the jar one", "the jar two"]
    assert fetch(repository, tmp_path / "cache", told) == ["the jar one", "the jar two"]
    assert sorted(repository.asked) == ["one", "two"]
    assert told == [(1, 2), (2, 2)]


def test_a_cached_jar_that_is_not_the_locks_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    fetch(repository, tmp_path / "cache")
    (tmp_path / "cache" / "org" / "example" / "two" / "1.0" / "two-1.0.jar").write_text("the j")
    told: list[tuple[int, int]] = []
    assert fetch(repository, tmp_path / "cache", told) == ["the jar one", "the jar two"]
    assert (repository.asked.count("one"), repository.asked.count("two")) == (1, 2)
    assert told == [(2, 2)]


def test_a_fetched_jar_that_is_not_the_locks_is_refused_and_not_kept(repository: Repository, tmp_path: Path) -> None:
    repository.jar("two").write_text("another jar")
    with pytest.raises(ServiceFailed, match=r"two-1\.0\.jar has SHA-256 .*it is not used"):
        fetch(repository, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*.jar")] == ["one-1.0.jar"]


def test_a_jar_that_no_repository_has_is_named_and_the_others_are_kept(repository: Repository, tmp_path: Path) -> None:
    repository.jar("two").unlink()
    with pytest.raises(ServiceFailed, match=r"two-1\.0\.jar cannot be fetched"):
        fetch(repository, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*.jar")] == ["one-1.0.jar"]


def test_two_programs_that_fetch_at_once_download_each_jar_once(repository: Repository, tmp_path: Path) -> None:
    threads = [threading.Thread(target=fetch, args=(repository, tmp_path / "cache")) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(repository.asked) == ["one", "two"]


@pytest.mark.parametrize("group", ["kafka", "spark"])
def test_every_locked_jar_has_a_version_and_a_sum(group: jars.Group) -> None:
    locked = read_lock(group)
    assert len({jar.path.name for jar in locked}) == len(locked) > 5
    assert all(len(jar.sha256) == 64 and jar.version[0].isdigit() for jar in locked)
