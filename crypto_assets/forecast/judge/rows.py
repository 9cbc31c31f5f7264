"""The forecasts that an evaluation is about, row by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from crypto_assets.forecast.judge.figures import Outcomes
from crypto_assets.forecast.table import FloatArray


def column_of(baseline: str) -> str:
    """Column of a baseline's forecasts: `persistence`, `last_return`, `boosted_trees` …"""
    return baseline.partition(" (")[0].replace(" ", "_")


def rows_table(outcomes: Outcomes, forecast: FloatArray, *, half_width: float, fold: int, seed: int) -> pa.Table:
    """One row per test sample of a fold, for one seed and horizon.

    Columns: as_of_us (us UTC), fold, seed, horizon (rows), regime (0 quiet, 1 usual, 2 wild), realised, forecast,
    half_width and each baseline's forecast, all log-returns; `majority_sign` is a direction, 1 or -1.
    """
    rows = forecast.size
    columns: dict[str, pa.Array] = {
        "as_of_us": pa.array(outcomes.as_of_us, pa.int64()),
        "fold": pa.array(np.full(rows, fold), pa.int32()),
        "seed": pa.array(np.full(rows, seed), pa.int64()),
        "horizon": pa.array(np.full(rows, outcomes.horizon), pa.int32()),
        "regime": pa.array(outcomes.regime, pa.int8()),
        "realised": pa.array(outcomes.realised, pa.float64()),
        "forecast": pa.array(forecast, pa.float64()),
        "half_width": pa.array(np.full(rows, half_width), pa.float64()),
    }
    columns |= {column_of(name): pa.array(values, pa.float64()) for name, values in outcomes.baselines.items()}
    return pa.table(columns)
