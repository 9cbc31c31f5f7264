"""Commands on a small lake, in this process or as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crypto_assets.cli.main import app
from crypto_assets.config import Settings
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.reading.small_lake import fill

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, which is JSON."""
        return json.loads(self.out)


type Command = Callable[..., Done]


@pytest.fixture(scope="package")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with a small lake, which no test changes."""
    folder = tmp_path_factory.mktemp("cli")
    fill(Lake(str(folder / "lake")))
    return folder


@pytest.fixture
def environment(small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Variables of that folder and no others; the folder that commands run in is empty."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("DATA_DIR", str(small_data))
    monkeypatch.setenv("SYMBOLS", "BTCUSDT,ETHUSDT")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(environment: Path) -> Command:
    """`run("query", "SELECT 1")`: the command in this process."""

    def run_here(*arguments: str, given: str | None = None) -> Done:
        result = CliRunner().invoke(app, list(arguments), input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run_here


@pytest.fixture
def start(environment: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`start("simulate", "--port", "0")`: the command as a program of its own, ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start_program(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "crypto_assets.cli.main", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
        started.append(subprocess.Popen(command, **pipes))
        return started[-1]

    yield start_program
    for program in started:
        program.kill()
        program.communicate()
