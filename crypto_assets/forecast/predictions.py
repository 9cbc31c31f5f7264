"""What a model foretold, beside what happened: the rows that batch and live both make, and how good they were.

One row for each moment and horizon. Returns are log-returns; prices are in the quote asset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.judge.measures import skill
from crypto_assets.forecast.options import Source
from crypto_assets.forecast.table import BoolArray, FloatArray, IntArray
from crypto_assets.schemas import TIMESTAMP, Dataset, described
from crypto_assets.spans import SECOND_US, Span, times_us, to_us

STEP_S: dict[Source, int] = {"gold_features": 60, "klines_1s": 1}
"""Seconds that one row of a source is long, and one step of a horizon."""


LSTM_PREDICTIONS = Dataset(
    name="lstm_predictions",
    payload=pa.schema(
        [
            described("as_of", TIMESTAMP, "moment of the forecast: when the newest candle that it read had closed"),
            described("target_time", TIMESTAMP, "moment that is foretold: as_of and the horizon"),
            described("horizon_s", pa.int32(), "seconds from as_of to target_time"),
            described("price", pa.float64(), "last price at as_of, quote asset"),
            described("predicted_return", pa.float64(), "foretold log-return from as_of to target_time"),
            described("predicted_price", pa.float64(), "price at target_time that this return leads to, quote asset"),
            described("low", pa.float64(), "lower end of the interval around predicted_price, quote asset"),
            described("high", pa.float64(), "upper end of that interval, quote asset"),
            described("interval_share", pa.float64(), "share of prices that the interval is meant to hold"),
            described("model_id", pa.string(), "the promoted model that foretold it"),
            described(
                "known_at", TIMESTAMP, "when it could be known: as_of, or its model's promotion where that is later"
            ),
            described("is_backcast", pa.bool_(), "whether its model was promoted after as_of: nobody could act on it"),
            described("realised_return", pa.float64(), "log-return that came; null until it is known", nullable=True),
            described("realised_price", pa.float64(), "price at target_time; null until it is known", nullable=True),
        ]
    ),
    key=("as_of", "horizon_s"),
    folder="forecast/predictions/symbol={symbol}/date={day}",
    file="predictions.parquet",
)
"""A day's rows are of its candles: the first `as_of` is a step after midnight, the last one the midnight that ends it.
Where a target's own candle was filled, nothing is ever realised: its price was made up."""


def predictions_of(
    card: ModelCard, *, as_of_us: IntArray, price: FloatArray, forecasts: FloatArray, promoted_at: datetime
) -> pa.Table:
    """Rows of LSTM_PREDICTIONS for moments (us UTC, shape (n,)), nothing realised yet; ordered by moment, then horizon.

    `price` has shape (n,); `forecasts` are log-returns of shape (n, horizons of the card). The interval is
    price · exp(forecast ± half-width of the card).
    """
    rows, horizons = forecasts.shape
    horizon_s = np.asarray(card.data.horizons, np.int64) * STEP_S[card.data.source]
    half_widths = np.asarray(card.interval_half_widths, np.float64)
    moments, last = np.repeat(as_of_us, horizons), np.repeat(price, horizons)
    seconds, widths, foretold = np.tile(horizon_s, rows), np.tile(half_widths, rows), forecasts.reshape(-1)
    promoted_us, count = to_us(promoted_at), rows * horizons
    columns = {
        "as_of": moments,
        "target_time": moments + seconds * SECOND_US,
        "horizon_s": seconds,
        "price": last,
        "predicted_return": foretold,
        "predicted_price": last * np.exp(foretold),
        "low": last * np.exp(foretold - widths),
        "high": last * np.exp(foretold + widths),
        "interval_share": np.full(count, card.interval_share),
        "model_id": [card.model_id] * count,
        "known_at": np.maximum(moments, promoted_us),
        "is_backcast": moments < promoted_us,
        "realised_return": np.full(count, np.nan),
        "realised_price": np.full(count, np.nan),
    }
    schema = LSTM_PREDICTIONS.schema
    return pa.table(
        [_array(columns[field.name], field) for field in schema],
        schema=schema,
    )


def realised(predictions: pa.Table, *, as_of_us: IntArray, close: FloatArray) -> pa.Table:
    """The predictions with what came of them, where one of the moments is their target; all else stays as it is.

    `as_of_us` (us UTC, ascending) and `close` (quote asset) are real candles: of a filled one nothing can be learnt.
    """
    target = times_us(predictions["target_time"])
    found = np.flatnonzero(np.isin(target, as_of_us))
    price = _floats(predictions, "realised_price").copy()
    price[found] = close[np.searchsorted(as_of_us, target[found])]
    came = _floats(predictions, "realised_return").copy()
    came[found] = np.log(price[found] / _floats(predictions, "price")[found])
    return _with(_with(predictions, "realised_price", price), "realised_return", came)


def unrealised(predictions: pa.Table, span: Span) -> pa.Table:
    """The predictions with nothing known of targets at which candles of a span close: after its start, to its end."""
    target = times_us(predictions["target_time"])
    forgotten = (to_us(span.start) < target) & (target <= to_us(span.end))
    for name in ("realised_price", "realised_return"):
        predictions = _with(predictions, name, np.where(forgotten, np.nan, _floats(predictions, name)))
    return predictions


def record_of_model(predictions: pa.Table, model_id: str) -> pa.Table:
    """The forecasts that a model made in time: others' say nothing of it, and a backcast is no record of anything."""
    own = np.array(predictions["model_id"].to_pylist()) == model_id
    return predictions.filter(pa.array(own & ~predictions["is_backcast"].to_numpy(), pa.bool_()))


@dataclass(frozen=True, slots=True)
class Score:
    """How good the forecasts of one horizon were, where it is known what came."""

    horizon_s: int
    rows: int
    realised: int
    skill: float | None
    """1 - MSE of the forecast / MSE of the last price, of log-returns; None where nothing is known or nothing moved."""
    coverage: float | None
    """Share of prices that came and lie in their interval."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Forecasts of one horizon that are realised, ascending in time; arrays of shape (n,)."""

    horizon_s: int
    as_of_us: IntArray
    foretold: FloatArray
    """Log-returns."""
    came: FloatArray
    """Log-returns."""
    half_width: FloatArray
    """Of the interval around the forecast, log-return."""
    inside: BoolArray
    """Whether the price that came lies in the interval."""

    @property
    def loss(self) -> FloatArray:
        """Squared errors of the forecasts."""
        return (self.came - self.foretold) ** 2

    @property
    def naive(self) -> FloatArray:
        """Squared errors of the last price, which foretells a return of zero."""
        return self.came**2


def outcomes(predictions: pa.Table) -> Iterator[Outcome]:
    """What came of the forecasts of each horizon, the shortest first; those that wait for it are left out."""
    seconds = predictions["horizon_s"].to_numpy()
    price, came = _floats(predictions, "realised_price"), _floats(predictions, "realised_return")
    low, high = predictions["low"].to_numpy(), predictions["high"].to_numpy()
    half_width = np.log(high / low) / 2
    moments, foretold = times_us(predictions["as_of"]), predictions["predicted_return"].to_numpy()
    for horizon in np.unique(seconds):
        rows = np.flatnonzero((seconds == horizon) & np.isfinite(came))
        inside = (low[rows] <= price[rows]) & (price[rows] <= high[rows])
        yield Outcome(int(horizon), moments[rows], foretold[rows], came[rows], half_width[rows], inside)


def scores(predictions: pa.Table) -> list[Score]:
    """Figures of each horizon, the shortest first; none without a row."""
    seconds = predictions["horizon_s"].to_numpy()
    return [
        Score(
            horizon_s=outcome.horizon_s,
            rows=int(np.count_nonzero(seconds == outcome.horizon_s)),
            realised=outcome.came.size,
            skill=skill(outcome.loss, outcome.naive),
            coverage=float(outcome.inside.mean()) if outcome.inside.size else None,
        )
        for outcome in outcomes(predictions)
    ]


def horizon_name(horizon_s: int) -> str:
    """A horizon for people: `15m`, or `10s` where it is no whole minute."""
    return f"{horizon_s // 60}m" if horizon_s % 60 == 0 else f"{timedelta(seconds=horizon_s).total_seconds():.0f}s"


def _floats(table: pa.Table, name: str) -> FloatArray:
    """A column with NaN for null."""
    return table[name].to_numpy().astype(np.float64, copy=False)


def _with(table: pa.Table, name: str, values: FloatArray) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, _array(values, field))


def _array(values: IntArray | FloatArray | BoolArray | list[str], field: pa.Field) -> pa.Array:
    """NaN becomes null where the column may be null."""
    if isinstance(values, np.ndarray) and pa.types.is_timestamp(field.type):
        return pa.array(values).cast(field.type)
    return pa.array(values, field.type, from_pandas=field.nullable)
