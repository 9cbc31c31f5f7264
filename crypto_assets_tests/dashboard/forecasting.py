"""Models, judgements and predictions put where training, evaluation and forecaster put them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import exp

import msgspec
import numpy as np
import redis

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.forecast.card import ModelCard, encode_card
from crypto_assets.forecast.checkpoint import CARD_MEMBER
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.evaluations import Evaluations, ModelEvaluation
from crypto_assets.forecast.judge.evaluation import Evaluated
from crypto_assets.forecast.judge.verdict import judge
from crypto_assets.forecast.notice import notice
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS, predictions_of, realised
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.postgres.kept import KeptConnection
from crypto_assets.spans import day_span, to_us
from crypto_assets.stream.forecaster.latest import PREDICTED, Latest
from crypto_assets.stream.forecaster.prediction import Prediction
from crypto_assets.stream.forecaster.store import write_predictions
from crypto_assets_tests.forecast.judge.worlds import guess, judged, options_of
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.forecast.tables import random_walk

VERDICT = "beats persistence by 1.80 % ± 0.60 % and every other baseline."


def card_of(settings: Settings, symbol: str, day: date) -> ModelCard:
    """The card of a model that foretells one and fifteen minutes."""
    card = small_card(
        model_id=f"{symbol}-{day}-0123456789ab", symbol=symbol, exchange=exchange_name(settings), as_of_day=day
    )
    return msgspec.structs.replace(card, data=msgspec.structs.replace(card.data, horizons=(1, 15)))


def file_of(card: ModelCard) -> bytes:
    """What can be promoted and asked about, but foretells nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(CARD_MEMBER, encode_card(card))
    return buffer.getvalue()


def make_model(settings: Settings, symbol: str, day: date) -> ModelCard:
    """A model of a day, not judged."""
    card = card_of(settings, symbol, day)
    Checkpoints(settings.checkpoints).publish(symbol, day, content=file_of(card), card=card)
    return card


def judge_model(settings: Settings, card: ModelCard, *, at: datetime) -> ModelEvaluation:
    """The judgement of a model that guesses: it is not promoted."""
    made = _guessed().evaluation
    evaluation = msgspec.structs.replace(made, symbol=card.symbol)
    found = ModelEvaluation(
        key="k",
        symbol=card.symbol,
        exchange=card.exchange,
        as_of_day=card.as_of_day,
        made_at=at,
        model_id=card.model_id,
        checkpoint_sha256="ab" * 32,
        training_set_sha256="cd" * 32,
        evaluation=evaluation,
        verdict=judge(evaluation),
        leaks=(),
        audited=(),
    )
    return Evaluations(Lake(settings.lake)).publish(found, _guessed().rows).evaluated


def promote(settings: Settings, card: ModelCard, *, at: datetime, reason: str = "") -> None:
    """Put a model in force."""
    Promotions(settings.checkpoints).promote(card, file_of(card), verdict=VERDICT, now=at, reason=reason)


def predicted(settings: Settings, card: ModelCard, *, as_of: datetime, price: float, drift: float) -> list[Prediction]:
    """What the model foretells of a moment, each horizon `drift` (log-return) from the price."""
    exchange = exchange_name(settings)
    return [
        Prediction(
            exchange=exchange,
            symbol=card.symbol,
            as_of=as_of,
            known_at=as_of + timedelta(milliseconds=300),
            target_time=as_of + timedelta(minutes=horizon),
            horizon_s=horizon * 60,
            price=price,
            predicted_return=drift,
            predicted_price=price * exp(drift),
            low=price * exp(drift - width),
            high=price * exp(drift + width),
            interval_share=card.interval_share,
            model_id=card.model_id,
            is_simulated=True,
            notice=notice(exchange),
        )
        for horizon, width in zip(card.data.horizons, card.interval_half_widths, strict=True)
    ]


def store(settings: Settings, predictions: Sequence[Prediction]) -> None:
    """In PostgreSQL."""
    assert settings.postgres_url is not None
    with closing(KeptConnection(settings.postgres_url.get_secret_value())) as kept:
        write_predictions(kept, predictions)


def announce(client: redis.Redis, predictions: Sequence[Prediction]) -> None:
    """In Redis, as the forecaster's last words."""
    one = predictions[0]
    Latest(client, one.exchange).put(
        one.symbol, as_of_us=to_us(one.as_of), state=PREDICTED, detail="", predictions=predictions
    )


def publish_day(settings: Settings, card: ModelCard, day: date, *, promoted_at: datetime, seed: int = 1) -> None:
    """A day of predictions by minute in the lake, beside a walk that they know a little of."""
    rng = np.random.default_rng(seed)
    minutes = 1_440 + max(card.data.horizons)
    close = 60_000 * np.exp(np.cumsum(rng.normal(0, 4e-4, minutes)))
    as_of_us = to_us(day_span(day).start) + 60_000_000 * np.arange(1, minutes + 1)
    came = [np.log(close[horizon : 1_440 + horizon] / close[:1_440]) for horizon in card.data.horizons]
    noise = rng.normal(0, 4e-4, (1_440, len(came)))
    forecasts = np.column_stack([0.2 * one for one in came]) + 0.3 * noise
    rows = predictions_of(
        card, as_of_us=as_of_us[:1_440], price=close[:1_440], forecasts=forecasts, promoted_at=promoted_at
    )
    Lake(settings.lake).publish(LSTM_PREDICTIONS, card.symbol, day, realised(rows, as_of_us=as_of_us, close=close))


@cache
def _guessed() -> Evaluated:
    return judged(random_walk(900, seed=3), guess, options_of(horizons=(1,)))


def midnight(day: date) -> datetime:
    """The first moment of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
