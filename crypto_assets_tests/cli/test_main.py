"""The command as a whole: its help is quick, its mistakes are sentences, its statuses are those it documents."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import httpx
import psutil
import pytest
import typer

from crypto_assets.cli.main import app
from crypto_assets.cli.telling import told
from crypto_assets_tests.cli.conftest import Command
from crypto_assets_tests.waiting import wait_for

COMMANDS = (
    *("demo", "ui", "dashboard", "simulate", "up", "down", "status", "doctor", "backfill", "coverage", "gaps"),
    *("query", "export", "model", "alerts"),
)


def test_help_names_every_command_with_a_sentence(run: Command) -> None:
    done = run("--help")
    assert done.status == 0
    assert [name for name in COMMANDS if f" {name} " not in done.out] == []
    assert "130 interrupted" in done.out


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'dagster', 'duckdb', 'polars', 'pyarrow', 'pandas', 'httpx', 'pydantic', 'psutil'}"
    program = (
        "import sys\nfrom typer.testing import CliRunner\nfrom crypto_assets.cli.main import app\n"
        f"CliRunner().invoke(app, ['--help'])\nprint(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package(run: Command) -> None:
    assert run("--version").out.strip() == "0.1.0"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("query",),
        ("export", "gold_features", "../BTC", "2024-08-01", "2024-08-01"),
        ("backfill", "BTCUSDT", "2024-08-01", "yesterday"),
        ("coverage", "--from", "2024-13-01"),
        ("export", "gold_features", "BTCUSDT", "2024-08-01", "2024-08-01", "--format", "xlsx"),
    ],
)
def test_a_mistake_in_the_command_ends_with_status_2_and_no_trace(run: Command, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert "Traceback" not in done.err
    assert done.err


def test_settings_that_cannot_be_used_are_told_with_status_1(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCHANGE", "binnance")
    done = run("coverage")
    assert (done.status, done.out) == (1, "")
    assert "EXCHANGE" in done.err
    assert "Traceback" not in done.err


def test_an_interrupted_command_ends_with_status_130(capsys: pytest.CaptureFixture[str]) -> None:
    @told
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        interrupted()
    assert ended.value.exit_code == 130
    assert "Interrupted" in capsys.readouterr().err


def test_completion_knows_the_commands(monkeypatch: pytest.MonkeyPatch, run: Command) -> None:
    monkeypatch.setenv("_CRYPTO_ASSETS_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "crypto-assets co")
    monkeypatch.setenv("COMP_CWORD", "1")
    program = "from crypto_assets.cli.main import app; app(prog_name='crypto-assets')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["coverage"]


def test_a_program_takes_its_own_arguments_and_signals(start: Callable[..., subprocess.Popen[str]]) -> None:
    program = start("simulate", "--port", "0", "--symbols", "BTCUSDT")
    assert program.stdout is not None
    url = program.stdout.readline().strip()
    assert httpx.get(f"{url}/api/v3/time").json()["serverTime"] > 0
    program.send_signal(signal.SIGINT)
    program.wait(timeout=20)
    assert program.returncode in (0, -signal.SIGINT, 130)


def test_ctrl_c_ends_a_long_query(start: Callable[..., subprocess.Popen[str]]) -> None:
    program = start("query", "SELECT * FROM range(3), range(1000000000) AS many ORDER BY random()", "--csv")
    me = psutil.Process(program.pid)
    wait_for(me.num_threads, until=lambda threads: threads > 2, deadline_s=60)  # DuckDB works
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert (program.returncode, err.splitlines()[-1].partition(".")[0]) == (130, "Interrupted")


def test_who_reads_no_further_ends_a_long_answer(start: Callable[..., subprocess.Popen[str]]) -> None:
    program = start("query", "SELECT * FROM range(3000000)", "--csv")
    assert program.stdout is not None
    assert program.stderr is not None
    assert [program.stdout.readline() for _ in range(2)] == ["range\n", "0\n"]
    program.stdout.close()
    assert program.stderr.read() == ""
    assert program.wait(timeout=60) == 1


def test_the_app_is_the_one_that_is_installed() -> None:
    assert app.info.name == "crypto-assets"
