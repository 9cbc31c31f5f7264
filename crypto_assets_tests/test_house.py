"""What a newcomer relies on before any code runs: make targets, lock, licence, files that name no machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROMISED_TARGETS = ("env", "demo", "test", "ui", "bench", "lint")
MACHINE_PATH = re.compile(r"(?<![\w.<{$])/(?:root|home|work|Users)/\w")
ADDRESS = re.compile(r"\b(?:https?|wss?)://(?:[^\s/@\"'`]*@)?([\w.-]*\w)")
KNOWN_HOSTS = re.compile(
    r"localhost|127\.0\.0\.1|0\.0\.0\.0|(?:[\w-]+\.)*(?:example|test|invalid)|(?:[\w-]+\.)*example\.(?:com|org)"
    r"|(?:[\w-]+\.)*binance\.(?:com|vision)|www\.(?:apache|w3)\.org|prometheus\.io|api\.osv\.dev|[a-z]"
    r"|(?:sheets|storage|www)\.googleapis\.com|docs\.google\.com"
    r"|s3|simulator|namenode|spark-master|169\.254\.169\.254"
)
"""Hosts that the project may name: itself, placeholders, the exchange, Google, the compose file's, standards, where
advisories are read, and the address at which clouds give secrets to their machines, which is refused."""
MAX_MODULE_LINES = 400
PICTURES = {".png"}


def tracked_files(*suffixes: str) -> list[Path]:
    """Text files of the repository with one of the suffixes; without git, those in the folder."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        files = [ROOT / line for line in listed.stdout.splitlines()]
    else:
        files = [path for path in ROOT.rglob("*") if not any(part.startswith(".") for part in path.parts)]
    wanted = (path for path in files if path.is_file() and path.suffix not in PICTURES)
    return [path for path in wanted if not suffixes or path.suffix in suffixes]


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def make(*arguments: str, folder: Path = ROOT) -> str:
    outer = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    done = subprocess.run(["make", *arguments], cwd=folder, env=outer, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_make_alone_lists_every_target_with_a_sentence() -> None:
    listed = dict(line.split(maxsplit=1) for line in make().splitlines())
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    assert set(PROMISED_TARGETS) <= set(listed)
    assert set(listed) == set(phony[1].split())


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of what `make env` reads, with an installer that only counts how often it ran."""
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "tools/uv.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "tools" / "environment.py").write_text(
        "import pathlib\n"
        "pathlib.Path('.venv').mkdir(exist_ok=True)\n"
        "open('installed.log', 'a').write('x')\n"
        "pathlib.Path('.venv/.installed').touch()\n"
    )
    return tmp_path


def test_the_environment_is_made_once_and_again_only_when_the_lock_changes(house: Path) -> None:
    make("env", f"PYTHON={sys.executable}", folder=house)
    make("env", f"PYTHON={sys.executable}", folder=house)
    assert (house / "installed.log").read_text() == "x"
    stamp = (house / ".venv" / ".installed").stat().st_mtime
    os.utime(house / "requirements.lock", (stamp + 1, stamp + 1))
    make("env", f"PYTHON={sys.executable}", folder=house)
    assert (house / "installed.log").read_text() == "xx"


@pytest.mark.parametrize("target", [t for t in PROMISED_TARGETS if t != "env"])
def test_every_target_makes_the_environment_first(target: str) -> None:
    assert re.search(rf"^{target}: env\b", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("target", ["demo", "test", "live", "bench", "audit", "lock"])
def test_what_is_given_in_args_reaches_the_program(target: str) -> None:
    *_, command = make("--dry-run", target, "ARGS=--given", f"PYTHON={sys.executable}").splitlines()
    assert command.endswith(" --given")


def locked(path: str) -> dict[str, Version]:
    pinned = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", (ROOT / path).read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in pinned}


def test_the_lock_pins_every_dependency_of_the_project() -> None:
    project = pyproject()
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += project["build-system"]["requires"]
    lock = locked("requirements.lock")
    for requirement in map(Requirement, wanted):
        version = lock.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not in the lock: run `make lock`"
        assert requirement.specifier.contains(version, prereleases=True), f"{requirement}, but locked {version}"


@pytest.mark.parametrize("path", ["requirements.lock", "tools/uv.txt"])
def test_every_pin_has_a_hash_and_no_address(path: str) -> None:
    text = (ROOT / path).read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.splitlines()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
    assert "--index-url" not in text


def test_python_version_is_the_one_that_the_project_asks_for() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert version == "3.12"
    project = pyproject()
    assert project["project"]["requires-python"] == ">=3.12,<3.13"


def test_the_licence_is_the_one_declared() -> None:
    project = pyproject()
    assert project["project"]["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:120]}"
        for path in tracked_files()
        for line in path.read_text(encoding="utf-8").splitlines()
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def test_files_name_only_hosts_that_the_project_talks_to() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {host}"
        for path in tracked_files()
        for host in ADDRESS.findall(path.read_text(encoding="utf-8"))
        if not KNOWN_HOSTS.fullmatch(host)
    }
    assert found == set()


def test_no_module_is_longer_than_a_person_reads() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in tracked_files(".py")
        if "crypto_assets_tests" not in path.parts
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_MODULE_LINES
    }
    assert long == {}


def test_ci_runs_lint_types_and_tests() -> None:
    steps = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    assert steps == ["make env", "make lint", "make audit", "make test"]
    assert "pyright" in make("--dry-run", "lint")
