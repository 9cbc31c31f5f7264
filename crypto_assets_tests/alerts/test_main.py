"""The program as a deployment runs it: killed, started again, and asked what lasts."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_assets.alerts.__main__ import main
from crypto_assets.alerts.ledger import read_alerts
from crypto_assets.alerts.observe import days_looked_at
from crypto_assets.alerts.store import ledger_file
from crypto_assets.config import Settings
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.alerts.hook import SECRET, Hook
from crypto_assets_tests.alerts.mailbox import PASSWORD
from crypto_assets_tests.health.small_lake import gold
from crypto_assets_tests.services import NAMED, service_settings
from crypto_assets_tests.waiting import wait_for

HIDDEN = (SECRET, PASSWORD, "p%40ss%2Fword%3Ahunter2")
type Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def settings(tmp_path: Path, hook: Hook) -> Settings:
    """A lake whose newest finished day has a feature that is no number, and a mail server that is down."""
    settings = service_settings(
        tmp_path,
        symbols="BTCUSDT",
        alert_webhook_url=hook.url,
        alert_smtp_url=f"smtp://me:{HIDDEN[2]}@127.0.0.1:1",
        alert_email_from="a@b.example",
        alert_email_to="c@d.example",
    )
    day = days_looked_at(settings.partitions_start, now=datetime.now(UTC))[-1]
    bad = gold(rows=2, columns={"rsi_14_1m": [50.0, float("nan")]})
    Lake(settings.lake).publish(GOLD_FEATURES, "BTCUSDT", day, bad)
    return settings


@pytest.fixture
def start(settings: Settings) -> Start:
    """`start(*arguments)`: the program on these settings."""
    outer = {name: value for name, value in os.environ.items() if name.lower() not in NAMED}
    secrets: Mapping[str, str] = {
        "ALERT_WEBHOOK_URL": settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else "",
        "ALERT_SMTP_URL": settings.alert_smtp_url.get_secret_value() if settings.alert_smtp_url else "",
    }
    given = {
        "DATA_DIR": str(settings.data_dir),
        "SYMBOLS": "BTCUSDT",
        "ALERT_EMAIL_FROM": "a@b.example",
        "ALERT_EMAIL_TO": "c@d.example",
        "DAGSTER_HOME": str(settings.data_dir / "never started"),
    }

    def begin(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "crypto_assets.alerts", *arguments],
            env={**outer, **secrets, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


def test_a_program_killed_between_delivery_and_record_tells_again_and_then_no_more(
    start: Start, hook: Hook, settings: Settings
) -> None:
    program = start("--once")
    hook.before_answer = program.kill
    printed, _ = program.communicate(timeout=120)
    assert program.returncode == -signal.SIGKILL
    assert len(hook.received) == 1

    hook.before_answer = lambda: None
    program = start()
    wait_for(lambda: len(hook.received), until=lambda count: count == 2, deadline_s=120)
    wait_for(lambda: "e-mail" in failing(settings), until=bool, deadline_s=60)
    assert program.stdout is not None
    again = program.stdout.readline()
    while "the mail server 127.0.0.1:1 cannot be reached" not in again:
        line = program.stdout.readline()
        assert line, again
        again += line
    program.terminate()
    again += program.stdout.read()
    assert program.wait(timeout=60) == 0
    assert (
        hook.received[0]["blocks"][0]["text"]["text"].partition("\n")[0]
        == (hook.received[1]["blocks"][0]["text"]["text"].partition("\n")[0])
    )
    assert [one.rule for one in read_alerts(settings)] == ["gold"]

    stored = b"".join(path.read_bytes() for path in ledger_file(settings.data_dir).parent.iterdir())
    for secret in HIDDEN:
        assert secret not in printed + again
        assert secret.encode() not in stored


def failing(settings: Settings) -> set[str]:
    """Channels that took nothing."""
    with closing(sqlite3.connect(ledger_file(settings.data_dir))) as ledger:
        return {name for (name,) in ledger.execute("SELECT channel FROM channels")}


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """`here("--list")`: the program in this process, whose signals stay as they are."""
    for name in NAMED:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("SYMBOLS", "BTCUSDT")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "never started"))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(argument: str) -> int:
        monkeypatch.setattr(sys, "argv", ["alerts", argument])
        return main()

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


def test_what_lasts_is_listed_with_what_to_do(here: Callable[[str], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert here("--list") == 0
    assert capsys.readouterr().out == "Nothing is wrong, as far as was looked.\n"
    assert here("--once") == 0
    assert "1 alert lasts" in capsys.readouterr().out
    assert here("--list") == 0
    listed = capsys.readouterr().out
    assert listed.startswith("CRITICAL: features of BTCUSDT")
    assert "What to do: do not train or trade on this day." in listed


def test_a_ledger_that_cannot_be_kept_is_a_sentence(
    here: Callable[[str], int], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (settings.data_dir / "alerts").write_text("a file where a folder is needed")
    assert here("--once") == 1
    assert "cannot be used" in capsys.readouterr().err


def test_a_wrong_variable_is_a_sentence(
    here: Callable[[str], int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYMBOLS", "btc")
    assert here("--once") == 1
    assert "SYMBOLS" in capsys.readouterr().err
