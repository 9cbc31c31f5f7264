"""Evaluates the model of a day: networks like it on every fold, itself on the newest, leaks, verdict, kept."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from crypto_assets.errors import InputIncomplete, LakeError
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.card_making import library_versions, training_key
from crypto_assets.forecast.checkpoint import read_card
from crypto_assets.forecast.checkpoints import NAME as CHECKPOINT
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.day_task import DayTask, Say
from crypto_assets.forecast.evaluating_audit import Audit, audit, candles_of
from crypto_assets.forecast.evaluating_fits import FoldFit, Trainer, network_trainer, published_fit
from crypto_assets.forecast.evaluations import (
    LSTM_EVALUATION,
    Evaluations,
    ModelEvaluation,
    StoredEvaluation,
    evaluation_folder,
)
from crypto_assets.forecast.judge.evaluation import evaluate
from crypto_assets.forecast.judge.leaks import Evidence, Leak, Scaler, find_leaks
from crypto_assets.forecast.judge.verdict import judge
from crypto_assets.forecast.kept import KeptArrays
from crypto_assets.forecast.options import DataOptions, ForecastOptions, NetworkOptions, differences
from crypto_assets.forecast.splits import walk_forward
from crypto_assets.forecast.table import FeatureTable, Forecasts, Samples, Split
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET, StoredSet, TrainingSets
from crypto_assets.lake.lake import Lake
from crypto_assets.spans import day_span, to_us

LIBRARIES = ("scipy", "statsmodels", "scikit-learn")
"""Whose versions, beside those of the network's, the figures may depend on."""

type MakeTrainer = Callable[[FeatureTable, Samples, DataOptions, NetworkOptions], Trainer]


class EvaluateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation came to; its figures are read from the lake."""

    uri: str
    bytes: int
    evaluated: bool
    """False where the day had the very evaluation already."""
    fitted: int
    """Networks that were fitted now."""
    taken_over: int
    """Networks that an evaluation which was ended had fitted."""
    changed: bool
    peak_mb: int
    """Most resident memory that the process had."""


@dataclass(frozen=True, slots=True)
class _Model:
    """A published model with what it was fitted on."""

    content: bytes
    card: ModelCard
    stored: StoredSet
    samples: Samples
    splits: tuple[Split, ...]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def evaluate_partition(task: DayTask, say: Say, *, make_trainer: MakeTrainer = network_trainer) -> EvaluateAnswer:
    """Evaluate the published model of a day and keep what came of it.

    On the newest fold the model itself foretells, for the first seed; everywhere else networks that are fitted as it
    was, on their own fold. Each is kept as soon as it has foretold, so that an evaluation that was ended goes on with
    the next. A day that has this evaluation keeps it; beside another one of the day this one waits.
    Raises InputIncomplete where the model or its training set is absent, was made with other options, or the lake has
    changed so that nothing can be computed again; CheckpointError where the model cannot be used; TrainingFailed where
    a fit diverges; LakeError where a store cannot be used. The former evaluation stays.
    """
    lake, where = Lake(task.lake_uri), f"{LSTM_EVALUATION.name} {task.day} {task.symbol}"
    with lake.files.alone(
        f"evaluation-{task.symbol}-{task.day}", on_wait=lambda: say(f"{where} waits for another one of this day")
    ):
        model = _read_model(task, lake, where=where)
        evaluations, key = Evaluations(lake), _evaluation_key(model, task.options)
        former = evaluations.read(task.symbol, task.day)
        if former is not None and former.evaluated.key == key and _has_forecasts(evaluations, former):
            say(f"{where}: the evaluation of this model with these options is there already")
            return _answer(former, evaluated=False, fitted=0, taken_over=0)
        found = audit(lake, model.stored, seed=task.day.toordinal())
        kept = KeptArrays(lake.files, f"{evaluation_folder(task.symbol, task.day)}/_fits")
        folds = _Folds(task, model, kept=kept, make_trainer=make_trainer, tell=lambda line: say(f"{where} {line}"))
        evaluated = evaluate(model.stored.table, model.samples, model.splits, fit=folds.fit, options=task.options)
        leaks = _leaks(model, folds, lake, found)
        stored = evaluations.publish(
            ModelEvaluation(
                key=key,
                symbol=task.symbol,
                exchange=task.exchange,
                as_of_day=task.day,
                made_at=task.now,
                model_id=model.card.model_id,
                checkpoint_sha256=model.sha256,
                training_set_sha256=model.stored.sha256,
                evaluation=evaluated.evaluation,
                verdict=judge(evaluated.evaluation, leaks=kinds_of(leaks)),
                leaks=leaks,
                audited=found.looked_at,
            ),
            evaluated.rows,
        )
        kept.forget()
        return _answer(stored, evaluated=True, fitted=folds.fitted, taken_over=folds.taken_over)


def kinds_of(leaks: tuple[Leak, ...]) -> tuple[str, ...]:
    """What a verdict names of leaks: each kind once."""
    return tuple(dict.fromkeys(leak.kind.value for leak in leaks))


class _Folds:
    """Fits a network for a fold and a seed, or finds it fitted."""

    def __init__(self, task: DayTask, model: _Model, *, kept: KeptArrays, make_trainer: MakeTrainer, tell: Say) -> None:
        self._kept = kept
        self.scalers: list[Scaler] = []
        self.fitted = self.taken_over = 0
        self._task = task
        self._model = model
        self._tell = tell
        self._train = make_trainer(model.stored.table, model.samples, model.card.data, model.card.network)

    def fit(self, split: Split, seed: int) -> Forecasts:
        """What the network foretells of the split; a line tells of each."""
        model, folds = self._model, len(self._model.splits)
        fold = next(number for number, other in enumerate(model.splits) if other is split)
        key, how = _training_key(model.stored, split, model.card, seed=seed), f"seed {seed}"
        if fold == folds - 1 and seed == self._task.options.network.seed:
            fitted, how = published_fit(model.content, model.stored.table, model.samples, split), "the published model"
        elif (kept := self._kept.read(key)) is not None:
            fitted = FoldFit.of_arrays(kept)
            self.taken_over += 1
        else:
            fitted = self._train(split, seed)
            self._kept.keep(key, fitted.as_arrays())
            self.fitted += 1
        self.scalers.append(Scaler(fold, seed, fitted.mean, fitted.scale, fitted.target_scale))
        of_all = f"{len(self.scalers)} of {folds * self._task.options.judge.seeds} networks"
        self._tell(f"fold {fold + 1}/{folds}, {how}: {of_all}")
        return fitted.forecasts


def _read_model(task: DayTask, lake: Lake, *, where: str) -> _Model:
    """The day's model, the very version of the training set that it was fitted on, and its splits."""
    content = Checkpoints(task.checkpoints_uri).read(task.symbol, task.day)
    if content is None:
        raise InputIncomplete(
            f"{where}: {CHECKPOINT} was never materialised for this day: there is nothing to evaluate. Run: "
            f"{task.command_to_make(CHECKPOINT)}"
        )
    card = read_card(content)
    stored = TrainingSets(lake).read(task.symbol, task.day, sha256=card.training_set_sha256)
    if stored is None:
        raise InputIncomplete(
            f"{where}: {card.model_id} was fitted on a training set (sha256 {card.training_set_sha256[:12]}…) that the "
            f"lake has not. Run: {task.command_to_make(LSTM_TRAINING_SET.name)}, then the same for {CHECKPOINT}"
        )
    samples = stored.samples()
    splits = walk_forward(stored.table, samples, data=stored.options, judge=task.options.judge)
    other = _differences(card, task.options)
    if not other and card.training_key != _training_key(stored, splits[-1], card, seed=task.options.network.seed):
        other = f"its split or its libraries ({', '.join(f'{n} {v}' for n, v in card.versions.items())})"
    if other:
        raise InputIncomplete(
            f"{where}: {card.model_id} was fitted otherwise than this run asks for: {other}. The former evaluation "
            f"stays. Give this run the config of {CHECKPOINT}, or fit it anew with this run's: "
            f"{task.command_to_make(CHECKPOINT)} --config-json '…'"
        )
    return _Model(content, card, stored, samples, splits)


def _differences(card: ModelCard, options: ForecastOptions) -> str:
    """Options in which a model differs from those asked for; the memory limit changes no model."""
    asked = msgspec.structs.replace(options.network, memory_mb=card.network.memory_mb)
    return "; ".join(differences(card.data, options.data) + differences(card.network, asked))


def _leaks(model: _Model, folds: _Folds, lake: Lake, found: Audit) -> tuple[Leak, ...]:
    evidence = Evidence(
        table=model.stored.table,
        samples=model.samples,
        splits=model.splits,
        data=model.card.data,
        scalers=folds.scalers,
        candles=candles_of(lake, model.stored),
        changed=found.changed,
        known_until_us=to_us(day_span(model.stored.as_of_day).end),
    )
    return tuple(find_leaks(evidence))


def _training_key(stored: StoredSet, split: Split, card: ModelCard, *, seed: int) -> str:
    return training_key(training_set_sha256=stored.sha256, split=split, data=card.data, network=card.network, seed=seed)


def _evaluation_key(model: _Model, options: ForecastOptions) -> str:
    """sha256 of all that the figures depend on, but for the kind of device."""
    described = {
        "checkpoint": model.sha256,
        "training_set": model.stored.sha256,
        "options": msgspec.to_builtins(
            msgspec.structs.replace(options, network=msgspec.structs.replace(options.network, memory_mb=1))
        ),
        "versions": {**library_versions(), **{name: version(name) for name in LIBRARIES}},
    }
    return hashlib.sha256(msgspec.json.encode(described, order="deterministic")).hexdigest()


def _has_forecasts(evaluations: Evaluations, former: StoredEvaluation) -> bool:
    """Whether the forecasts beside the figures are whole; where not, they are made anew."""
    try:
        evaluations.forecasts(former.evaluated)
    except LakeError:
        return False
    return True


def _answer(stored: StoredEvaluation, *, evaluated: bool, fitted: int, taken_over: int) -> EvaluateAnswer:
    return EvaluateAnswer(
        uri=stored.uri,
        bytes=stored.bytes,
        evaluated=evaluated,
        fitted=fitted,
        taken_over=taken_over,
        changed=stored.changed,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )
