"""`make up`, `make status`, `make down`, as a user runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from crypto_assets.config import Settings
from crypto_assets.endpoints import embedded_endpoint, postgres_url
from resources.services.folder import ServiceFolder
from resources.services.process import family

SETTINGS = {name.upper() for name in Settings.model_fields}


def run(data_dir: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, "-m", "resources.services", *arguments],
        env={**inherited, "DATA_DIR": str(data_dir), **variables},
        cwd=data_dir.parent,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A folder whose name is no plain word, and too long for a Unix socket."""
    return tmp_path / "my data, ünd more" / ("long" * 30)


def test_services_run_from_up_to_down_whatever_the_folder_and_the_locale(data_dir: Path) -> None:
    data_dir.mkdir(parents=True)
    names = ("postgres", "redis", "simulator")
    try:
        up = run(data_dir, "up", *names, LC_ALL="C")
        assert (up.returncode, up.stderr) == (0, "")
        addresses = [line.split()[2].split("/")[0] for line in up.stdout.splitlines() if " ready 127.0.0.1:" in line]
        assert len(addresses) == 3
        psycopg2.connect(postgres_url(Settings.model_validate({"data_dir": data_dir}))).close()

        shown = run(data_dir, "status", *names, LC_ALL="C")
        assert shown.returncode == 0
        assert [line.split()[1] for line in shown.stdout.splitlines()[1:4]] == ["running"] * 3
        passwords = [path.read_text() for path in data_dir.glob("services/*/*.secret")]
        assert len(passwords) == 3
        assert [password for password in passwords if password in up.stdout + shown.stdout] == []
        assert run(data_dir, "status", LC_ALL="C").returncode == 1  # Kafka and others are down
    finally:
        down = run(data_dir, "down", LC_ALL="C")
    assert down.returncode == 0
    for name in names:
        assert family(ServiceFolder.of(data_dir, name)) == []
        assert embedded_endpoint(data_dir, name) is None


def test_a_failure_is_a_sentence_with_the_log_and_exit_status_1(tmp_path: Path) -> None:
    up = run(tmp_path, "up", "simulator", EXCHANGE="replay")
    assert up.returncode == 1
    assert "simulator did not start: EXCHANGE=replay needs REPLAY_URI" in up.stdout
    up = run(tmp_path, "up", "simulator", EXCHANGE="replay", REPLAY_URI=str(tmp_path / "none"))
    assert up.returncode == 1
    assert f"Its log, {tmp_path / 'services' / 'simulator' / 'log'}, ends with:" in up.stdout
    assert "Traceback" not in up.stderr


def test_a_name_or_a_setting_that_means_nothing_is_refused(tmp_path: Path) -> None:
    unknown = run(tmp_path, "up", "mysql")
    assert unknown.returncode == 2
    assert "there is no service 'mysql', but postgres, redis, kafka" in unknown.stderr
    wrong = run(tmp_path, "status", EXCHANGE="binnance")
    assert wrong.returncode == 1
    assert "EXCHANGE: Input should be 'simulator', 'replay' or 'binance'" in wrong.stdout
