"""Dockerfile and the programs of deploy/ that a build runs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from crypto_assets_tests.deploy.composed import ROOT
from deploy.fetch_jars import groups
from deploy.runtime_lock import main, read_lock, runtime_names
from resources.services.jars import LOCKS

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def copied() -> Iterator[str]:
    """Paths of the project that the Dockerfile copies."""
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        yield from line.split()[:-1]


def test_every_path_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    sent = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for path in copied():
        assert (ROOT / path).exists(), path
        assert any(path == pattern or path.startswith(f"{pattern}/") for pattern in sent), path
    assert [pattern for pattern in sent if not any(fnmatch(path, f"{pattern}*") for path in copied())] == []


def test_the_image_is_built_in_stages_of_one_exact_base_and_runs_as_nobody_special() -> None:
    assert re.search(r"^ARG BASE=python:3\.12\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert [stage.split()[0] for stage in STAGES[1:]] == ["${BASE}", "${BASE}"]
    final = STAGES[-1]
    assert re.findall(r"^USER (.+)$", final, re.MULTILINE) == ["10001:10001"]
    assert not re.search(r"apt-get|build-essential|gcc|pip install|uv ", final)
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)
    assert "DAGSTER_DISABLE_TELEMETRY=1" in final  # else Dagster makes folders beside its configuration


def test_every_package_is_installed_by_its_hash() -> None:
    installs = re.findall(r"(?:pip|uv pip) (?:install|sync)[^&\n]*", STAGES[1])
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-deps --no-build-isolation ." in line for line in installs)


def test_what_the_image_runs_unasked_is_the_code_location_of_the_compose_file() -> None:
    (command,) = re.findall(r"^CMD (.+)$", STAGES[-1], re.MULTILINE)
    assert json.loads(command)[:3] == ["dagster", "api", "grpc"]
    assert " ".join(json.loads(command)[3:]) in (ROOT / "docker-compose.yml").read_text().replace('", "', " ")


def test_the_lock_of_what_runs_holds_what_the_project_needs_and_nothing_else() -> None:
    """The other road: what the installed packages say that they need, with the extras that they are asked for."""
    kept = runtime_names(read_lock(LOCK))
    needed = set(_closure("crypto-assets", frozenset()))
    assert needed - kept == set()
    installed = {canonicalize_name(found.metadata["Name"]) for found in metadata.distributions()}
    assert (kept & installed) - needed - {"colorama"} == set()  # needed on Windows, installed here by others
    assert {"pytest", "moto", "playwright", "pyright", "mkdocs-material", "hypothesis"} & kept == set()


def _closure(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]] | None = None) -> Iterator[str]:
    seen = set() if seen is None else seen
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    for text in metadata.requires(name) or []:
        wanted = Requirement(text)
        if any(not wanted.marker or wanted.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(wanted.name)
            yield from _closure(canonicalize_name(wanted.name), frozenset(wanted.extras), seen)


def test_the_lock_of_what_runs_keeps_versions_hashes_and_markers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["runtime_lock.py", str(ROOT / "requirements.lock")])
    assert main(sys.argv[1]) == 0
    printed = capsys.readouterr().out
    assert set(printed.splitlines()) <= set(LOCK.splitlines())
    assert [package.lines for package in read_lock(printed)] == [
        package.lines for package in read_lock(LOCK) if package.name in runtime_names(read_lock(LOCK))
    ]
    assert all("--hash=sha256:" in "".join(package.lines) for package in read_lock(printed))


def test_jars_of_everything_that_a_container_runs_are_in_the_image() -> None:
    assert set(groups()) == {"spark", "s3a", "hdfs"}
    assert {path.stem for path in LOCKS.glob("*.lock")} >= set(groups())
