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

from crypto_assets.demo.batch import NEEDED
from crypto_assets_tests.pages import GONE_S
from crypto_assets_tests.waiting import wait_for
from resources.services.service import NAMES

ROOT = Path(__file__).resolve().parents[2]
RUN_DEADLINE_S = 600
pytestmark = pytest.mark.timeout(900)  # the first test waits for whole demos, on however busy a machine
PNG = b"\x89PNG\r\n\x1a\n"


def start_demo(data_dir: Path, *options: str, **variables: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if name not in ("DAGSTER_HOME", "LAKE_URI")}
    settings = {"DATA_DIR": str(data_dir), "SYMBOLS": "BTCUSDT", "EXCHANGE": "simulator", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "crypto_assets.demo", "--days", "1", *options],
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
    return psutil.wait_procs(family, timeout=GONE_S)[1], error


def run_demo(data_dir: Path, *options: str) -> str:
    """What a whole demo printed."""
    demo = start_demo(data_dir, *options)
    try:
        printed, progress = demo.communicate(timeout=RUN_DEADLINE_S)
    except subprocess.TimeoutExpired:
        end_demo(demo)
        raise
    assert demo.returncode == 0, progress + printed
    return printed


def services_of(data_dir: Path) -> set[str]:
    return {path.name for path in (data_dir / "services").glob("*") if path.is_dir()} & set(NAMES)


@pytest.fixture(scope="module")
def only_lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, set[str]]:
    """What a demo without services printed, the folder it wrote, and services that it started."""
    data_dir = tmp_path_factory.mktemp("demo")
    printed = run_demo(data_dir, "--only-lake")
    return printed, data_dir, services_of(data_dir)


@pytest.fixture(scope="module")
def finished(only_lake: tuple[str, Path, set[str]]) -> tuple[str, Path]:
    """What a whole demo over the same folder printed, and the folder."""
    _, data_dir, _ = only_lake
    return run_demo(data_dir), data_dir


def test_the_demo_says_what_lies_where(only_lake: tuple[str, Path, set[str]]) -> None:
    printed, data_dir, _ = only_lake
    rows = {
        name: (int(days), int(rows.replace(",", "")))
        for name, days, rows in re.findall(r"^(\w+) +(\d+) +([\d,]+) +[\d.,]+ MB", printed, re.MULTILINE)
    }
    assert rows["bronze_klines_1m"] == (5, 5 * 1440)
    assert rows["silver_klines_15m"] == (5, 5 * 96)
    assert rows["silver_perpetual"] == (2, 2 * 1440)
    assert rows["gold_features"] == (1, 1440)
    assert len(list((data_dir / "lake" / "gold").rglob("features.parquet"))) == 1


def test_every_check_of_the_demo_passes_but_what_a_day_is_too_short_for(finished: tuple[str, Path]) -> None:
    printed, _ = finished
    passed, evaluated = map(int, re.findall(r"Checks: (\d+) of (\d+) passed", printed)[0])
    others = re.findall(r"^  (warning|ERROR) (\w+): (\w+), 1×: ", printed, re.MULTILINE)
    opinions = {("warning", "lstm_training_set", "enough_samples"), ("warning", "lstm_evaluation", "promotion")}
    assert set(others) <= opinions
    assert passed == evaluated - len(others) > 50


def test_the_demo_says_whether_its_model_beats_the_last_price(finished: tuple[str, Path]) -> None:
    printed, data_dir = finished
    verdict = re.search(r"^Forecast: \S+ BTCUSDT: (\S+) (beats|does not beat) persistence", printed, re.MULTILINE)
    assert verdict is not None
    (card,) = (data_dir / "lake" / "ckpts").glob("symbol=BTCUSDT/date=*/lstm_checkpoint.json")
    assert verdict[1] in card.read_text()
    assert (data_dir / "lake" / "ckpts" / "lstm_checkpoint.keras").exists() == (verdict[2] == "beats")


def test_without_the_batch_systems_the_demo_starts_no_service(only_lake: tuple[str, Path, set[str]]) -> None:
    _, _, started = only_lake
    assert started <= {"simulator"}


def test_every_system_holds_the_same_day(finished: tuple[str, Path]) -> None:
    printed, _ = finished
    found = re.findall(r"^(?:BTCUSDT)? +(trades|volume|minutes|last price) +(.*?) +equal$", printed, re.MULTILINE)
    figures = {name: values.split() for name, values in found}
    assert list(figures) == ["trades", "volume", "minutes", "last price"]
    assert {(len(values), len(set(values))) for values in figures.values()} == {(6, 1)}
    assert figures["minutes"][0] == "1,440"


def test_services_that_the_demo_starts_are_those_it_needs_and_end_with_it(finished: tuple[str, Path]) -> None:
    _, data_dir = finished
    assert services_of(data_dir) <= {*NEEDED, "simulator"}
    running = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(data_dir) in part for part in process.info["cmdline"] or [])
    ]
    assert running == []


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
