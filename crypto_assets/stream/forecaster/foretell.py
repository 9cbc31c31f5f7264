"""From the newest candles of a symbol to predictions, or to the reason why there is none. Nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from crypto_assets.features.inputs import LEAD_IN_DAYS
from crypto_assets.forecast.notice import notice
from crypto_assets.forecast.predictions import predictions_of
from crypto_assets.forecast.samples import has_price, is_usable, rows_in_order
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.spans import day_span, from_us, to_us
from crypto_assets.stream.forecaster.latest import PREDICTED
from crypto_assets.stream.forecaster.models import Model
from crypto_assets.stream.forecaster.prediction import Prediction
from crypto_assets.stream.forecaster.rows import LiveRows

NOT_WARM, GAP, NOT_REAL, NOT_A_NUMBER, SEEN = "not warm", "gap", "candle not real", "no value", "refused model"
SHOWN = 5
"""Names of columns that a sentence lists."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """What came of candles that closed."""

    state: str
    """PREDICTED, or in a few words what was in the way of the newest candle."""
    sentence: str
    predictions: tuple[Prediction, ...] = ()
    """Of the newest candle and of those before it that were asked for, ascending."""


def foretell(
    rows: LiveRows, model: Model, *, as_of_us: Sequence[int], newest_us: int, exchange: str, now: datetime
) -> Foretold:
    """Predictions at moments (us UTC) when candles closed, the last of which may be `newest_us`.

    Only what lies ahead of the newest candle is foretold: of an older one the longer horizons, or nothing. Raises
    LakeError, or BadPayload where candles contradict each other.
    """
    card = model.card
    if day_span(card.as_of_day).end > from_us(newest_us):
        return Foretold(SEEN, f"{card.model_id} has seen {card.as_of_day}: it foretells what comes after that day.")
    step_us = rows.step_us
    oldest_us = newest_us - card.data.longest * step_us
    wanted = sorted({moment for moment in as_of_us if oldest_us < moment <= newest_us})
    first_us = min([*wanted, newest_us]) - (card.data.window - 1) * step_us
    table = rows.table(card.features, first_us=first_us, until_us=newest_us)
    state, sentence = judge_row(table, newest_us, window=card.data.window)
    usable = (rows_in_order(table) >= card.data.window) & has_price(table)
    chosen = np.flatnonzero(usable & np.isin(table.as_of_us, wanted))
    if not chosen.size:
        return Foretold(state, sentence)
    made = predictions_of(
        card,
        as_of_us=table.as_of_us[chosen],
        price=table.close[chosen],
        forecasts=model.foretells.predict(table, chosen),
        promoted_at=model.promotion.promoted_at,
    )
    same = {"exchange": exchange, "symbol": table.symbol, "known_at": now}
    same |= {"is_simulated": exchange.startswith("simulator"), "notice": notice(exchange)}
    read = [name for name in Prediction._fields if name not in same]
    predictions = [
        Prediction(**same, **{name: row[name] for name in read})
        for row in made.select(read).to_pylist()
        if to_us(row["target_time"]) > newest_us and np.isfinite(row["predicted_return"])
    ]
    return Foretold(state, sentence, tuple(predictions))


def judge_row(table: FeatureTable, as_of_us: int, *, window: int) -> tuple[str, str]:
    """PREDICTED and nothing where the row of a moment ends a window, else what is in the way, and a sentence of it."""
    at = int(np.searchsorted(table.as_of_us, as_of_us))
    if at == len(table) or table.as_of_us[at] != as_of_us or not has_price(table)[at]:
        return NOT_REAL, (
            f"the candle that closed at {from_us(as_of_us):%H:%M} contradicts itself or lies off the grid: its close "
            "is no price to foretell from. The next one decides anew."
        )
    held = int(rows_in_order(table)[at])
    if held >= window:
        return PREDICTED, ""
    before = at - held
    short = f"the window has {held} of {window} minutes up to {from_us(as_of_us):%H:%M}"
    if before < 0:
        return GAP, f"{short}: there is no candle before. Materialise bronze_klines_1m, _5m and _15m of these days."
    if is_usable(table)[before]:
        since, until = (from_us(int(us)) for us in (table.as_of_us[before], table.open_us[before + 1]))
        return GAP, f"{short}: candles from {since:%H:%M} to {until:%H:%M} are missing. A repair, or time, helps."
    if not table.warm[before]:
        return NOT_WARM, (
            f"{short}: the features of the row of {from_us(int(table.open_us[before])):%Y-%m-%d %H:%M} lack candles. "
            f"They need {LEAD_IN_DAYS} days before it: materialise bronze and silver klines of these days."
        )
    broken = [name for name, value in zip(table.features, table.values[before], strict=True) if not np.isfinite(value)]
    more = f" and {len(broken) - SHOWN} more" if len(broken) > SHOWN else ""
    return NOT_A_NUMBER, f"{short}: {', '.join(broken[:SHOWN])}{more} have no value at the row before it."
