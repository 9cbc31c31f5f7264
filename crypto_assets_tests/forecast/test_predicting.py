"""Whose model it was at each moment of a day, and how prices are read that forecasts are measured by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast import predicting
from crypto_assets.forecast.card import ModelCard
from crypto_assets.forecast.checkpoint import Checkpoint
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.predicting import Predictor, models_of, promotion_of, real_closes
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.forecast.selection import default_features
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import KLINES_1S
from crypto_assets.spans import from_us
from crypto_assets_tests.forecast.second_days import walk_of_seconds
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.forecast.small_predictions import MINUTES, market, only_a_card, time
from crypto_assets_tests.forecast.tables import publish_gold, with_filled

DAY = date(2024, 8, 10)
Parts = list[tuple[str, datetime, datetime]]


class Ledger:
    """Promotions of models named by their last day."""

    def __init__(self, folder: Path) -> None:
        self.promotions = Promotions(str(folder))

    def promote(self, as_of_day: int, at: datetime, *, name: str = "") -> None:
        name = name or f"model of {as_of_day}"
        card = small_card(model_id=name, as_of_day=date(2024, 8, as_of_day))
        self.promotions.promote(card, only_a_card(card).content, verdict="better", now=at)

    def models(self, *, day: date = DAY, backcast: bool = True) -> Parts:
        found = models_of(self.promotions, "BTCUSDT", day, backcast=backcast)
        return [(part.promotion.model_id, part.start, part.end) for part in found]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


MIDNIGHT = time(11) + timedelta(microseconds=1)
"""The day's last moment lies before it."""


def test_without_a_promotion_there_is_no_model(ledger: Ledger) -> None:
    assert ledger.models() == []


def test_a_model_promoted_before_is_the_model_of_the_whole_day(ledger: Ledger) -> None:
    ledger.promote(8, time(9, 3))
    assert ledger.models() == [("model of 8", time(10), MIDNIGHT)]


def test_a_promotion_within_the_day_changes_the_model_at_that_moment(ledger: Ledger) -> None:
    ledger.promote(8, time(9, 3))
    ledger.promote(9, time(10, 3, 20))
    assert ledger.models() == [("model of 8", time(10), time(10, 3, 20)), ("model of 9", time(10, 3, 20), MIDNIGHT)]


def test_before_the_first_promotion_the_newest_model_that_had_not_seen_the_day_stands_in(ledger: Ledger) -> None:
    ledger.promote(5, time(12))
    ledger.promote(9, time(13))
    ledger.promote(10, time(14))
    assert ledger.models() == [("model of 9", time(10), MIDNIGHT)]
    assert ledger.models(backcast=False) == []


def test_a_model_in_force_is_not_replaced_by_a_later_one(ledger: Ledger) -> None:
    ledger.promote(5, time(6))
    ledger.promote(9, time(13))
    assert ledger.models() == [("model of 5", time(10), MIDNIGHT)]


def test_a_stand_in_ends_where_a_model_comes_into_force(ledger: Ledger) -> None:
    ledger.promote(5, time(10, 12))
    ledger.promote(9, time(13))
    assert ledger.models() == [("model of 9", time(10), time(10, 12)), ("model of 5", time(10, 12), MIDNIGHT)]


def test_no_model_has_seen_the_day_that_it_foretells(ledger: Ledger) -> None:
    ledger.promote(10, time(10, 12))
    assert ledger.models() == []
    assert ledger.models(day=date(2024, 8, 11)) == [("model of 10", time(11), time(12) + timedelta(microseconds=1))]


def test_a_promotion_that_changes_nothing_makes_no_new_part(ledger: Ledger) -> None:
    ledger.promote(8, time(9, 3))
    ledger.promote(4, time(10, 5))  # of older data: the former stays in force
    assert ledger.models() == [("model of 8", time(10), MIDNIGHT)]


def test_an_entry_of_the_ledger_is_found_by_its_model(ledger: Ledger) -> None:
    ledger.promote(8, time(9, 3))
    ledger.promote(9, time(10, 3))
    assert promotion_of(ledger.promotions, "BTCUSDT", "model of 8").promoted_at == time(9, 3)
    with pytest.raises(CheckpointError, match="The ledger of BTCUSDT names no model of 7"):
        promotion_of(ledger.promotions, "BTCUSDT", "model of 7")


def test_prices_are_those_of_real_candles_when_they_had_closed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    publish_gold(lake, "BTCUSDT", with_filled(market(2), [MINUTES - 1, MINUTES]))

    as_of_us, close = real_closes(
        lake, "BTCUSDT", (date(2024, 8, 1), date(2024, 8, 2), date(2024, 8, 3)), source="gold_features"
    )

    assert as_of_us.size == close.size == 2 * MINUTES - 2
    assert from_us(int(as_of_us[0])) == datetime(2024, 8, 1, 0, 1, tzinfo=UTC)
    assert from_us(int(as_of_us[MINUTES - 1])) == datetime(2024, 8, 2, 0, 2, tzinfo=UTC)
    assert close[0] == round(float(market(1).close[0]), 8)


def stand_in(
    monkeypatch: pytest.MonkeyPatch, card: ModelCard, foretell: Callable[[FeatureTable, IntArray], FloatArray]
) -> None:
    """What is loaded from a promoted file, without Keras."""
    monkeypatch.setattr(predicting, "load_checkpoint", lambda _: Checkpoint(card, foretell))


def test_a_model_of_seconds_foretells_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = default_features("klines_1s")
    card = small_card(data=DataOptions(source="klines_1s", window=8, horizons=(1, 10)), features=features)
    lake, promotions = Lake(str(tmp_path / "lake")), Promotions(str(tmp_path / "ckpts"))
    promotions.promote(card, only_a_card(card).content, verdict="better", now=time(3))
    klines = walk_of_seconds(600, seed=1, start=time(3))
    lake.publish(KLINES_1S, "BTCUSDT", date(2024, 8, 3), klines)
    stand_in(monkeypatch, card, lambda table, rows: np.full((rows.size, 2), 1e-4))

    made = Predictor(lake, promotions, backcast=False).make("BTCUSDT", date(2024, 8, 3))

    rows = made.predictions.to_pylist()
    assert {row["horizon_s"] for row in rows} == {1, 10}
    assert rows[0]["as_of"] == time(3) + timedelta(seconds=9)  # the first second has no return: eight after it
    assert len(rows) == 2 * (600 - 8)
    close = [float(price) for price in klines["close"].to_pylist()]
    assert (rows[0]["price"], rows[0]["realised_price"], rows[1]["realised_price"]) == (close[8], close[9], close[18])
    assert sum(row["realised_price"] is None for row in rows) == 1 + 10


def test_a_forecast_that_is_no_number_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = small_card()
    lake, promotions = Lake(str(tmp_path / "lake")), Promotions(str(tmp_path / "ckpts"))
    publish_gold(lake, "BTCUSDT", market(3))
    promotions.promote(card, only_a_card(card).content, verdict="better", now=time(3))

    def foretell(_: FeatureTable, rows: IntArray) -> FloatArray:
        forecasts = np.zeros((rows.size, 2))
        forecasts[5, 1] = np.nan
        return forecasts

    stand_in(monkeypatch, card, foretell)
    made = Predictor(lake, promotions, backcast=False).make("BTCUSDT", date(2024, 8, 3))
    assert made.predictions.num_rows == 2 * (MINUTES - 1)
    assert time(3, 0, 6) not in made.predictions["as_of"].to_pylist()


def test_a_model_is_loaded_once_for_all_its_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = small_card()
    lake, promotions = Lake(str(tmp_path / "lake")), Promotions(str(tmp_path / "ckpts"))
    publish_gold(lake, "BTCUSDT", market(5))
    promotions.promote(card, only_a_card(card).content, verdict="better", now=time(3))
    loaded: list[bytes] = []

    def load(content: bytes) -> Checkpoint:
        loaded.append(content)
        return Checkpoint(card, lambda _, rows: np.zeros((rows.size, 2)))

    monkeypatch.setattr(predicting, "load_checkpoint", load)
    predictor = Predictor(lake, promotions, backcast=False)
    sums = {predictor.make("BTCUSDT", date(2024, 8, day)).made_from for day in (3, 4, 5)}
    assert len(loaded) == 1
    assert len(sums) == 3
