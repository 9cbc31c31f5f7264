"""The program as a deployment runs it: killed, started again, and asked what lasts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

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
    bad = gold(day, rows=2, rsi_14_1m=[50.0, float("nan")])
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
    program.terminate()
    again, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert (
        hook.received[0]["blocks"][0]["text"]["text"].partition("\n")[0]
        == (hook.received[1]["blocks"][0]["text"]["text"].partition("\n")[0])
    )
    assert [one.rule for one in read_alerts(settings)] == ["gold"]

    listed, _ = start("--list").communicate(timeout=60)
    assert "CRITICAL: features of BTCUSDT" in listed
    assert len(hook.received) == 2

    assert "the mail server 127.0.0.1:1 cannot be reached" in again
    stored = b"".join(path.read_bytes() for path in ledger_file(settings.data_dir).parent.iterdir())
    for secret in HIDDEN:
        assert secret not in printed + again + listed
        assert secret.encode() not in stored


def failing(settings: Settings) -> set[str]:
    """Channels that took nothing."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(ledger_file(settings.data_dir))) as ledger:
        return {name for (name,) in ledger.execute("SELECT channel FROM channels")}


def test_a_configuration_that_cannot_be_used_is_a_sentence(start: Start, settings: Settings) -> None:
    (settings.data_dir / "alerts").write_text("a file where a folder is needed")
    program = start("--once")
    printed, _ = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "cannot be" in printed.splitlines()[-1]
    assert "Traceback" not in printed
