"""Finished days as they are looked at again and again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.alerts.days import Days
from crypto_assets.alerts.facts import Damaged
from crypto_assets.errors import CheckpointError, LakeBusy, LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.forecast.small_predictions import only_a_card
from crypto_assets_tests.health.small_lake import gold, put_bronze, put_silver
from crypto_assets_tests.services import service_settings

DAY, SYMBOL = date(2026, 3, 8), "BTCUSDT"
NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
WEEK = [DAY - timedelta(days=back) for back in reversed(range(7))]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(service_settings(tmp_path, symbols=SYMBOL))


def test_a_day_is_read_again_only_where_it_was_written_again(lake: Lake, days: Days) -> None:
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=3))
    (first,), (again,) = days.gold(lake, WEEK), days.gold(lake, WEEK)
    assert again is first
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=4))
    (anew,) = days.gold(lake, WEEK)
    assert not isinstance(anew, Damaged)
    assert anew.rows == 4


def test_a_day_that_left_the_window_is_forgotten(lake: Lake, days: Days) -> None:
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=3))
    (first,) = days.gold(lake, WEEK)
    assert days.gold(lake, WEEK[:-1]) == ()
    (again,) = days.gold(lake, WEEK)
    assert again == first
    assert again is not first


def test_silver_that_was_never_made_is_seen_where_its_bronze_is(lake: Lake, days: Days) -> None:
    put_silver(lake, day=WEEK[0])
    put_bronze(lake, range(5), day=WEEK[1])
    found = days.silver(lake, WEEK, now=NOW)
    assert [(one.day, isinstance(one, Damaged) or one.rows) for one in found] == [(WEEK[0], 1_440), (WEEK[1], None)]


def test_a_lake_of_which_no_day_can_be_read_is_no_matter_of_days(lake: Lake, days: Days, tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where a folder is needed")
    with pytest.raises(LakeError):
        days.gold(lake, WEEK)


def test_a_day_that_cannot_be_read_is_told_among_those_that_can(lake: Lake, days: Days) -> None:
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, gold(rows=3))
    lake.files.publish(GOLD_FEATURES.partition_path(SYMBOL, WEEK[0]), b"no Parquet")
    damaged, whole = days.gold(lake, WEEK)
    assert isinstance(damaged, Damaged)
    assert (damaged.symbol, damaged.day) == (SYMBOL, WEEK[0])
    assert not isinstance(whole, Damaged)


def test_a_lake_that_asks_for_a_pause_says_nothing_of_its_days(
    lake: Lake, days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(dataset: object, symbol: str, day: date) -> datetime | None:
        if day == DAY:
            raise LakeBusy("Try again.")
        return None

    monkeypatch.setattr(lake, "written_at", busy)
    with pytest.raises(LakeBusy):
        days.gold(lake, WEEK)


def test_forecasts_of_long_ago_and_of_symbols_without_a_model_say_nothing(lake: Lake, days: Days) -> None:
    lake.publish(LSTM_PREDICTIONS, SYMBOL, DAY, LSTM_PREDICTIONS.schema.empty_table())
    assert days.skills(lake, since=DAY) == ()
    model = only_a_card(small_card())
    Promotions(f"{lake.uri}/ckpts").promote(model.card, model.content, verdict="good", now=NOW)
    assert days.skills(lake, since=DAY) == ()
    assert days.skills(lake, since=DAY + timedelta(days=1)) == ()


def test_a_damaged_ledger_of_promotions_is_told(lake: Lake, days: Days) -> None:
    lake.files.publish(f"ckpts/symbol={SYMBOL}/promotions.json", b"{")
    with pytest.raises(CheckpointError, match="no ledger of promotions"):
        days.skills(lake, since=DAY)
