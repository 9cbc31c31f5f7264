"""The card of a model: what it was made of, how, and where it ends; it lies inside the model's own file."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from crypto_assets.forecast.notice import notice
from crypto_assets.forecast.options import INTERVAL_SHARE, DataOptions, NetworkOptions, Source
from crypto_assets.forecast.training_state import Epoch
from crypto_assets.spans import from_us

SCHEMA_VERSION = 1
"""Raised with every change of the file or of what the model is given; a file of another version is not loaded."""


_UNITS: dict[Source, str] = {"gold_features": "min", "klines_1s": "s"}
"""Of a horizon, by what a row is."""


class CardNormaliser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the model takes from each feature and then divides it by, in the order of `features`."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    constant: tuple[str, ...] = ()
    """Features that did not vary while it was trained."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the split: samples whose windows end in [start_us, end_us], as_of in us UTC, both included."""

    samples: int
    start_us: int
    end_us: int


class CardSplit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the model was fitted on, what ended its fit, and what it has never seen."""

    train: Part
    validation: Part
    test: Part


class ModelCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is known of a model without loading it."""

    model_id: str
    """`<symbol>-<as-of day>-<12 hex of training_key>`."""
    symbol: str
    exchange: str
    """As in rows: binance, replay, simulator-<seed>."""
    as_of_day: date
    """Last UTC day that the model, or any choice about it, has seen."""
    made_at: datetime
    data: DataOptions
    network: NetworkOptions
    features: tuple[str, ...]
    """Columns of a window, in this order."""
    normaliser: CardNormaliser
    target_scale: tuple[float, ...]
    """Standard deviation of the training targets by horizon, log-return."""
    interval_share: float = INTERVAL_SHARE
    interval_half_widths: tuple[float, ...]
    """Quantile `interval_share` of the absolute error on the validation samples, by horizon, log-return."""
    feature_low: tuple[float, ...]
    """Quantile 0.1 % of each feature over the training rows."""
    feature_high: tuple[float, ...]
    """Quantile 99.9 % of each feature over the training rows."""
    rows: int
    """Of the table."""
    samples: int
    first_as_of: datetime
    last_as_of: datetime
    split: CardSplit
    training_set_sha256: str
    training_key: str
    """sha256 of all that determines the weights: training set, options, seed, library versions."""
    inputs: dict[str, str]
    """Data version of each input of the training set."""
    seeds: tuple[int, ...]
    versions: dict[str, str]
    """Of the libraries that made it."""
    device: str
    metrics: dict[str, float]
    """On the validation samples, which ended the fit: flattering. `lstm_evaluation` says what the model is worth."""
    history: tuple[Epoch, ...]
    best_epoch: int
    limits: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION


def encode_card(card: ModelCard) -> bytes:
    """The card as indented JSON, the same bytes for the same card."""
    return msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n"


def as_markdown(card: ModelCard) -> str:
    """The card for people."""
    best = card.history[card.best_epoch - 1]
    metrics = [f"- {name}: {value:.6g}" for name, value in card.metrics.items()]
    return "\n".join(
        [
            f"# {card.model_id}",
            "",
            notice(card.exchange),
            "",
            f"Foretells log-returns of {card.symbol} over {_horizons(card)} from the last {card.data.window} rows of "
            f"`{card.data.source}`, {len(card.features)} columns.",
            "",
            *_data_lines(card),
            "",
            "## Training",
            f"- LSTM {' + '.join(map(str, card.network.units))}, dropout {card.network.dropout:g}, batch "
            f"{card.network.batch}, learning rate {card.network.learning_rate:g}, seed {_joined(card.seeds)}, on "
            f"{card.device}",
            f"- best of {len(card.history)} epochs: {card.best_epoch}, loss {best.loss:.5f}, on the validation samples "
            f"{best.validation_loss:.5f} (in squares of the target scale)",
            f"- versions: {', '.join(f'{name} {version}' for name, version in card.versions.items())}",
            "",
            "## Measured on the validation samples",
            "They ended the fit, so these figures flatter. `lstm_evaluation` says what such a model is worth.",
            "",
            *metrics,
            f"- {card.interval_share:.0%} of outcomes lay within " + _intervals(card),
            "",
            "## Limits",
            *(f"- {limit}" for limit in card.limits),
            "",
            "## Features",
            "| feature | mean | scale | 0.1 % | 99.9 % |",
            "|---|---|---|---|---|",
            *_feature_lines(card),
            "",
        ]
    )


def _data_lines(card: ModelCard) -> list[str]:
    parts = {"trained on": card.split.train, "ended by": card.split.validation, "never seen": card.split.test}
    return [
        "## Data",
        f"- as of {card.as_of_day}, {card.data.days} days: {card.rows:,} rows, {card.samples:,} samples, "
        f"{card.first_as_of:%Y-%m-%d %H:%M} to {card.last_as_of:%Y-%m-%d %H:%M} UTC",
        *(
            f"- {name}: {part.samples:,} samples, {_moment(part.start_us)} to {_moment(part.end_us)}"
            for name, part in parts.items()
        ),
        f"- training set sha256 `{card.training_set_sha256}`",
        *(f"- {name}: `{version}`" for name, version in card.inputs.items()),
    ]


def _feature_lines(card: ModelCard) -> list[str]:
    columns = (card.features, card.normaliser.mean, card.normaliser.scale, card.feature_low, card.feature_high)
    return [
        f"| {name}{' (constant)' if name in card.normaliser.constant else ''} | {mean:.4g} | {scale:.4g} | {low:.4g} "
        f"| {high:.4g} |"
        for name, mean, scale, low, high in zip(*columns, strict=True)
    ]


def _horizons(card: ModelCard) -> str:
    return f"{_joined(card.data.horizons)} {_UNITS[card.data.source]}"


def _intervals(card: ModelCard) -> str:
    unit = _UNITS[card.data.source]
    return ", ".join(
        f"±{width * 1e4:.2f} bps ({horizon} {unit})"
        for width, horizon in zip(card.interval_half_widths, card.data.horizons, strict=True)
    )


def _joined(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _moment(time_us: int) -> str:
    return f"{from_us(time_us):%Y-%m-%d %H:%M:%S}"
