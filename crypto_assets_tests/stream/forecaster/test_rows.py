"""Live rows of gold are those of batch, bit for bit, however the candles came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from crypto_assets.assets.silver_days import KlinesDays
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.forecast.selection import default_features
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.forecast.training_sets_days import read_rows
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import MINUTE_US, times_us, to_us
from crypto_assets.stream.forecaster.days import CandleDays
from crypto_assets.stream.forecaster.rows import LiveRows
from crypto_assets_tests.stream.forecaster.market import (
    AFTER,
    DAY,
    SYMBOL,
    batch,
    between,
    candles,
    closed_at,
    days_until,
    moment,
    put_bronze,
)

BEFORE = DAY - timedelta(days=1)
FEATURES = default_features("gold_features")
MISSING = [moment(95), moment(97), moment(98), moment(199)]
"""A minute alone, two in a row, and one that a candle of 5m ends with."""


def without(table: pa.Table, opened: Iterable[datetime]) -> pa.Table:
    gone = [to_us(at) for at in opened]
    return table.filter(pa.array(~np.isin(times_us(table["open_time"]), gone)))


def gold_of(lake: Lake, day: date = DAY) -> pa.Table:
    table = lake.read(GOLD_FEATURES, SYMBOL, day)
    assert table is not None
    return table


class Live:
    """A lake that ends at a moment, and candles that come after it one by one."""

    def __init__(self, folder: Path, market: Mapping[str, pa.Table], *, since: datetime, silver: bool = True) -> None:
        self.lake = Lake(str(folder))
        self.market = market
        known = {timeframe: between(table, moment(-20_000), since) for timeframe, table in market.items()}
        days = [day for day in days_until(since.date(), 6) if to_us(moment(0, day=day)) < to_us(since)]
        for day in days:
            put_bronze(self.lake, known, day)
        for timeframe in TIMEFRAMES if silver else ():
            write = KlinesDays(self.lake, timeframe=timeframe, now=since)
            for day in days[1:]:
                write.write(Partition(SYMBOL, day))  # of the last one what was known by then
        self.rows = LiveRows(self.open())

    def open(self) -> CandleDays:
        self.days = CandleDays(self.lake, SYMBOL)
        return self.days

    def close(self, at: datetime) -> None:
        """Bring what closes at the moment."""
        for timeframe, table in self.market.items():
            if (rows := closed_at(table, timeframe, at)).num_rows:
                self.days.add(timeframe, rows)


def assert_same_last_row(live: pa.Table, batch: pa.Table) -> None:
    """The newest row is the same, bit for bit."""
    actual, expected = (table.slice(live.num_rows - 1, 1) for table in (live, batch))
    assert actual.equals(expected), [
        (name, actual[name][0].as_py(), expected[name][0].as_py())
        for name in actual.column_names
        if not actual[name].equals(expected[name])
    ]


@pytest.mark.parametrize("silver", [True, False], ids=["silver of the days before", "bronze only"])
def test_every_row_live_is_the_row_of_batch_bit_for_bit(tmp_path: Path, silver: bool) -> None:
    market = candles(missing=MISSING)
    market["5m"] = without(market["5m"], [moment(20), moment(100)])  # these are derived
    market["15m"] = without(market["15m"], [moment(15)])
    expected = gold_of(batch(tmp_path / "batch", market))
    live = Live(tmp_path / "live", market, since=moment(10), silver=silver)
    compared = 0
    for minute in range(10, 1_440):
        live.close(moment(minute + 1))
        sampled = 19 <= minute < 32 or 93 <= minute < 107 or 197 <= minute < 203 or minute % 239 == 0 or minute == 1_439
        if sampled and moment(minute) not in MISSING:
            assert_same_last_row(live.rows.features(DAY, until=moment(minute + 1)), expected)
            compared += 1
    assert compared > 30
    assert live.rows.features(DAY, until=moment(1_440)).equals(expected)


def newest(table: FeatureTable, as_of: datetime, *, window: int = 60) -> FeatureTable:
    """The window that ends with the row of a moment."""
    end = int(np.searchsorted(table.as_of_us, to_us(as_of))) + 1
    kept = slice(end - window, end)
    arrays = {
        name: getattr(table, name)[kept] for name in ("open_us", "as_of_us", "close", "is_real", "warm", "values")
    }
    return FeatureTable(table.symbol, table.source, table.step_us, table.features, **arrays)


def assert_same_window(live: FeatureTable, batch: FeatureTable) -> None:
    for name in ("open_us", "as_of_us", "close", "is_real", "warm", "values"):
        assert getattr(live, name).tobytes() == getattr(batch, name).tobytes(), name
    assert len(live) == len(batch) == 60


def test_a_window_over_midnight_is_that_of_batch(tmp_path: Path) -> None:
    market = candles(missing=[moment(-1), moment(3)])  # the last minute of the day before is interpolated
    lake = batch(tmp_path / "batch", market, gold=[BEFORE, DAY])
    expected = read_rows(lake, SYMBOL, [BEFORE, DAY], source="gold_features", features=FEATURES).table
    live = Live(tmp_path / "live", market, since=moment(-30))
    for minute in range(-30, 70):
        live.close(moment(minute + 1))
        if minute in (-30, -2, 0, 1, 2, 4, 5, 58, 59, 63):
            at = moment(minute + 1)
            first_us = to_us(at) - 59 * MINUTE_US
            table = live.rows.table(FEATURES, first_us=first_us, until_us=to_us(at))
            assert_same_window(newest(table, at), newest(expected, at))
            assert table.as_of_us[-1] == to_us(at)


def test_rows_follow_what_the_lake_learns_meanwhile(tmp_path: Path) -> None:
    market = candles()
    partial = {**market, "1m": without(market["1m"], [moment(-m) for m in range(300, 330)])}
    live = Live(tmp_path / "live", partial, since=moment(5))
    live.close(moment(6))
    before = live.rows.features(DAY, until=moment(6))
    lake = batch(tmp_path / "batch", market)
    assert not before.equals(gold_of(lake).slice(0, 6))
    put_bronze(live.lake, market, BEFORE)  # a repair, and silver after it
    for timeframe in TIMEFRAMES:
        KlinesDays(live.lake, timeframe=timeframe, now=AFTER).write(Partition(SYMBOL, BEFORE))
    live.days.refresh(DAY)
    assert live.rows.features(DAY, until=moment(6)).equals(gold_of(lake).slice(0, 6))


def test_candles_that_come_twice_late_and_again_from_bronze_change_nothing(tmp_path: Path) -> None:
    market = candles()
    expected = gold_of(batch(tmp_path / "batch", market))
    live = Live(tmp_path / "live", market, since=moment(10))
    order = [*range(10, 25), *range(20, 30), 12, *range(35, 40), *range(30, 36)]
    for minute in order:
        live.close(moment(minute + 1))
    put_bronze(live.lake, {timeframe: between(t, moment(0), moment(38)) for timeframe, t in market.items()}, DAY)
    live.days.refresh(DAY)
    assert live.rows.features(DAY, until=moment(40)).equals(expected.slice(0, 40))
