"""Writes the card of a network that was just fitted."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version

import msgspec
import numpy as np

from crypto_assets.forecast.card import CardNormaliser, CardSplit, ModelCard, Part
from crypto_assets.forecast.network import TrainedNetwork
from crypto_assets.forecast.options import INTERVAL_SHARE, DataOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray, Samples, Split
from crypto_assets.forecast.windows import touched_rows
from crypto_assets.spans import from_us

LIBRARIES = ("tensorflow", "keras", "numpy")
LOW, HIGH = 0.001, 0.999

LIMITS = (
    "Foretells the mean of a log-return; most of a return over minutes is noise that nothing foretells.",
    "Knows only the days that it was trained on. Where features leave their range, it is out of its depth.",
    "Fees, spread and the effect of an order on the price are not part of it.",
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose data a network was fitted on."""

    exchange: str
    as_of_day: date
    training_set_sha256: str
    inputs: Mapping[str, str]


def library_versions() -> dict[str, str]:
    """Of Python and what the weights come from."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def training_key(
    *, training_set_sha256: str, split: Split, data: DataOptions, network: NetworkOptions, seed: int
) -> str:
    """sha256 of all that determines the weights, but for the kind of device; the memory limit is no part of it."""
    described = {
        "training_set": training_set_sha256,
        "split": [hashlib.sha256(part.tobytes()).hexdigest() for part in split.parts.values()],
        "data": msgspec.to_builtins(data),
        "network": msgspec.to_builtins(msgspec.structs.replace(network, seed=seed, memory_mb=1)),
        "versions": library_versions(),
    }
    return hashlib.sha256(msgspec.json.encode(described, order="deterministic")).hexdigest()


def make_card(
    network: TrainedNetwork, table: FeatureTable, samples: Samples, split: Split, *, origin: Origin, now: datetime
) -> ModelCard:
    """The card of a network fitted on this split of these samples; its figures are of the validation samples."""
    key = training_key(
        training_set_sha256=origin.training_set_sha256,
        split=split,
        data=network.data,
        network=network.options,
        seed=network.seed,
    )
    errors = samples.targets[split.validation] - network.predict(table, samples.rows[split.validation])
    train = touched_rows(samples.rows[split.train], window=network.data.window, length=len(table))
    low, high = np.quantile(table.values[train], [LOW, HIGH], axis=0)
    return ModelCard(
        model_id=f"{table.symbol}-{origin.as_of_day}-{key[:12]}",
        symbol=table.symbol,
        exchange=origin.exchange,
        as_of_day=origin.as_of_day,
        made_at=now,
        data=network.data,
        network=network.options,
        features=network.features,
        normaliser=CardNormaliser(
            mean=_floats(network.normaliser.mean),
            scale=_floats(network.normaliser.scale),
            constant=network.normaliser.constant,
        ),
        target_scale=_floats(network.target_scale),
        interval_half_widths=_floats(np.quantile(np.abs(errors), INTERVAL_SHARE, axis=0)),
        feature_low=_floats(low),
        feature_high=_floats(high),
        rows=len(table),
        samples=len(samples),
        first_as_of=from_us(int(table.as_of_us[0])),
        last_as_of=from_us(int(table.as_of_us[-1])),
        split=CardSplit(
            train=_part(table, samples.rows[split.train]),
            validation=_part(table, samples.rows[split.validation]),
            test=_part(table, samples.rows[split.test]),
        ),
        training_set_sha256=origin.training_set_sha256,
        training_key=key,
        inputs=dict(origin.inputs),
        seeds=(network.seed,),
        versions=library_versions(),
        device=network.device,
        metrics=_metrics(errors, samples.targets[split.validation], network.data.horizons),
        history=network.history,
        best_epoch=network.best_epoch,
        limits=(*LIMITS, *_own_limits(network)),
    )


def _metrics(errors: FloatArray, targets: FloatArray, horizons: tuple[int, ...]) -> dict[str, float]:
    """Root mean squared error in bps, and skill over foretelling zero, 1 - MSE / MSE of zero, by horizon."""
    error, zero = np.mean(errors**2, axis=0), np.mean(targets**2, axis=0)
    skill = 1 - np.divide(error, zero, out=np.ones_like(error), where=zero > 0)
    return {
        **{f"rmse_bps_{h}": float(np.sqrt(e) * 1e4) for h, e in zip(horizons, error, strict=True)},
        **{f"skill_over_zero_{h}": float(s) for h, s in zip(horizons, skill, strict=True)},
    }


def _own_limits(network: TrainedNetwork) -> list[str]:
    constant = network.normaliser.constant
    return [f"Did not see these features vary, and learnt nothing of them: {', '.join(constant)}."] if constant else []


def _part(table: FeatureTable, rows: IntArray) -> Part:
    if not rows.size:
        return Part(samples=0, start_us=int(table.as_of_us[-1]), end_us=int(table.as_of_us[-1]))
    return Part(samples=rows.size, start_us=int(table.as_of_us[rows[0]]), end_us=int(table.as_of_us[rows[-1]]))


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(values.tolist())
