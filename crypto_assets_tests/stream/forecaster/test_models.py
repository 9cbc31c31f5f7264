"""Which model is in force, and which one cannot be served live."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.forecast.card import ModelCard, encode_card
from crypto_assets.forecast.checkpoint import CARD_MEMBER, read_card
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.promotions import Promotion, Promotions
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets.stream.forecaster.models import LOADING, NO_MODEL, REFUSED, Absent, Model, Models, refusal
from crypto_assets_tests.forecast.small_networks import small_card

BTC, ETH = "BTCUSDT", "ETHUSDT"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 20, 13, tzinfo=UTC)


class Zero:
    """Foretells nothing but zero."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card

    def predict(self, table: FeatureTable, rows: IntArray) -> FloatArray:
        return np.zeros((rows.size, len(self.card.data.horizons)))


class Away(Promotions):
    """A store that is away while it is told so."""

    away = False

    def all(self, symbol: str) -> tuple[Promotion, ...]:
        if self.away:
            raise LakeError("the store is away")
        return super().all(symbol)


def file_of(card: ModelCard) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(CARD_MEMBER, encode_card(card))
    return made.getvalue()


@pytest.fixture
def promotions(tmp_path: Path) -> Away:
    return Away(str(tmp_path))


@pytest.fixture
def models(promotions: Away) -> Models:
    def load(content: bytes) -> Zero:
        return Zero(read_card(content))

    return Models(promotions, [BTC, ETH], exchange="simulator-7", now=lambda: LATER, load=load)


def promote(promotions: Promotions, card: ModelCard) -> None:
    promotions.promote(card, file_of(card), verdict="beats persistence", now=NOW)


def card_of(day: int, **changes: Any) -> ModelCard:
    return small_card(as_of_day=date(2026, 11, day), model_id=f"{BTC}-2026-11-{day:02d}-0123456789ab", **changes)


def in_force(models: Models, symbol: str = BTC) -> str:
    model = models.of(symbol)
    return model.card.model_id if isinstance(model, Model) else model.state


def test_a_promotion_is_seen_with_the_next_look_and_the_newest_that_has_ended_counts(
    models: Models, promotions: Away
) -> None:
    assert in_force(models) == LOADING, "before the first look nobody knows: candles wait"
    models.look()
    assert (in_force(models), in_force(models, ETH)) == (NO_MODEL, NO_MODEL)
    promote(promotions, card_of(12))
    models.look()
    first = models.of(BTC)
    models.look()
    assert models.of(BTC) is first, "what is loaded is not loaded again"
    promote(promotions, card_of(15))
    promote(promotions, card_of(20))  # it has seen a day that is not over
    models.look()
    assert in_force(models) == card_of(15).model_id
    assert in_force(models, ETH) == NO_MODEL


def test_while_the_store_is_away_candles_wait_and_what_is_loaded_stays(models: Models, promotions: Away) -> None:
    promotions.away = True
    models.look()
    assert models.of(BTC) == Absent(LOADING, "the ledger of promotions cannot be read: the store is away")
    promotions.away = False
    promote(promotions, card_of(12))
    models.look()
    promotions.away = True
    models.look()
    assert in_force(models) == card_of(12).model_id


def test_a_damaged_file_is_refused_until_it_is_put_back(models: Models, promotions: Away, tmp_path: Path) -> None:
    promote(promotions, card_of(12))
    (file,) = (tmp_path / f"symbol={BTC}" / "promoted").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:100])
    models.look()
    absent = models.of(BTC)
    assert isinstance(absent, Absent)
    assert absent.state == REFUSED
    assert "bytes that are not those promoted" in absent.sentence
    file.write_bytes(content)
    models.look()
    assert in_force(models) == card_of(12).model_id


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"features": ("rsi_14_1m", "imbalance_5level")}, "reads imbalance_5level, which come from the order book"),
        ({"features": ("funding_rate",)}, "reads funding_rate, which come from the order book or the perpetual"),
        ({"features": ("rsi_14_1m", "rsi_7_2m")}, "reads rsi_7_2m, which gold does not have"),
        ({"exchange": "binance"}, "was trained on the market of binance, and this is that of simulator-7"),
        ({"data": DataOptions(source="klines_1s")}, "reads klines_1s, which are not computed live"),
        ({"data": DataOptions(window=2_000)}, "windows of 2,000 rows; live they have 1,440 at most"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_what_cannot_be_computed_live_is_refused_by_name(
    models: Models, promotions: Away, changes: dict[str, Any], sentence: str
) -> None:
    promote(promotions, card_of(12, **changes))
    models.look()
    absent = models.of(BTC)
    assert isinstance(absent, Absent)
    assert absent.state == REFUSED
    assert sentence in absent.sentence


def test_a_model_of_candles_of_this_market_is_served() -> None:
    assert refusal(small_card(), exchange="simulator-7") is None
    assert refusal(msgspec.structs.replace(small_card(), exchange="simulator-8"), exchange="simulator-7") is not None
