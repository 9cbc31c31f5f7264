"""What is said of a column that holds the future is what a regression of another library gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import rankdata
from statsmodels.regression.linear_model import OLS

from crypto_assets.forecast.judge import leaks_target
from crypto_assets.forecast.judge.leaks_target import Foretold, find_foretold, misplaced_targets
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.samples import samples_of
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray
from crypto_assets_tests.forecast.tables import random_walk, with_value, without_rows

COLUMN = "volume_spike_20_1m"
SHORT = random_walk(90, seed=4)


def inside(table: FeatureTable, longest: int) -> IntArray:
    """Rows with as many before them as the longest horizon, and twice as many after them."""
    return np.arange(longest, len(table) - 2 * longest)


def returns_from(table: FeatureTable, begin: int, length: int, longest: int) -> FloatArray:
    """Log-returns over `length` rows that begin so many rows after each row inside."""
    price, rows = np.log(table.close), inside(table, longest)
    return price[rows + begin + length] - price[rows + begin]


def past_of(table: FeatureTable, longest: int) -> FloatArray:
    """A constant, price, log price and the returns over one row up to each row inside."""
    rows = inside(table, longest)
    lags = [returns_from(table, -ago - 1, 1, longest) for ago in range(longest)]
    return np.column_stack([np.ones(rows.size), table.close[rows], np.log(table.close[rows]), *lags])


def with_column(table: FeatureTable, column: FloatArray, longest: int) -> FeatureTable:
    """The table whose last feature is this one in the rows inside."""
    values = table.values.copy()
    values[inside(table, longest), -1] = column
    return replace(table, values=values)


def found_in(table: FeatureTable, horizons: tuple[int, ...]) -> list[Foretold]:
    return find_foretold(table, np.arange(len(table)), horizons=horizons)


def of_share(r2: float, table: FeatureTable) -> FloatArray:
    """A column of which the next two returns explain this share, and the past nothing; horizon 1."""
    rng = np.random.default_rng(1)
    past = past_of(table, 1)
    future = np.column_stack([returns_from(table, begin, 1, 1) for begin in (0, 1)])
    signal = OLS(future @ [1.0, -0.7], past).fit().resid
    noise = OLS(rng.normal(size=signal.size), np.column_stack([past, future])).fit().resid
    return np.sqrt(r2) * signal / np.linalg.norm(signal) + np.sqrt(1 - r2) * noise / np.linalg.norm(noise)


@pytest.mark.parametrize(("horizons", "comparisons"), [((1,), 4 * 3), ((2, 3), 4 * 19)])
def test_a_sum_of_returns_has_the_r2_and_the_f_test_of_a_regression(
    horizons: tuple[int, ...], comparisons: int
) -> None:
    longest = max(horizons)
    future = np.column_stack([returns_from(SHORT, begin, 1, longest) for begin in range(2 * longest)])
    rng = np.random.default_rng(2)
    column = 3 + 1_000 * (future[:, 0] - 0.8 * future[:, -1]) + rng.normal(0, 0.15, len(future))

    (found,) = found_in(with_column(SHORT, column, longest), horizons)

    past = past_of(SHORT, longest)
    less, whole = OLS(column, past).fit(), OLS(column, np.column_stack([past, future])).fit()
    _, p_value, _ = whole.compare_f_test(less)
    assert (found.column, found.how) == (COLUMN, "a sum of returns that come after its row")
    assert (found.rows, found.r2) == (len(future), pytest.approx(1 - whole.ssr / less.ssr, rel=1e-6))
    assert found.p_value == pytest.approx(p_value * comparisons, rel=1e-4)


@pytest.mark.parametrize(
    ("horizon", "begin", "said"),
    [(1, 0, "over 1 rows"), (2, 0, "over 2 rows"), (3, 2, "over 3 rows that begins 2 rows later")],
)
@pytest.mark.parametrize("form", ["rank", "sign"])
def test_a_rank_or_a_sign_has_the_r2_and_the_t_test_of_a_regression(
    horizon: int, begin: int, said: str, form: str
) -> None:
    ahead = returns_from(SHORT, begin, horizon, 3)
    noise = np.random.default_rng(3).normal(size=ahead.size)
    if form == "rank":  # so bent that no sum of returns is like it
        column = np.exp(4_000 * ahead + 0.2 * noise)
        own, other = rankdata(column), rankdata(ahead)
    else:
        column = np.sign(ahead) + 0.2 * noise
        own, other = column, np.sign(ahead)

    (found,) = found_in(with_column(SHORT, column, 3), (2, 3))

    fit = OLS(own, np.column_stack([past_of(SHORT, 3), other])).fit()
    t = fit.tvalues[-1]
    assert found.how == f"the {form} of the return {said}, as it were"
    assert (found.rows, found.r2) == (ahead.size, pytest.approx(t**2 / (t**2 + fit.df_resid), rel=1e-6))
    assert found.p_value == pytest.approx(fit.pvalues[-1] * 4 * 19, rel=1e-4)


@pytest.mark.parametrize(("r2", "is_named"), [(0.7499, False), (0.7501, True), (0.95, True)])
def test_three_quarters_that_the_future_explains_are_too_much(r2: float, is_named: bool) -> None:
    found = found_in(with_column(SHORT, of_share(r2, SHORT), 1), (1,))
    assert [each.column for each in found] == [COLUMN] * is_named
    assert all(each.r2 == pytest.approx(r2) for each in found)


def test_what_few_rows_may_show_by_chance_is_no_leak() -> None:
    few = random_walk(25, seed=4)
    assert found_in(with_column(few, of_share(0.85, few), 1), (1,)) == []
    assert found_in(with_column(SHORT, of_share(0.85, SHORT), 1), (1,)) != []


@pytest.mark.parametrize(("rows", "is_asked"), [(20, False), (21, True)])
def test_three_rows_a_regressor_are_needed(rows: int, is_asked: bool) -> None:
    """18 rows of 21 have one before them and two after them, and 3 (3 + 3) are needed."""
    table = random_walk(rows, seed=4)
    found = found_in(with_column(table, returns_from(table, 0, 1, 1), 1), (1,))
    assert len(found) == is_asked


def test_the_clearest_column_comes_first_and_one_with_a_gap_in_its_values_is_not_compared() -> None:
    values = SHORT.values.copy()
    rows = inside(SHORT, 1)
    values[rows, 0], values[rows, 1], values[rows, 2] = of_share(0.8, SHORT), of_share(0.99, SHORT), of_share(1, SHORT)
    table = with_value(replace(SHORT, values=values), SHORT.features[2], np.nan, rows=[40])
    found = found_in(table, (1,))
    assert [(each.column, round(each.r2, 2)) for each in found] == [(SHORT.features[1], 0.99), (SHORT.features[0], 0.8)]


def test_rows_beside_a_gap_are_left_out() -> None:
    foretelling = with_column(SHORT, returns_from(SHORT, 0, 1, 1), 1)
    assert found_in(foretelling, (1,))[0].rows == 87
    # Row 50 is gone, the two before it lack what comes after them, and the one after it what came before.
    assert found_in(without_rows(foretelling, [50]), (1,))[0].rows == 83


def test_of_many_rows_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks_target, "MOST_ROWS", 60)
    (found,) = found_in(with_column(SHORT, returns_from(SHORT, 1, 1, 1), 1), (1,))
    assert (found.rows, found.r2) == (60, pytest.approx(1))


@pytest.mark.parametrize(("earlier", "seen"), [(0, 0), (1, 1), (4, 4), (5, 5), (6, 0)])
def test_targets_that_begin_too_early_are_counted_and_so_are_the_rows_they_begin_early(earlier: int, seen: int) -> None:
    table = random_walk(200, seed=2)
    samples = samples_of(table, DataOptions(window=8, horizons=(2, 5)))
    price = np.log(table.close)
    start = samples.rows - earlier
    late = samples.targets.copy()
    late[:, 1] = price[start + 5] - price[start]
    expected = [(5, len(samples), seen)] if earlier else []
    assert list(misplaced_targets(table, replace(samples, targets=late), horizons=(2, 5))) == expected


def test_targets_that_are_no_return_at_all_are_counted() -> None:
    table = random_walk(200, seed=2)
    samples = samples_of(table, DataOptions(window=8, horizons=(2, 5)))
    targets = samples.targets.copy()
    targets[:3, 0] += 1.1e-9
    targets[3:6, 0] += 0.9e-9
    targets[7, 0] = np.nan
    assert list(misplaced_targets(table, replace(samples, targets=targets), horizons=(2, 5))) == [(2, 4, 0)]
