"""Windows by row: which rows they touch, and which are whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.forecast.windows import touched_rows, whole_windows

WINDOW = 4


@given(rows=st.sets(st.integers(WINDOW - 1, 29)))
def test_touched_rows_are_those_of_any_window(rows: set[int]) -> None:
    expected = {row - back for row in rows for back in range(WINDOW)}
    touched = touched_rows(np.array(sorted(rows), np.int64), window=WINDOW, length=30)
    assert set(np.flatnonzero(touched).tolist()) == expected


@given(
    rows=st.lists(st.integers(WINDOW - 1, 19)),
    broken=st.sets(st.tuples(st.integers(0, 19), st.integers(0, 1))),
    how=st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_a_window_is_whole_when_all_its_values_are_finite(
    rows: list[int], broken: set[tuple[int, int]], how: float
) -> None:
    values = np.zeros((20, 2))
    for place in broken:
        values[place] = how
    expected = [bool(np.isfinite(values[row - WINDOW + 1 : row + 1]).all()) for row in rows]
    assert whole_windows(values, np.array(rows, np.int64), window=WINDOW).tolist() == expected


@pytest.mark.parametrize("row", [-1, WINDOW - 2, 20])
def test_a_row_that_no_whole_window_ends_with_is_refused(row: int) -> None:
    with pytest.raises(ValueError, match=r"the table has 20 rows and windows of 4"):
        whole_windows(np.zeros((20, 2)), np.array([10, row], np.int64), window=WINDOW)
