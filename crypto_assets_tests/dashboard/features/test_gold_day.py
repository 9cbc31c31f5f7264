"""A day of features is read with its candles, cut to hours, and told from its next version."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.dashboard.features.gold_day import (
    GoldDay,
    candle_minutes,
    candles_of,
    read_gold_day,
    span_of_hours,
    spans_where,
    values_of,
    version_of,
)
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.spans import Span
from crypto_assets_tests.dashboard.features.days import CANDLES, DAY, candle_table, gold_table

MIDNIGHT = datetime(2024, 8, 5, tzinfo=UTC)


def at(hour: int, minute: int = 0) -> datetime:
    return MIDNIGHT + timedelta(hours=hour, minutes=minute)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def read(lake: Lake) -> GoldDay:
    found = read_gold_day(lake, "BTCUSDT", DAY)
    assert found is not None
    return found


def test_a_day_that_was_never_published_is_none(lake: Lake) -> None:
    lake.publish(CANDLES, "BTCUSDT", DAY, candle_table())
    assert read_gold_day(lake, "BTCUSDT", DAY) is None


def test_a_day_without_candles_has_its_features(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table())
    day = read(lake)
    assert (day.gold.height, day.candles.height) == (1_440, 0)
    assert candles_of(day, span_of_hours(DAY, (0, 24)), minutes=5).is_empty()


def test_the_version_changes_with_features_and_with_candles(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table())
    versions = [version_of(lake, "BTCUSDT", DAY)]
    lake.publish(CANDLES, "BTCUSDT", DAY, candle_table())
    versions.append(version_of(lake, "BTCUSDT", DAY))
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table(minutes=range(1_000)))
    versions += [version_of(lake, "BTCUSDT", DAY)] * 2
    assert len(set(versions)) == 3


@pytest.mark.parametrize(("hours", "minutes"), [((0, 24), 5), ((0, 25), 5), ((3, 8), 1), ((3, 9), 5), ((0, 1), 1)])
def test_candles_are_as_short_as_can_be_told_apart(hours: tuple[int, int], minutes: int) -> None:
    assert candle_minutes(span_of_hours(DAY, hours)) == minutes


def test_candles_are_made_of_the_minutes_that_are_there(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table())
    lake.publish(CANDLES, "BTCUSDT", DAY, candle_table(minutes=[60, 61, 64, 70]))
    candles = candles_of(read(lake), span_of_hours(DAY, (1, 2)), minutes=5)
    assert candles.rows() == [
        (at(1), at(1, 5), 50_060.0, 50_067.0, 50_058.0, 50_065.0, 4.5),
        (at(1, 10), at(1, 15), 50_070.0, 50_073.0, 50_068.0, 50_071.0, 1.5),
    ]


def test_a_minute_without_a_row_or_a_number_is_a_break_in_the_line(lake: Lake) -> None:
    values = {"rsi_14_1m": [41.0, float("nan"), 43.0]}
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table(minutes=[0, 1, 3], values=values))
    shown = values_of(read(lake), ["rsi_14_1m"], Span(at(0), at(0, 5)))
    assert shown.rows() == [(at(0, 1), 41.0), (at(0, 2), None), (at(0, 3), None), (at(0, 4), 43.0), (at(0, 5), None)]


def test_runs_of_minutes_are_joined_and_cut_to_the_span(lake: Lake) -> None:
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table(minutes=[0, 1, 2, 5, 6, 7], cold=5))
    cold = spans_where(read(lake), ~pl.col("warm"), Span(at(0, 1), at(1)))
    assert cold == [Span(at(0, 1), at(0, 3)), Span(at(0, 5), at(0, 7))]
