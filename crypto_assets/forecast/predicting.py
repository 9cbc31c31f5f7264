"""A day of predictions: by the model that was in force at each moment, from what the lake held by then."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from crypto_assets.errors import CheckpointError, InputIncomplete
from crypto_assets.features.candles import NOT_READ
from crypto_assets.flags import has_flag
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import Checkpoint, load_checkpoint, read_card, refuse_other_features
from crypto_assets.forecast.minutes import PRICE_READ
from crypto_assets.forecast.options import Source
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, STEP_S, predictions_of, realised, unrealised
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.forecast.samples import window_rows
from crypto_assets.forecast.selection import known_features
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.forecast.training_sets_days import READ, ReadRows, days_of, read_rows
from crypto_assets.lake.lake import Lake
from crypto_assets.run_tags import command_to_materialise
from crypto_assets.spans import DAY_US, SECOND_US, day_span, to_us

MADE_FROM = "made_from"
"""Note in the file of a day: sum over the models and inputs that its forecasts came from."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The model of a part of a day: of the moments in [start, end)."""

    promotion: Promotion
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class MadeDay:
    """Predictions of a day, and who made them."""

    predictions: pa.Table
    """With the schema of LSTM_PREDICTIONS."""
    cards: tuple[ModelCard, ...]
    """Of the models, in the order in which they were in force; none where none was."""
    candles: int
    """Rows of the day that were there to be read."""
    made_from: str


def models_of(promotions: Promotions, symbol: str, day: date, *, backcast: bool) -> tuple[InForce, ...]:
    """The models of a day's moments, ascending; moments for which there was none are left out.

    A model is in force from its promotion on. With `backcast` the moments without one get the model, promoted later,
    with the newest data that ended before the day.
    """
    whole = day_span(day)
    changes = {entry.promoted_at for entry in promotions.all(symbol) if whole.start < entry.promoted_at < whole.end}
    # the day's last moment is the midnight that ends it: a model that has seen the day does not foretell even that
    edges = sorted({whole.start, *changes, whole.end + timedelta(microseconds=1)})
    instead = promotions.at(symbol, whole.start, backcast=True) if backcast else None
    parts: list[InForce] = []
    for start, until in pairwise(edges):
        promotion = promotions.at(symbol, start) or instead
        if promotion is None:
            continue
        if parts and parts[-1].promotion == promotion and parts[-1].end == start:
            parts[-1] = InForce(promotion, parts[-1].start, until)
        else:
            parts.append(InForce(promotion, start, until))
    return tuple(parts)


def rows_of_day(table: FeatureTable, day: date, *, window: int) -> IntArray:
    """Rows of the table that are of the day and end a window."""
    rows, whole = window_rows(table, window=window), day_span(day)
    moments = table.as_of_us[rows]
    return rows[(to_us(whole.start) < moments) & (moments <= to_us(whole.end))]


class Predictor:
    """Makes days of predictions; a model is loaded once, and only where something has to be foretold.

    Raises CheckpointError where a model's file is gone, damaged or asks for features that there are not, and
    InputIncomplete where the day's own rows are missing.
    """

    def __init__(self, lake: Lake, promotions: Promotions, *, backcast: bool) -> None:
        self._lake = lake
        self._promotions = promotions
        self._backcast = backcast
        self._cards: dict[str, ModelCard] = {}
        self._loaded: dict[str, Checkpoint] = {}

    def make(self, symbol: str, day: date) -> MadeDay:
        """The day's predictions, realised as far as is known now.

        Where the same models foretold it from the same files before, those forecasts stay as they are stored.
        """
        models = models_of(self._promotions, symbol, day, backcast=self._backcast)
        read = [self.rows(symbol, day, card=self.card(model.promotion)) for model in models]
        made_from = _sum_of(models, read)
        predictions = self._stored(symbol, day, made_from)
        if predictions is None:
            parts = [self._foretell(day, model, rows.table) for model, rows in zip(models, read, strict=True)]
            predictions = pa.concat_tables([LSTM_PREDICTIONS.schema.empty_table(), *parts]).combine_chunks()
        cards = tuple(self.card(model.promotion) for model in models)
        after = day + timedelta(days=1)  # the targets of the last rows lie there
        if all(self._lake.has(READ[card.data.source][-1], symbol, after) for card in cards):
            # made_from does not tell of it: a candle that was real when these were stored may be none now
            predictions = unrealised(predictions, day_span(after))
        for card in cards:
            as_of_us, close = real_closes(self._lake, symbol, (day, after), source=card.data.source)
            predictions = realised(predictions, as_of_us=as_of_us, close=close)
        start_us = to_us(day_span(day).start)
        candles = max((int(np.count_nonzero(rows.table.open_us >= start_us)) for rows in read), default=0)
        return MadeDay(predictions, cards, candles, made_from)

    def card(self, promotion: Promotion) -> ModelCard:
        """The card inside a promoted model's file."""
        if promotion.sha256 not in self._cards:
            self._cards[promotion.sha256] = read_card(self._promotions.content(promotion))
        return self._cards[promotion.sha256]

    def rows(self, symbol: str, day: date, *, card: ModelCard) -> ReadRows:
        """Rows of the day and of what a window of the model reaches back to, with the model's columns."""
        source = card.data.source
        refuse_other_features(card, [name for name in card.features if name in known_features(source)])
        for dataset in READ[source]:
            if not self._lake.has(dataset, symbol, day):
                raise InputIncomplete(
                    f"{dataset.name} was never materialised for this day, which {card.model_id} foretells from; what "
                    f"is stored stays. Run: {command_to_materialise(dataset.name, f'{day}|{symbol}')}"
                )
        back = math.ceil(card.data.window * STEP_S[source] * SECOND_US / DAY_US)
        days = days_of(day, days=back + 1)
        return read_rows(self._lake, symbol, days, source=source, features=card.features)

    def foretell(self, promotion: Promotion, table: FeatureTable, rows: IntArray) -> pa.Table:
        """Predictions at some rows of a table, by a promoted model."""
        if not rows.size:
            return LSTM_PREDICTIONS.schema.empty_table()
        checkpoint = self._load(promotion)
        forecasts = checkpoint.predict(table, rows)
        said = np.isfinite(forecasts).all(axis=1)  # a value too large for float32 has no forecast
        return predictions_of(
            checkpoint.card,
            as_of_us=table.as_of_us[rows[said]],
            price=table.close[rows[said]],
            forecasts=forecasts[said],
            promoted_at=promotion.promoted_at,
        )

    def _foretell(self, day: date, model: InForce, table: FeatureTable) -> pa.Table:
        rows = rows_of_day(table, day, window=self.card(model.promotion).data.window)
        moments = table.as_of_us[rows]
        own = (to_us(model.start) <= moments) & (moments < to_us(model.end))
        return self.foretell(model.promotion, table, rows[own])

    def _load(self, promotion: Promotion) -> Checkpoint:
        if promotion.sha256 not in self._loaded:
            self._loaded[promotion.sha256] = load_checkpoint(self._promotions.content(promotion))
        return self._loaded[promotion.sha256]

    def _stored(self, symbol: str, day: date, made_from: str) -> pa.Table | None:
        """What is stored of the day, where it came from just this."""
        stored = self._lake.outline(LSTM_PREDICTIONS, symbol, day)
        if stored is None or stored.notes.get(MADE_FROM) != made_from:
            return None
        return self._lake.read(LSTM_PREDICTIONS, symbol, day)


def real_closes(lake: Lake, symbol: str, days: Sequence[date], *, source: Source) -> tuple[IntArray, FloatArray]:
    """Moments (us UTC, ascending) at which the real candles of those of the days that are there had closed, and their
    closes (quote asset). Filled and contradictory candles are none: what they say was made up."""
    dataset = READ[source][-1]
    klines = pl.DataFrame(pl.from_arrow(lake.read_days(dataset, symbol, days, columns=PRICE_READ)))
    real = klines.filter(~has_flag(*NOT_READ)).sort("open_time")
    opened_us = real["open_time"].cast(pl.Int64).to_numpy()
    return opened_us + STEP_S[source] * SECOND_US, real["close"].cast(pl.Float64).to_numpy()


def promotion_of(promotions: Promotions, symbol: str, model_id: str) -> Promotion:
    """The ledger's first entry of a model; raises CheckpointError where it names no such model."""
    named = [entry for entry in promotions.all(symbol) if entry.model_id == model_id]
    if not named:
        raise CheckpointError(
            f"The ledger of {symbol} names no {model_id}, which predictions are stored of. Put the ledger back, or "
            "materialise lstm_predictions of the day again."
        )
    return min(named, key=lambda entry: entry.promoted_at)


def _sum_of(models: Sequence[InForce], read: Sequence[ReadRows]) -> str:
    """sha256 over what a day's forecasts come from."""
    named = {
        "models": [(part.promotion.sha256, part.promotion.promoted_at, part.start, part.end) for part in models],
        "inputs": {name: version for rows in read for name, version in rows.inputs.items()},
    }
    return hashlib.sha256(msgspec.json.encode(named, order="deterministic")).hexdigest()
