"""Runs a worker of the forecast in a process of its own, and hands back its answer or raises its error."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
import msgspec

from crypto_assets.config import read_settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import TrainingFailed
from crypto_assets.forecast.day_task import DayTask
from crypto_assets.forecast.options import ForecastOptions
from crypto_assets.forecast.worker_answer import AnswerFile
from crypto_assets.partitions import Partition

WORKER = "crypto_assets.forecast.worker"
LAST_WORDS = 15
"""Lines of a worker's standard error that a failure shows."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Processes that work on days, one at a time, for a step of a run."""

    context: dg.AssetExecutionContext
    pipes: dg.PipesSubprocessClient
    lake_uri: str
    checkpoints_uri: str
    options: ForecastOptions
    now: datetime

    def ask[R: msgspec.Struct](self, command: str, partition: Partition, answer: type[R]) -> R:
        """The answer of `python -m crypto_assets.forecast.worker <command>` about a day; its lines appear in the run.

        Where the run is cancelled, or this process ends however that be, the worker ends too. Raises the error that the
        worker ended with, and TrainingFailed with its last words where it ended without a word of its own.
        """
        task = DayTask(
            lake_uri=self.lake_uri,
            checkpoints_uri=self.checkpoints_uri,
            symbol=partition.symbol,
            day=partition.day,
            exchange=exchange_name(read_settings()),
            options=self.options,
            now=self.now,
        )
        with tempfile.TemporaryDirectory(prefix="crypto-assets-worker-") as folder:
            errors, answered = Path(folder) / "stderr", AnswerFile(Path(folder) / "answer.json")
            ending = "it ended well"
            try:
                with warnings.catch_warnings():
                    # Dagster warns of a part of its own that it uses itself.
                    warnings.filterwarnings("ignore", message=".*expected_writer_count", category=dg.PreviewWarning)
                    self.pipes.run(
                        context=self.context,
                        command=[
                            *(sys.executable, "-m", WORKER, command),
                            *("--errors", str(errors), "--parent", str(os.getpid())),
                        ],
                        extras={
                            "task": msgspec.to_builtins(task),
                            "answer": str(Path(folder) / "answer.json"),
                        },
                        env={
                            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
                            "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # or the first model would take the whole GPU
                        },
                    )
            except Exception as error:
                if type(error).__name__ != "DagsterPipesExecutionError":  # which Dagster exports nowhere
                    raise
                ending = explained(str(error))
            result = answered.read(answer)
            if result is None:
                raise TrainingFailed(
                    f"The process `{WORKER} {command}` left no answer: {ending}. The former state stays, and so do the "
                    f"epochs that are done. {_last_words(errors)}"
                )
            return result


_CODE = re.compile(r"failed with code (?P<code>-?\d+)")


def explained(sentence: str) -> str:
    """What Dagster says of a process, with the name of the signal that ended it."""
    found = _CODE.search(sentence)
    if found is None or not found["code"].startswith("-"):
        return sentence
    number = -int(found["code"])
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    hint = ", as the system does where memory runs out" if number == signal.SIGKILL else ""
    return f"it was ended by {name}{hint}"


def _last_words(errors: Path) -> str:
    lines = errors.read_text(errors="replace").splitlines() if errors.exists() else []
    return "Its last words:\n" + "\n".join(lines[-LAST_WORDS:]) if lines else "It said nothing."
