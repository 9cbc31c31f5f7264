"""Gold: the features of one day, one row for each 1m candle."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from crypto_assets.features.declaration import (
    FEATURES,
    GOLD_FEATURES,
    PERPETUAL_PRESENT,
    PRESENCE,
    Source,
    required_windows,
)
from crypto_assets.features.inputs import FeatureInputs
from crypto_assets.features.minutes import Coverage
from crypto_assets.features.rolling import BoolArray, IntArray
from crypto_assets.features.window import Window, open_window
from crypto_assets.spans import TIMEFRAME_US


def compute_features(inputs: FeatureInputs, *, day: date) -> pa.Table:
    """GOLD_FEATURES of a UTC day: one row for each silver 1m candle of the day, in order; none for missing minutes.

    Every row is computed from a window anchored at the same moments (see `inputs.Anchor`), whatever else the inputs
    hold, and reads only what was known by its `as_of`: of each timeframe the last candle closed by then, of book and
    perpetual what was known by then. Windows count candles that exist. A value that is not known is null.
    Raises BadPayload where candles are out of order.
    """
    window = open_window(inputs, day=day)
    coverage = window.coverage
    present = {source: known.present for source, known in coverage.items()}
    columns: dict[str, pa.Array] = {
        "open_time": _timestamps(window.open_us),
        "as_of": _timestamps(window.as_of_us),
        "warm": pa.array(_is_warm(window, coverage)),
        "filled": pa.array(window.is_filled),
        **{PRESENCE[source]: pa.array(known) for source, known in present.items()},
        PERPETUAL_PRESENT: pa.array(
            present[Source.FUNDING] | present[Source.OPEN_INTEREST] | present[Source.MARK_PRICE]
        ),
    }
    for feature in FEATURES:
        values = feature.value(window)
        if feature.source in present:
            values = np.where(present[feature.source], values, np.nan)
        columns[feature.name] = pa.array(values, from_pandas=True)
    schema = GOLD_FEATURES.schema
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _timestamps(times_us: IntArray) -> pa.Array:
    return pa.array(times_us, type=GOLD_FEATURES.schema.field("open_time").type)


def _is_warm(window: Window, coverage: dict[Source, Coverage]) -> BoolArray:
    """Rows whose windows of candles are full, and whose present sources are complete.

    It follows from what the inputs cover, not from the values: that no value is missing in a warm row stays a promise
    that can be checked.
    """
    warm = np.ones(window.open_us.size, dtype=bool)
    for timeframe, candles in required_windows().items():
        warm &= window.closed[timeframe] + 1 >= candles
        warm &= _is_current(window, timeframe)
    for known in coverage.values():
        warm &= ~known.present | known.ready
    return warm


def _is_current(window: Window, timeframe: str) -> BoolArray:
    """Rows whose last closed candle is the one that had to close last: none is missing where 1m candles were."""
    length = TIMEFRAME_US[timeframe]
    slot_end = window.as_of_us // length * length
    opened = window.candles["1m"].open_us[window.candles["1m"].is_read]
    has_minutes = np.searchsorted(opened, slot_end - length) < np.searchsorted(opened, slot_end)
    closed_us = np.append(window.candles[timeframe].close_us, -1)[window.closed[timeframe]]
    return ~has_minutes | (closed_us == slot_end)
