"""Fitting a network beside a bare `model.fit` on the same windows, ready in memory, and beside Keras' window loader.

Each of the three lives in a process of its own, so that memory is told apart, and they take their epochs in turn, so
that a slow moment hits all.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bench.measuring import Line
from crypto_assets.forecast.options import DataOptions, JudgeOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, Samples, Split

ROOT = Path(__file__).resolve().parents[1]
ROWS, FEATURES = 6_000, 45
ROUNDS = 3
PREDICTIONS, PREDICTING_S = 300, 5.0
SEED = 7
DATA = DataOptions()
"""Windows of 60 rows, as by default."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a contender came to."""

    best_s: float
    """Of an epoch with its validation; the first, in which TensorFlow compiles, left out."""
    best_cpu_s: float
    """The same in seconds of the processors: what a busy machine disturbs less."""
    windows: int
    """Learnt from in an epoch."""
    memory_mb: float
    """Most that the process had above what it had with its libraries imported."""
    p50_ms: float
    p99_ms: float
    """Of the forecast of one window."""
    device: str

    @property
    def windows_per_s(self) -> float:
        """Windows learnt from in a second."""
        return self.windows / self.best_s


def measure() -> list[Line]:
    """Windows a second and memory of the three, and how long a forecast takes."""
    ours, bare, loader = _in_turn([("ours", {}), ("bare", {}), ("loader", {})])
    lines = [
        _speed("training, windows/s / model.fit on ready arrays", ours, bare, aim="at least 0.8"),
        Line(
            "training, CPU seconds an epoch / model.fit on ready arrays",
            f"{ours.best_cpu_s:.2f} s",
            f"{bare.best_cpu_s:.2f} s",
            ours.best_cpu_s / bare.best_cpu_s,
            "at most 1.25",
        ),
        _speed("training, windows/s / timeseries_dataset_from_array", ours, loader, aim="above 1"),
        _memory("training, memory over imports / ready arrays", ours, bare),
        _memory("training, memory over imports / timeseries_dataset…", ours, loader),
        Line(
            "forecast of one window, p99 / model.predict",
            f"{ours.p99_ms:.2f} ms",
            f"{bare.p99_ms:.2f} ms",
            ours.p99_ms / bare.p99_ms,
            "at most 50 ms",
        ),
    ]
    if ours.device != "CPU":
        (on_cpu,) = _in_turn([("ours", {"CUDA_VISIBLE_DEVICES": "-1"})])
        lines.append(_speed(f"training, windows/s on {ours.device} / CPU", ours, on_cpu, aim="above 1"))
    return lines


def _speed(what: str, ours: Measured, other: Measured, *, aim: str) -> Line:
    ratio = ours.windows_per_s / other.windows_per_s
    return Line(what, f"{ours.windows_per_s:,.0f}", f"{other.windows_per_s:,.0f}", ratio, aim)


def _memory(what: str, ours: Measured, other: Measured) -> Line:
    return Line(
        what, f"{ours.memory_mb:,.0f} MB", f"{other.memory_mb:,.0f} MB", ours.memory_mb / other.memory_mb, "below 1"
    )


def _in_turn(contenders: list[tuple[str, Mapping[str, str]]]) -> list[Measured]:
    """Let each take an epoch, round after round; the first round is not measured."""
    with _started(contenders) as processes:
        times = [[_epoch(process) for process in processes] for _ in range(ROUNDS + 1)]
        endings = [_ask(process, "end") for process in processes]
    best = np.array(times)[1:].min(axis=0).tolist()
    return [Measured(best_s=s, best_cpu_s=cpu, **ending) for (s, cpu), ending in zip(best, endings, strict=True)]


@contextmanager
def _started(contenders: list[tuple[str, Mapping[str, str]]]) -> Generator[list[subprocess.Popen[str]]]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "bench.training", name],
            cwd=ROOT,
            env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for name, environment in contenders
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _epoch(process: subprocess.Popen[str]) -> tuple[float, float]:
    answer = _ask(process, "epoch")
    return answer["seconds"], answer["cpu_s"]


def _ask(process: subprocess.Popen[str], word: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


# What follows runs in the processes of the contenders.


@dataclass(frozen=True, slots=True)
class Lesson:
    """What all learn."""

    table: FeatureTable
    samples: Samples
    split: Split


def make_lesson() -> Lesson:
    """A walk, features of noise, and the newest split of it."""
    from crypto_assets.forecast.samples import samples_of
    from crypto_assets.forecast.splits import walk_forward

    rng = np.random.default_rng(SEED)
    opened = np.arange(ROWS, dtype=np.int64) * 60_000_000
    table = FeatureTable(
        symbol="BTCUSDT",
        source="gold_features",
        step_us=60_000_000,
        features=tuple(f"feature_{number}" for number in range(FEATURES)),
        open_us=opened,
        as_of_us=opened + 60_000_000,
        close=60_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, ROWS))),
        is_real=np.ones(ROWS, bool),
        warm=np.ones(ROWS, bool),
        values=rng.normal(0, 1, (ROWS, FEATURES)),
    )
    samples = samples_of(table, DATA)
    split = walk_forward(table, samples, data=DATA, judge=JudgeOptions())[-1]
    return Lesson(table, samples, split)


def _wait_for_turn() -> bool:
    """Whether another epoch is wanted."""
    return sys.stdin.readline().strip() == "epoch"


class _Over(Exception):
    """No further epoch is wanted."""


def _run_ours(lesson: Lesson) -> Callable[[], object]:
    """Epochs of `train_network` for as long as they are wanted; then what foretells one window."""
    from crypto_assets.forecast.card_making import Origin, make_card
    from crypto_assets.forecast.checkpoint import load_checkpoint, write_checkpoint
    from crypto_assets.forecast.network import train_network
    from crypto_assets.forecast.training_state import Epoch

    endless = NetworkOptions(epochs=1_000_000, patience=1_000_000)

    cpu = [0.0]

    def take_turn(epoch: Epoch) -> None:
        print(json.dumps({"seconds": epoch.took_s, "cpu_s": time.process_time() - cpu[-1]}), flush=True)
        if not _wait_for_turn():
            raise _Over
        cpu.append(time.process_time())

    _wait_for_turn()
    table, samples, split = lesson.table, lesson.samples, lesson.split
    with suppress(_Over):
        train_network(table, samples, split, data=DATA, options=endless, seed=SEED, on_epoch=take_turn)
    once = NetworkOptions(epochs=1)
    few = Split(split.train[:256], split.validation[:256], split.test)
    network = train_network(table, samples, few, data=DATA, options=once, seed=SEED)
    origin = Origin("simulator-7", date(2024, 8, 1), "", {})
    card = make_card(network, table, samples, few, origin=origin, now=datetime.now(UTC))
    checkpoint = load_checkpoint(write_checkpoint(network, card))
    return lambda: checkpoint.predict(table, samples.rows[-1:])


def _run_fit(lesson: Lesson, *, loads_windows: bool) -> Callable[[], object]:
    """Epochs of `model.fit`, on ready arrays or through Keras' loader; then what foretells one window."""
    import keras

    table, samples, split = lesson.table, lesson.samples, lesson.split
    values = table.values.astype(np.float32)
    targets = (samples.targets / samples.targets.std(axis=0)).astype(np.float32)
    model = _bare_network()
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), "mse")
    fit = (_loader if loads_windows else _ready_arrays)(model, values, targets, samples.rows, split)
    while _wait_for_turn():
        began, cpu = time.perf_counter(), time.process_time()
        fit()
        print(json.dumps({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}), flush=True)
    last = values[None, -DATA.window :]
    return lambda: model.predict(last, verbose=0)


def _bare_network() -> Any:
    """What one would write: the same layers that learn, and nothing around them."""
    import keras

    layers: Any = keras.layers
    return keras.Sequential(
        [
            keras.Input((DATA.window, FEATURES)),
            layers.Normalization(mean=[0.0] * FEATURES, variance=[1.0] * FEATURES),
            layers.LSTM(64),
            layers.Dense(len(DATA.horizons)),
        ]
    )


def _ready_arrays(model: Any, values: Any, targets: Any, rows: Any, split: Split) -> Callable[[], object]:
    windows = np.lib.stride_tricks.sliding_window_view(values, DATA.window, axis=0).swapaxes(1, 2)
    first = rows - (DATA.window - 1)
    train, validation = (np.ascontiguousarray(windows[first[part]]) for part in (split.train, split.validation))
    return lambda: model.fit(
        train,
        targets[split.train],
        validation_data=(validation, targets[split.validation]),
        batch_size=NetworkOptions().batch,
        epochs=1,
        verbose=0,
    )


def _loader(model: Any, values: Any, targets: Any, rows: Any, split: Split) -> Callable[[], object]:
    import keras

    def load(part: Any, *, shuffle: bool) -> Any:
        first = rows[part[0]] - (DATA.window - 1)
        return keras.utils.timeseries_dataset_from_array(
            values[first : rows[part[-1]] + 1],
            targets[part],
            sequence_length=DATA.window,
            batch_size=NetworkOptions().batch,
            shuffle=shuffle,
        )

    train, validation = load(split.train, shuffle=True), load(split.validation, shuffle=False)
    return lambda: model.fit(train, validation_data=validation, epochs=1, verbose=0)


def _contend(name: str) -> None:
    import_module("keras")  # what it takes is no part of the measurement
    from crypto_assets.forecast.fitting import device_name

    lesson = make_lesson()
    base_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    foretell = _run_ours(lesson) if name == "ours" else _run_fit(lesson, loads_windows=name == "loader")
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    times = _milliseconds(foretell)
    ending = {
        "windows": lesson.split.train.size,
        "memory_mb": (peak_kb - base_kb) / 1024,
        "p50_ms": float(np.quantile(times, 0.5)),
        "p99_ms": float(np.quantile(times, 0.99)),
        "device": device_name(),
    }
    print(json.dumps(ending), flush=True)


def _milliseconds(call: Callable[[], object]) -> list[float]:
    """Of PREDICTIONS calls, or of those that are done in PREDICTING_S; the first, which compiles, is left out."""
    call()
    times: list[float] = []
    end = time.perf_counter() + PREDICTING_S
    while len(times) < PREDICTIONS and (not times or time.perf_counter() < end):
        began = time.perf_counter()
        call()
        times.append((time.perf_counter() - began) * 1e3)
    return times


if __name__ == "__main__":
    _contend(sys.argv[1])
