"""`python -m crypto_assets.forecast` as a developer types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import KLINES_1S
from crypto_assets_tests.forecast.second_days import walk_of_seconds
from crypto_assets_tests.forecast.small_evaluations import DAY, SYMBOL

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    **{"source": "klines_1s", "days": 1, "window": 8, "horizons": [1, 5]},
    **{"units": [4], "epochs": 1, "folds": 2, "seeds": 2, "resamples": 50},
}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with seconds of a made-up market."""
    folder = tmp_path_factory.mktemp("data")
    Lake(str(folder / "lake")).publish(KLINES_1S, SYMBOL, DAY, walk_of_seconds(1_500, seed=3))
    return folder


def forecast(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"DATA_DIR": str(data_dir), "PARTITIONS_START": "2024-08-01", "PYTHONWARNINGS": "error::SyntaxWarning"}
    return subprocess.run(
        [sys.executable, "-m", "crypto_assets.forecast", *arguments],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def of_day(*more: str) -> tuple[str, ...]:
    return ("--symbol", SYMBOL, "--day", DAY.isoformat(), *more)


def test_a_model_is_trained_and_judged_and_nothing_is_promoted(data_dir: Path) -> None:
    options = ("--options", json.dumps(SMALL))
    trained = forecast(data_dir, "train", *of_day(*options))
    assert trained.returncode == 0, trained.stderr
    assert "epoch 1/1" in trained.stdout
    assert Checkpoints(str(data_dir / "lake" / "ckpts")).read(SYMBOL, DAY) is not None

    judged = forecast(data_dir, "evaluate", *of_day(*options))
    assert judged.returncode == 0, judged.stderr
    assert "| persistence (zero return) |" in judged.stdout
    assert "beat" in judged.stdout
    assert "Simulated market" in judged.stdout

    foretold = forecast(data_dir, "predict", *of_day())
    assert foretold.returncode == 1
    assert "no promoted model" in foretold.stderr
    assert "Traceback" not in foretold.stderr


def test_what_cannot_be_done_is_said_in_a_sentence(data_dir: Path) -> None:
    wrong = forecast(data_dir, "train", *of_day("--options", '{"epoch": 3}'))
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("Forecasts have no option epoch. There are: source, days")

    absent = forecast(data_dir, "evaluate", "--symbol", SYMBOL, "--day", "2024-08-05")
    assert absent.returncode == 1
    assert "Traceback" not in absent.stderr
    assert "lstm_checkpoint" in absent.stderr
