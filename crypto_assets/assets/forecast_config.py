"""What a run of the forecast's assets may be asked for."""

from __future__ import annotations

import dagster as dg
from pydantic import Field

from crypto_assets.config import read_settings
from crypto_assets.forecast.options import ForecastOptions, options_of

OF_PREDICTIONS = frozenset({"backcast"})
"""Fields that say nothing of a model."""


class ForecastConfig(dg.Config):
    """Options of forecasts, as `crypto_assets.forecast.options` tells of them; what is left out has its default there.

    The four assets of the group take the same options: give a run over several of them the same ones.
    """

    source: str | None = Field(
        default=None, description="`gold_features`, a row a minute, or `klines_1s`, a row a second."
    )
    days: int | None = Field(
        default=None, description="Days up to and including the partition's. Default FORECAST_DAYS."
    )
    window: int | None = Field(default=None, description="Rows of a window.")
    horizons: list[int] | None = Field(default=None, description="How many rows ahead is foretold, ascending.")
    features: list[str] | None = Field(default=None, description="Columns that the model reads.")
    units: list[int] | None = Field(default=None, description="Units of each LSTM layer.")
    dropout: float | None = Field(
        default=None, description="Share of inputs that each LSTM layer forgets while it is fitted."
    )
    learning_rate: float | None = Field(default=None, description="Of Adam.")
    batch: int | None = Field(default=None, description="Windows a step of the fit.")
    epochs: int | None = Field(default=None, description="Passes over the training windows, at most.")
    patience: int | None = Field(
        default=None, description="Epochs without a better validation loss after which it ends."
    )
    seed: int | None = Field(
        default=None, description="Of the network's first weights and of the order of its windows."
    )
    memory_mb: int | None = Field(default=None, description="Resident memory at which a training ends itself.")
    folds: int | None = Field(default=None, description="Blocks of rows that are foretold one after the other.")
    seeds: int | None = Field(default=None, description="Networks fitted a fold.")
    test_share: float | None = Field(default=None, description="Part of all samples that is foretold.")
    validation_share: float | None = Field(
        default=None, description="Newest part of what precedes a block, to end the fit on."
    )
    primary: int | None = Field(default=None, description="Index of the horizon that promotion is decided on.")
    alpha: float | None = Field(default=None, description="Significance level.")
    resamples: int | None = Field(default=None, description="Of the block bootstrap.")
    fee_bps: float | None = Field(default=None, description="Fee a side, in basis points, of the line about profit.")
    backcast: bool = Field(
        default=True,
        description=(
            "Whether moments of lstm_predictions before the first promotion get a model that was promoted later, of "
            "data that ended before the day; such rows are marked."
        ),
    )

    def options(self) -> ForecastOptions:
        """The options; days not given are those of FORECAST_DAYS. Raises ConfigurationError with a sentence."""
        given = {name: value for name, value in self if value is not None and name not in OF_PREDICTIONS}
        return options_of({"days": read_settings().forecast_days, **given})
