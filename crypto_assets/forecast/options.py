"""What a forecast is made with: data, network, training and evaluation, as one typed object.

It is kept in every model card and compared where something made with it is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from crypto_assets.errors import ConfigurationError

type Source = Literal["gold_features", "klines_1s"]
"""Dataset whose columns a model reads: a row a minute, or a row a second."""

INTERVAL_SHARE = 0.8
"""Of outcomes, that the interval around a forecast is meant to hold; its width is fitted on validation samples."""

Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class DataOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which rows and columns a model sees, and what it is to foretell."""

    source: Source = "gold_features"
    days: Positive = 30
    """Days up to and including the day of the partition."""
    window: Positive = 60
    """Rows of a window; the newest is the one whose future is foretold."""
    horizons: tuple[Positive, ...] = (1, 5, 15)
    """How many rows ahead: minutes with `gold_features`, seconds with `klines_1s` (where 1, 10, 60 suit better)."""
    features: tuple[str, ...] = ()
    """Columns; none means those of `default_features`."""

    @property
    def longest(self) -> int:
        """Rows of the furthest horizon."""
        return max(self.horizons)


class NetworkOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network and how it is fitted."""

    units: tuple[Positive, ...] = (64,)
    """Units of each LSTM layer."""
    dropout: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    learning_rate: Annotated[float, Meta(gt=0)] = 1e-3
    batch: Positive = 256
    epochs: Positive = 10
    patience: Positive = 2
    """Epochs without a better loss on the validation rows after which fitting ends."""
    seed: int = 7
    memory_mb: Positive = 4_096
    """Resident memory at which the process of a training ends itself with a sentence."""


class JudgeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a model is judged."""

    folds: Annotated[int, Meta(ge=2)] = 5
    """Blocks of rows that are foretold, one after the other, each by models that knew only what came before it."""
    seeds: Positive = 3
    """Networks fitted a fold, which differ in their seed only."""
    test_share: Share = 0.5
    """Part of all samples that lies in the folds' test blocks together; the newest block is what decides."""
    validation_share: Share = 0.15
    """Newest part of what precedes a test block, on which fitting is ended."""
    primary: Annotated[int, Meta(ge=0)] = 0
    """Index of the horizon that promotion is decided on; the others are told of."""
    alpha: Share = 0.05
    """Significance level of every interval and of the promotion."""
    resamples: Positive = 1_000
    """Of the block bootstrap."""
    fee_bps: Annotated[float, Meta(ge=0)] = 10.0
    """Paid a side, of the secondary line about profit."""


class ForecastOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it."""

    data: DataOptions = DataOptions()
    network: NetworkOptions = NetworkOptions()
    judge: JudgeOptions = JudgeOptions()


def options_of(given: Mapping[str, object]) -> ForecastOptions:
    """Options by the names of their fields, whichever part they are of; those not given have their defaults.

    Raises ConfigurationError with a sentence where a value cannot mean anything.
    """
    source = given.get("source", "gold_features")
    if source not in get_args(Source.__value__):
        allowed = " or ".join(get_args(Source.__value__))
        raise ConfigurationError(f"Options of forecasts: source is {allowed}; got {source!r}.")
    parts = {part.name: _fields(part.type) for part in msgspec.structs.fields(ForecastOptions)}
    unknown = set(given) - {name for names in parts.values() for name in names}
    if unknown:
        known = ", ".join(name for names in parts.values() for name in names)
        raise ConfigurationError(f"Forecasts have no option {', '.join(sorted(unknown))}. There are: {known}.")
    asked = {part: {name: given[name] for name in names if name in given} for part, names in parts.items()}
    try:
        options = msgspec.convert(asked, ForecastOptions)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"Options of forecasts: {str(error).replace('`$.', '`')}.") from None
    wrong = _contradiction(options)
    if wrong:
        raise ConfigurationError(f"Options of forecasts: {wrong}")
    return options


def differences(held: msgspec.Struct, asked: msgspec.Struct) -> list[str]:
    """In which options two of one kind differ, a phrase each: `window is 60, asked for 30`."""
    return [
        f"{name} is {getattr(held, name)}, asked for {getattr(asked, name)}"
        for name in type(held).__struct_fields__
        if getattr(held, name) != getattr(asked, name)
    ]


def _fields(part: type) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(part))


def _contradiction(options: ForecastOptions) -> str | None:
    """What no single field shows to be wrong."""
    data, judge = options.data, options.judge
    if not data.horizons or list(data.horizons) != sorted(set(data.horizons)):
        return f"horizons must ascend, each named once, and be at least one; got {list(data.horizons)}."
    if len(set(data.features)) != len(data.features):
        twice = sorted({name for name in data.features if data.features.count(name) > 1})
        return f"features names {', '.join(twice)} more than once."
    if judge.primary >= len(data.horizons):
        return f"primary is the index of a horizon, of which there are {len(data.horizons)}; got {judge.primary}."
    if not options.network.units:
        return "units needs the width of at least one LSTM layer; got none."
    return None
