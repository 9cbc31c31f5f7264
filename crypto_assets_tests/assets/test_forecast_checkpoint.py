"""The asset of models: a process of its own, seen in the run, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest

from crypto_assets.assets.forecast_checkpoint import forecast_checkpoint_assets
from crypto_assets.assets.forecast_process import explained
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets_tests.assets.small_exchange import failures
from crypto_assets_tests.forecast.small_networks import NETWORK
from crypto_assets_tests.forecast.small_trainings import DAY, SYMBOL, SmallTraining, make_training
from crypto_assets_tests.pictures.reading import read_picture
from crypto_assets_tests.waiting import wait_for
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DAYS = DaySymbol(date(2024, 8, 1), (SYMBOL,))
TODAY = Partition(SYMBOL, DAY)
CONFIG: dict[str, Any] = {
    "days": 2,
    "window": 8,
    "horizons": [1, 5],
    "units": list(NETWORK.units),
    "epochs": NETWORK.epochs,
    "batch": NETWORK.batch,
    "learning_rate": NETWORK.learning_rate,
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def materialize(
    training: SmallTraining,
    instance: dg.DagsterInstance,
    *,
    first: Partition = TODAY,
    last: Partition = TODAY,
    config: Mapping[str, Any] = CONFIG,
) -> dg.ExecuteInProcessResult:
    """A run over the partitions."""
    return dg.materialize(
        forecast_checkpoint_assets(DAYS),
        instance=instance,
        tags=range_tags(first, last),
        resources={
            "lake": LakeResource(uri=training.lake_uri),
            "checkpoints": CheckpointsResource(uri=training.checkpoints_uri),
            "pipes": dg.PipesSubprocessClient(),
        },
        run_config={"ops": {"lstm_checkpoint": {"config": dict(config)}}},
        raise_on_error=False,
    )


def metadata(instance: dg.DagsterInstance, partition: Partition) -> dict[str, Any]:
    wanted = dg.AssetRecordsFilter(dg.AssetKey("lstm_checkpoint"), asset_partitions=[partition.key])
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def log_lines(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]


def test_models_of_a_range_are_trained_each_in_its_process_and_described(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    training = make_training(tmp_path, days=(date(2024, 8, 1), DAY))
    result = materialize(training, instance, first=Partition(SYMBOL, date(2024, 8, 1)))
    assert result.success
    said = [line for line in log_lines(result, instance) if "/4 loss" in line]
    assert [line.partition(" loss")[0] for line in said] == [
        f"lstm_checkpoint {day} BTCUSDT epoch {number}/4" for day in ("2024-08-01", DAY) for number in range(1, 5)
    ]
    card = training.loaded().card
    told = metadata(instance, TODAY)
    assert read_picture(told["losses"]).width > 100
    assert told["card"].startswith(f"# {card.model_id}\n")
    assert told["dagster/uri"] == f"{training.checkpoints_uri}/symbol=BTCUSDT/date=2024-08-02/lstm_checkpoint.keras"
    assert told["trained"] is True
    assert (told["epochs"], told["best_epoch"]) == (len(card.history), card.best_epoch)
    assert told["device"] == "CPU" or told["device"].startswith("GPU")
    assert told["rows_per_second"] > 0
    assert told["peak_mb"] > 100
    again = materialize(training, instance)
    assert again.success
    assert metadata(instance, TODAY)["trained"] is False
    (event,) = again.asset_materializations_for_node("lstm_checkpoint")
    assert event.tags is not None
    assert event.tags["dagster/data_version"] == card.training_key


def test_a_day_without_a_training_set_fails_with_the_command_that_helps(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    result = materialize(make_training(tmp_path, days=()), instance)
    assert (
        "Failure: lstm_checkpoint 2024-08-02 BTCUSDT: lstm_training_set was never"
        in failures(result)["lstm_checkpoint"]
    )


def test_a_training_that_reaches_its_limit_of_memory_says_so(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    training = make_training(tmp_path)
    result = materialize(training, instance, config={**CONFIG, "memory_mb": 100})
    assert "of resident memory; the limit, network.memory_mb, is 100" in failures(result)["lstm_checkpoint"]
    assert training.checkpoints.read(SYMBOL, DAY) is None


def test_a_worker_that_ends_without_a_word_fails_with_its_last_words(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "keras.py").write_text("raise RuntimeError('no such library')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'broken'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    result = materialize(make_training(tmp_path), instance)
    sentence = failures(result)["lstm_checkpoint"]
    assert "left no answer: External execution process failed with code 1" in sentence
    assert "RuntimeError: no such library" in sentence


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("External execution process failed with code 1", "External execution process failed with code 1"),
        ("External execution process failed with code -11", "it was ended by SIGSEGV"),
        (
            "External execution process failed with code -9",
            "it was ended by SIGKILL, as the system does where memory runs out",
        ),
    ],
)
def test_a_signal_is_named(told: str, said: str) -> None:
    assert explained(told) == said


RUN = """
import sys
from pathlib import Path
import dagster as dg
from crypto_assets_tests.assets.test_forecast_checkpoint import CONFIG, materialize
from crypto_assets_tests.forecast.small_trainings import SmallTraining
from crypto_assets_tests.forecast.tables import with_signal
training = SmallTraining(Path(sys.argv[1]), with_signal(1_000, seed=1))
with dg.DagsterInstance.ephemeral() as instance:
    result = materialize(training, instance, config={**CONFIG, "epochs": 100_000, "patience": 100_000})
sys.exit(0 if result.success else 1)
"""


def workers_of(run: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Processes that the run has started, as far as they are workers."""
    children = psutil.Process(run.pid).children(recursive=True)
    return [child for child in children if "crypto_assets.forecast.worker" in child.cmdline()]


def left_of(workers: list[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end by themselves; they are ended here."""
    _, left = psutil.wait_procs(workers, timeout=60)
    for worker in left:
        worker.kill()
    return left


def test_a_run_that_is_cancelled_ends_its_training_and_keeps_the_epochs(tmp_path: Path) -> None:
    training = make_training(tmp_path)
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)]) as run:
        wait_for(lambda: training.kept, until=bool, deadline_s=120)
        workers = workers_of(run)
        assert len(workers) == 1
        run.terminate()
        run.wait(60)
    assert run.returncode != 0
    assert left_of(workers) == []
    assert training.checkpoints.read(SYMBOL, DAY) is None
    assert len(training.kept) == 1


def test_a_run_that_is_killed_takes_its_training_with_it(tmp_path: Path) -> None:
    make_training(tmp_path)
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)]) as run:
        workers = wait_for(lambda: workers_of(run), until=bool, deadline_s=120)
        run.kill()
        run.wait(60)
    assert left_of(workers) == []
