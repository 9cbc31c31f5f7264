"""Days of candles beside a lake: which are held, and how far Kafka was read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Position
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.stream.forecaster.days import KEPT_DAYS, CandleDays
from crypto_assets_tests.stream.forecaster.market import DAY, SYMBOL, between, candles, moment


def test_how_far_kafka_was_read_is_told_by_the_newest_day_that_says_it(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))

    def put(timeframe: str, days_ago: int, *positions: Position) -> None:
        day = DAY - timedelta(days=days_ago)
        lake.publish_manifest(BRONZE_KLINES[timeframe], SYMBOL, day, Manifest(parts=(), positions=positions))

    old, new = (Position("simulator-7.klines", "id", 0, taken) for taken in (10, 20))
    put("1m", 2, old)
    put("1m", 1, new)
    put("1m", 0)
    put("5m", KEPT_DAYS, old)
    assert list(CandleDays(lake, SYMBOL).positions(DAY)) == [("1m", (new,))]


def test_a_day_that_nothing_reads_any_more_is_forgotten(tmp_path: Path) -> None:
    days = CandleDays(Lake(str(tmp_path)), SYMBOL)
    market = candles(days=1)
    days.add("1m", between(market["1m"], moment(0), moment(5)))
    assert days.silver(DAY, until=moment(5))["1m"].num_rows == 5
    days.refresh(DAY + timedelta(days=KEPT_DAYS))
    assert days.silver(DAY, until=moment(5))["1m"].num_rows == 5
    days.refresh(DAY + timedelta(days=KEPT_DAYS + 1))
    assert days.silver(DAY, until=moment(5)) == {}
