"""Fitting a network beside a bare `model.fit` on the same windows, ready in memory, and beside Keras' window loader.

Each of the three lives in a process of its own, so that memory is told apart, and they take their epochs in turn, so
that a slow moment hits all.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from bench.measuring import Absent, Rounds, Taken, answer, peak_mb, started
from crypto_assets.forecast.options import DataOptions, JudgeOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, Samples, Split

ROWS, FEATURES = 6_000, 45
EPOCHS = 3
PREDICTIONS, PREDICTING_S = 300, 5.0
SEED = 7
DATA = DataOptions()
"""Windows of 60 rows, as by default."""


@dataclass(frozen=True, slots=True)
class Contender:
    """What one came to in one life."""

    seconds: float
    """Of an epoch with its validation, mean of those that count."""
    cpu_s: float
    """The same in seconds of the processors: what a busy machine disturbs less."""
    windows: int
    """Learnt from in an epoch."""
    memory_mb: float
    """Most that the process had above what it had with its libraries imported."""
    p99_ms: float
    """Of the forecast of one window."""
    device: str

    @property
    def windows_per_s(self) -> float:
        """Windows learnt from in a second."""
        return self.windows / self.seconds


def measure(_folder: Path, rounds: int) -> Taken:
    """Windows a second and memory of the three, and how long a forecast takes."""
    lives = [_in_turn([("ours", {}), ("bare", {}), ("loader", {})]) for _ in range(rounds)]
    ours, bare, loader = zip(*lives, strict=True)
    for other, side in (("fit", bare), ("loader", loader)):
        yield f"training.{other}", Rounds(*([c.windows_per_s for c in each] for each in (ours, side)))
        yield f"training.{other}_memory", Rounds(*([c.memory_mb for c in each] for each in (ours, side)))
    yield "training.fit_cpu", Rounds(*([c.cpu_s for c in each] for each in (ours, bare)))
    yield "training.forecast", Rounds([c.p99_ms for c in ours])
    yield "training.forecast_keras", Rounds(*([c.p99_ms for c in each] for each in (ours, bare)))
    if ours[0].device == "CPU":
        yield "training.gpu", Absent("TensorFlow sees no GPU")
        return
    on_cpu = [_in_turn([("ours", {"CUDA_VISIBLE_DEVICES": "-1"})])[0] for _ in range(rounds)]
    yield "training.gpu", Rounds(*([c.windows_per_s for c in each] for each in (ours, on_cpu)))


def _in_turn(contenders: list[tuple[str, Mapping[str, str]]]) -> list[Contender]:
    """Let each take an epoch, again and again; the first, in which TensorFlow compiles, is not measured."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(started("bench.parts.training", name, **environment))
            for name, environment in contenders
        ]
        times = [[_epoch(process) for process in processes] for _ in range(EPOCHS + 1)]
        endings = [_ask(process, "end") for process in processes]
    means = np.array(times)[1:].mean(axis=0).tolist()
    return [Contender(seconds=s, cpu_s=cpu, **ending) for (s, cpu), ending in zip(means, endings, strict=True)]


def _epoch(process: subprocess.Popen[str]) -> tuple[float, float]:
    reply = _ask(process, "epoch")
    return reply["seconds"], reply["cpu_s"]


def _ask(process: subprocess.Popen[str], word: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()
    return msgspec.json.decode(process.stdout.readline())


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
        answer({"seconds": epoch.took_s, "cpu_s": time.process_time() - cpu[-1]})
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
        answer({"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - cpu})
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
    base_mb = peak_mb()
    foretell = _run_ours(lesson) if name == "ours" else _run_fit(lesson, loads_windows=name == "loader")
    most_mb = peak_mb()
    times = _milliseconds(foretell)
    ending = {
        "windows": lesson.split.train.size,
        "memory_mb": most_mb - base_mb,
        "p99_ms": float(np.quantile(times, 0.99)),
        "device": device_name(),
    }
    answer(ending)


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
