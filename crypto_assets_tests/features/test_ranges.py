from __future__ import annotations

import numpy as np
import pyarrow as pa

from crypto_assets.features.ranges import out_of_range, undefined_in_warm_rows
from crypto_assets_tests.features.synthetic import with_column


def _changed(gold: pa.Table, name: str, row: int, value: float | None) -> pa.Table:
    values = gold[name].to_pylist()
    values[row] = value
    return with_column(gold, name, pa.array(values))


def test_a_value_outside_its_declared_range_is_named_with_the_worst_row(gold: pa.Table) -> None:
    changed = _changed(_changed(gold, "rsi_14_1m", 10, 101.0), "rsi_14_1m", 70, 250.0)
    (found,) = out_of_range(changed)
    assert (found.column, found.rows, found.worst) == ("rsi_14_1m", 2, 250.0)
    assert str(found) == "rsi_14_1m: 2 rows outside 0 to 100, worst 250 at 2024-08-05 01:10"


def test_a_value_below_its_only_bound_is_found(gold: pa.Table) -> None:
    (found,) = out_of_range(_changed(gold, "atr_14_5m", 0, -0.5))
    assert str(found) == "atr_14_5m: 1 rows outside 0 to any, worst -0.5 at 2024-08-05 00:00"


def test_infinity_is_out_of_range_and_missing_values_are_not(gold: pa.Table) -> None:
    (found,) = out_of_range(_changed(gold, "volume_spike_20_1m", 5, np.inf))
    assert found.worst == np.inf
    assert out_of_range(_changed(gold, "volume_spike_20_1m", 5, None)) == []


def test_missing_nan_and_infinite_values_of_warm_rows_are_counted(gold: pa.Table) -> None:
    changed = gold
    for row, value in ((60, None), (61, float("nan")), (62, float("inf")), (63, float("nan"))):
        changed = _changed(changed, "macd_15m", row, value)
    (found,) = undefined_in_warm_rows(changed)
    assert (found.nulls, found.nans, found.infinities) == (1, 2, 1)
    assert str(found) == "macd_15m: 1 null, 2 NaN, 1 infinite in warm rows, first at 2024-08-05 01:00"


def test_rows_that_are_not_warm_promise_nothing(gold: pa.Table) -> None:
    changed = _changed(gold, "macd_15m", 60, None)
    cold = with_column(changed, "warm", np.arange(1440) != 60)
    assert undefined_in_warm_rows(cold) == []


def test_an_absent_source_promises_nothing(gold: pa.Table) -> None:
    changed = with_column(gold, "spread_bps", pa.nulls(1440))
    assert [found.column for found in undefined_in_warm_rows(changed)] == ["spread_bps"]
    assert undefined_in_warm_rows(with_column(changed, "orderbook_present", np.zeros(1440, dtype=bool))) == []


def test_an_empty_day_breaks_nothing(gold: pa.Table) -> None:
    assert out_of_range(gold.slice(0, 0)) == []
    assert undefined_in_warm_rows(gold.slice(0, 0)) == []
