"""From candles to predictions, or to the sentence that says why there is none. The model always says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.promotions import Promotion
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.lake.lake import Lake
from crypto_assets.spans import to_us
from crypto_assets.stream.forecaster.days import CandleDays
from crypto_assets.stream.forecaster.foretell import (
    GAP,
    NOT_A_NUMBER,
    NOT_REAL,
    NOT_WARM,
    SEEN,
    Foretold,
    foretell,
    judge_row,
)
from crypto_assets.stream.forecaster.latest import PREDICTED
from crypto_assets.stream.forecaster.models import Model
from crypto_assets.stream.forecaster.rows import LiveRows
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.forecast.tables import random_walk, without_rows
from crypto_assets_tests.stream.forecaster.market import SYMBOL, between, candles, moment

EXCHANGE = "simulator-7"
NOW = datetime(2026, 11, 20, 0, 9, 1, tzinfo=UTC)
RETURN = 0.001


class Steady:
    """Foretells RETURN for every horizon."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    def predict(self, table: FeatureTable, rows: IntArray) -> FloatArray:
        assert table.features == self.card.features
        return np.full((rows.size, len(self.card.data.horizons)), RETURN)


def model_of(card: ModelCard | None = None) -> Model:
    card = card or small_card()
    promotion = Promotion(
        model_id=card.model_id,
        symbol=card.symbol,
        as_of_day=card.as_of_day,
        promoted_at=NOW - timedelta(days=3),
        verdict="",
        sha256="",
    )
    return Model(promotion, Steady(card))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> LiveRows:
    """Candles of five days and of ten minutes; the two that open at 00:02 and 00:03 are missing."""
    days = CandleDays(Lake(str(tmp_path_factory.mktemp("lake"))), SYMBOL)
    missing = [moment(2), moment(3)]
    for timeframe, table in candles(missing=missing).items():
        days.add(timeframe, between(table, moment(-9_000), moment(20)))
    return LiveRows(days)


def at(rows: LiveRows, minutes: Sequence[int], *, newest: int, model: Model | None = None) -> Foretold:
    """What is foretold where the candles that closed at these minutes wait, and the newest closed at `newest`."""
    moments = [to_us(moment(minute)) for minute in minutes]
    return foretell(
        rows, model or model_of(), as_of_us=moments, newest_us=to_us(moment(newest)), exchange=EXCHANGE, now=NOW
    )


def minutes_of(foretold: Foretold) -> list[tuple[int, int]]:
    return [((one.as_of - moment(0)) // timedelta(minutes=1), one.horizon_s) for one in foretold.predictions]


def test_a_prediction_says_what_by_whom_of_which_market_and_when(rows: LiveRows) -> None:
    found = at(rows, [2], newest=2)
    assert (found.state, found.sentence, minutes_of(found)) == (PREDICTED, "", [(2, 60), (2, 300)])
    one, card = found.predictions[0], small_card()
    assert one.known_at == NOW
    assert one.target_time == moment(3)
    assert one.predicted_return == RETURN
    assert one.predicted_price == pytest.approx(one.price * np.exp(RETURN), rel=1e-15)
    assert one.low == pytest.approx(one.price * np.exp(RETURN - card.interval_half_widths[0]), rel=1e-15)
    assert one.high == pytest.approx(one.price * np.exp(RETURN + card.interval_half_widths[0]), rel=1e-15)
    assert (one.interval_share, one.model_id) == (card.interval_share, card.model_id)
    assert (one.exchange, one.symbol, one.is_simulated) == (EXCHANGE, SYMBOL, True)
    assert one.notice == "Simulated market (simulator-7). Not financial advice."


def test_only_what_lies_ahead_of_the_newest_candle_is_foretold(rows: LiveRows) -> None:
    assert minutes_of(at(rows, [-9, -5, -4, -1, 0, 1, 2], newest=2)) == [
        (-1, 300),
        (0, 300),
        (1, 300),
        (2, 60),
        (2, 300),
    ]
    assert minutes_of(at(rows, [-3], newest=2)) == []
    assert at(rows, [-3], newest=2).state == PREDICTED, "the state is that of the newest candle"


def test_what_is_missing_in_the_window_is_named(rows: LiveRows) -> None:
    found = at(rows, [6], newest=6)
    assert found.predictions == ()
    assert (found.state, found.sentence) == (
        GAP,
        "the window has 2 of 8 minutes up to 00:06: candles from 00:02 to 00:04 are missing. A repair, or time, helps.",
    )
    assert at(rows, [12], newest=12).state == PREDICTED, "the window is behind the gap"
    assert at(rows, [11], newest=11).state == GAP


def test_a_model_does_not_foretell_what_it_has_seen(rows: LiveRows) -> None:
    found = at(rows, [2], newest=2, model=model_of(small_card(as_of_day=date(2026, 11, 20))))
    assert (found.state, found.predictions) == (SEEN, ())
    assert "has seen 2026-11-20" in found.sentence


def test_without_days_before_it_no_row_is_warm(tmp_path: Path) -> None:
    days = CandleDays(Lake(str(tmp_path)), SYMBOL)
    for timeframe, table in candles().items():
        days.add(timeframe, between(table, moment(-600), moment(20)))
    found = at(LiveRows(days), [10], newest=10)
    assert (found.state, found.predictions) == (NOT_WARM, ())
    assert "They need 4 days before it: materialise bronze and silver klines of these days." in found.sentence


def test_each_reason_is_told_by_the_row_that_ends_the_window() -> None:
    table = random_walk(100, seed=1)
    last = int(table.as_of_us[-1])
    assert judge_row(table, last, window=60) == (PREDICTED, "")
    assert judge_row(table, last, window=101)[0] == GAP
    assert judge_row(table, last + 60_000_000, window=60)[0] == NOT_REAL
    assert judge_row(without_rows(table, [70]), last, window=60)[0] == GAP
    assert judge_row(without_rows(table, [39]), last, window=60)[0] == PREDICTED
    unreal, cold, broken = table.is_real.copy(), table.warm.copy(), table.values.copy()
    unreal[-1], cold[80], broken[80, 2] = False, False, np.nan
    assert judge_row(replace(table, is_real=unreal), last, window=60)[0] == NOT_REAL
    assert judge_row(replace(table, warm=cold), last, window=60)[0] == NOT_WARM
    state, sentence = judge_row(replace(table, values=broken), last, window=60)
    assert state == NOT_A_NUMBER
    assert "taker_buy_ratio_1m have no value" in sentence
    inside = table.is_real.copy()
    inside[80] = False
    assert judge_row(replace(table, is_real=inside), last, window=60)[0] == PREDICTED, "filled rows may lie inside"
