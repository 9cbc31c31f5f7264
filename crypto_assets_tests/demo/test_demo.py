"""The demo as a user runs it, on one symbol and one day."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from crypto_assets_tests.waiting import wait_for
from resources.services.service import NAMES

ROOT = Path(__file__).resolve().parents[2]
RUN_DEADLINE_S = 200
PNG = b"\x89PNG\r\n\x1a\n"


def start_demo(data_dir: Path, **variables: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "LAKE_URI")}
    settings = {"DATA_DIR": str(data_dir), "SYMBOLS": "BTCUSDT", "EXCHANGE": "simulator", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "crypto_assets.demo", "--days", "1"],
        cwd=ROOT,
        env={**inherited, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end_demo(demo: subprocess.Popen[str]) -> tuple[list[psutil.Process], str]:
    """Interrupt it as Ctrl-C does, and return what outlives it and what it said."""
    family = psutil.Process(demo.pid).children(recursive=True)
    demo.send_signal(signal.SIGINT)
    _, error = demo.communicate()
    return psutil.wait_procs(family, timeout=5)[1], error


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What a whole demo printed, and the folder it wrote."""
    data_dir = tmp_path_factory.mktemp("demo")
    demo = start_demo(data_dir)
    try:
        printed, progress = demo.communicate(timeout=RUN_DEADLINE_S)
    except subprocess.TimeoutExpired:
        end_demo(demo)
        raise
    assert demo.returncode == 0, progress + printed
    return printed, data_dir


def test_the_demo_says_what_lies_where(finished: tuple[str, Path]) -> None:
    printed, data_dir = finished
    rows = {
        name: (int(days), int(rows.replace(",", "")))
        for name, days, rows in re.findall(r"^(\w+) +(\d+) +([\d,]+) +[\d.,]+ MB", printed, re.MULTILINE)
    }
    assert rows["bronze_klines_1m"] == (5, 5 * 1440)
    assert rows["silver_klines_15m"] == (5, 5 * 96)
    assert rows["silver_perpetual"] == (2, 2 * 1440)
    assert rows["gold_features"] == (1, 1440)
    assert len(list((data_dir / "lake" / "gold").rglob("features.parquet"))) == 1


def test_every_check_of_the_demo_passes(finished: tuple[str, Path]) -> None:
    printed, _ = finished
    passed, evaluated = map(int, re.findall(r"Checks: (\d+) of (\d+) passed", printed)[0])
    assert passed == evaluated > 50


def test_the_demo_starts_no_service(finished: tuple[str, Path]) -> None:
    _, data_dir = finished
    started = {path.name for path in (data_dir / "services").glob("*")}
    assert not started & set(NAMES) - {"simulator"}


def test_the_demo_draws_a_day_and_says_how_to_see_the_rest(finished: tuple[str, Path]) -> None:
    printed, _ = finished
    picture = re.search(r"Picture of one day: (.*\.png)", printed)
    assert picture is not None
    assert Path(picture[1]).read_bytes().startswith(PNG)
    assert "make ui" in printed


def test_the_demo_does_not_write_simulated_data_beside_real(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, EXCHANGE="binance")
    _, error = demo.communicate()
    assert demo.returncode == 1
    assert "EXCHANGE=binance says that this lake holds other data" in error
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_variable_is_named_without_a_stack_trace(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, EXCHANGE="binnance")
    _, error = demo.communicate()
    assert demo.returncode == 1
    assert "EXCHANGE" in error
    assert "Traceback" not in error


def test_an_interrupted_demo_leaves_no_process_and_says_that_it_can_be_repeated(tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    log = tmp_path / "demo" / "BTCUSDT.log"
    wait_for(lambda: log.exists() and log.stat().st_size, until=bool, deadline_s=60)  # the worker is at work
    left, error = end_demo(demo)
    assert left == []
    assert demo.returncode == 1
    assert "Interrupted. What was written stays" in error
    assert "Traceback" not in error
