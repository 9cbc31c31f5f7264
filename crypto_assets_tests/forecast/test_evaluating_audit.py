"""Days of gold in a training set, computed again from silver that is cut off."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from crypto_assets.errors import InputIncomplete
from crypto_assets.features.compute import compute_features
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.forecast.evaluating_audit import audit, candles_of
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.forecast.training_sets import StoredSet, TrainingSets
from crypto_assets.forecast.training_sets_days import make_set
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import FLAGS, SILVER_KLINES
from crypto_assets.spans import day_span
from crypto_assets_tests.features.synthetic import DAY, inputs_of, midnight_us, walk, with_column

SYMBOL = "BTCUSDT"
FEATURES = ("rsi_14_1m", "rsi_14_15m", "roc_1_1m", "volume_spike_20_1m")
OPTIONS = DataOptions(days=1, window=8, horizons=(1, 5), features=FEATURES)
FILLED = 200
"""Minute of the day whose candle was interpolated."""
BEFORE = 4 * 1_440
"""Candles before the day: as many as its longest window needs."""
SEED = 4


def silver(*, off_grid: int | None = None) -> FeatureInputs:
    """Candles of the day and four before it, one of them interpolated; the minute `off_grid` of the day opens late."""
    klines = walk(seed=2, start_us=midnight_us(days=-4), minutes=BEFORE + 1_440)
    close, flags = (klines[name].to_numpy().astype(float) for name in ("close", "flags"))
    at = BEFORE + FILLED
    close[at] = (close[at - 1] + close[at + 1]) / 2 + 50
    flags[at] = FLAGS["filled"]
    if off_grid is not None:
        opened = klines["open_time"].cast("int64").to_numpy().copy()
        opened[BEFORE + off_grid] += 54_789_000
        flags[BEFORE + off_grid] = FLAGS["off_grid"]
        klines = with_column(klines, "open_time", opened)
    return inputs_of(with_column(with_column(klines, "close", close), "flags", flags))


def made(
    folder: Path,
    change: Callable[[FeatureTable], FeatureTable] = lambda table: table,
    *,
    inputs: FeatureInputs | None = None,
) -> tuple[Lake, StoredSet]:
    """A lake with silver and gold of the day, and its training set after `change`."""
    lake, inputs = Lake(str(folder)), inputs or silver()
    for timeframe, dataset in SILVER_KLINES.items():
        whole = inputs.klines[timeframe]
        for number, rows in enumerate(np.array_split(np.arange(whole.num_rows), 5), start=-4):
            lake.publish(dataset, SYMBOL, DAY + timedelta(days=number), whole.slice(rows[0], rows.size))
    lake.publish(GOLD_FEATURES, SYMBOL, DAY, compute_features(inputs, day=DAY))
    found = make_set(lake, SYMBOL, DAY, options=OPTIONS, known_until=day_span(DAY).end)
    stored = TrainingSets(lake).publish(
        SYMBOL,
        DAY,
        replace(found, table=change(found.table)),
        made_at=datetime(2024, 8, 6, tzinfo=UTC),
    )
    return lake, stored


def column_of_open_candles(table: FeatureTable) -> FeatureTable:
    """Each row takes the 15m candle that it lies in, not the last one closed."""
    values = table.values.copy()
    values[:, 1] = np.append(values[15:, 1], np.full(15, values[-1, 1]))
    return replace(table, values=values)


def columns_of_interpolated_candles(table: FeatureTable) -> FeatureTable:
    inputs = silver()
    klines = {**inputs.klines, "1m": with_column(inputs.klines["1m"], "flags", np.zeros(BEFORE + 1_440))}
    rows = compute_features(FeatureInputs(klines), day=DAY)
    return replace(table, values=np.column_stack([rows[name].to_numpy() for name in table.features]))


def test_an_honest_day_comes_out_again(tmp_path: Path) -> None:
    lake, stored = made(tmp_path)
    found = audit(lake, stored, seed=SEED)
    assert found.changed == ()
    assert len(found.looked_at) == 1
    assert found.looked_at[0].startswith(f"{DAY} at 00:")


def test_a_column_of_candles_that_had_not_closed_is_named(tmp_path: Path) -> None:
    found = audit(*made(tmp_path, column_of_open_candles), seed=SEED)
    (change,) = found.changed
    assert (change.column, change.from_filled) == ("rsi_14_15m", False)
    assert change.stored != change.recomputed


def test_columns_that_read_an_interpolated_candle_are_known_as_such(tmp_path: Path) -> None:
    found = audit(*made(tmp_path, columns_of_interpolated_candles), seed=SEED)
    assert {change.column for change in found.changed} >= {"rsi_14_1m", "roc_1_1m"}
    assert all(change.from_filled for change in found.changed)
    first = next(change for change in found.changed if change.column == "roc_1_1m")
    assert first.open_us == midnight_us() + FILLED * 60_000_000


def test_silver_that_was_written_after_gold_makes_no_leak_of_it(tmp_path: Path) -> None:
    lake, stored = made(tmp_path, column_of_open_candles)
    path = lake.files.local_path(SILVER_KLINES["5m"].partition_path(SYMBOL, DAY))
    assert path is not None
    later = path.stat().st_mtime + 60
    os.utime(path, (later, later))
    with pytest.raises(InputIncomplete, match=r"None of the days 2024-08-05 can be computed again"):
        audit(lake, stored, seed=SEED)


def test_the_candles_beside_a_set_are_those_that_it_was_made_from(tmp_path: Path) -> None:
    lake, stored = made(tmp_path)
    candles = candles_of(lake, stored)
    assert candles.open_us.size == 1_440
    assert np.flatnonzero(candles.filled).tolist() == [FILLED]
    assert candles.close[FILLED] != stored.table.close[FILLED] == stored.table.close[FILLED - 1]

    lake.publish(SILVER_KLINES["1m"], SYMBOL, DAY, walk(seed=9, start_us=midnight_us(), minutes=1_440))

    changed = candles_of(lake, stored)
    assert changed.open_us.tolist() == [midnight_us()]
    assert np.isnan(changed.close).all()


def test_a_candle_that_opens_off_the_grid_is_not_beside_a_set(tmp_path: Path) -> None:
    lake, stored = made(tmp_path, inputs=silver(off_grid=FILLED - 1))

    candles = candles_of(lake, stored)

    assert candles.open_us.tolist() == stored.table.open_us.tolist()
    assert candles.open_us.size == 1_439
