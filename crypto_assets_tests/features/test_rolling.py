from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crypto_assets.features.rolling import ratio, rolling_max, rolling_min, rolling_sum, shift

values = arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6))


@given(values=values, window=st.integers(1, 25))
def test_windows_equal_a_loop_over_slices(values: np.ndarray, window: int) -> None:
    for i in range(values.size):
        inside = values[i - window + 1 : i + 1] if i >= window - 1 else None
        if inside is None:
            assert np.isnan([f(values, window)[i] for f in (rolling_sum, rolling_max, rolling_min)]).all()
        else:
            assert rolling_sum(values, window)[i] == pytest.approx(inside.sum(), rel=1e-12, abs=1e-6)
            assert rolling_max(values, window)[i] == inside.max()
            assert rolling_min(values, window)[i] == inside.min()


def test_a_window_of_zeros_sums_to_zero_after_large_numbers() -> None:
    values = np.array([1e16, 3.3, 0.1, 0.0, 0.0, 0.0])
    assert rolling_sum(values, 3)[-1] == 0.0


def test_a_window_with_an_unknown_entry_is_unknown() -> None:
    assert np.isnan(rolling_sum(np.array([1.0, np.nan, 1.0, 1.0]), 2)).tolist() == [True, True, True, False]


def test_shift_moves_towards_the_future() -> None:
    assert shift(np.array([1.0, 2.0, 3.0]), 1).tolist()[1:] == [1.0, 2.0]
    assert np.isnan(shift(np.array([1.0, 2.0]), 5)).all()


def test_a_ratio_with_nothing_below_has_the_stated_value() -> None:
    assert ratio(np.array([1.0, 0.0, 4.0]), np.array([0.0, 0.0, 2.0]), otherwise=0.5).tolist() == [0.5, 0.5, 2.0]
    assert np.isnan(ratio(np.array([1.0]), np.array([np.nan]), otherwise=0.5)).all()
