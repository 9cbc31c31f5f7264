"""Whether columns hold what they are to foretell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from crypto_assets.forecast.table import BoolArray, FeatureTable, FloatArray, IntArray, Samples, places_of

IMPLAUSIBLE_R2 = 0.75
"""Share of a column's variance, that the past does not explain, from which on the future may not explain it. What is
learnable in a market is a few per cent of a return's variance: over five recorded days of August 2024 no feature of
gold has more than 0.06."""
FAMILY_WISE = 1e-6
"""Probability, over all columns and candidates, of calling honest columns a leak where nothing can be foretold."""
MOST_ROWS = 20_000
"""Rows looked at, evenly taken: enough to tell a leak from chance, and a matrix of them fits in memory."""
LEAST_ROWS_A_REGRESSOR = 3
EXPLAINED_BY_THE_PAST = 1e-12
"""Share of a column's variance below which what the past leaves of it is nothing."""
TARGET_TOLERANCE = 1e-9
"""Log-return: what rounding may change in a target, a hundred-thousandth of a basis point."""
ROUNDING = 1e-24
"""Share of a column's sum of squares below which it is not even that: rounding."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """A column of which the future explains what the past does not."""

    column: str
    how: str
    r2: float
    rows: int
    p_value: float
    """After Bonferroni's correction for all that was compared."""


def misplaced_targets(
    table: FeatureTable, samples: Samples, *, horizons: Sequence[int]
) -> Iterator[tuple[int, int, int]]:
    """Of each horizon whose targets are not ln(close `horizon` steps after the row / close of the row): how many are
    not, and how many steps earlier, 0 if none is seen, the returns begin that they are."""
    longest = max(horizons)
    for index, horizon in enumerate(horizons):
        targets = samples.targets[:, index]
        wrong = _unlike(targets, table, samples.rows, horizon=horizon, earlier=0)
        if wrong:
            earlier = range(1, longest + 1)
            fit = (n for n in earlier if not _unlike(targets, table, samples.rows, horizon=horizon, earlier=n))
            yield horizon, wrong, next(fit, 0)


def rows_ahead(table: FeatureTable, rows: IntArray, *, ahead: int) -> tuple[IntArray, BoolArray]:
    """The row that closed so many steps after (or, below zero, before) each of the rows, and whether there is one;
    where there is none, any row."""
    return places_of(table.as_of_us, table.as_of_us[rows] + ahead * table.step_us)


def find_foretold(table: FeatureTable, rows: IntArray, *, horizons: Sequence[int]) -> list[Foretold]:
    """Columns that are a near-exact function of what comes after their row, the clearest first.

    The past (price, log price, and the one-row returns up to the longest horizon H) is taken out of every column and
    of the future first: a moving average or a momentum, whatever it foretells, is honest. Then a column is compared
    with

    - all one-row returns of the 2 H rows after it together (an affine function of any return or price ahead, also one
      that began before the row or begins up to H rows after it), by the R2 of a regression and its F test;
    - the rank and the sign of the return over each horizon from each of the next H rows on (any rising function), by
      the squared correlation and its t test.

    A column is named where R2 is at least IMPLAUSIBLE_R2 and the p-value, corrected for all comparisons, is below
    FAMILY_WISE.
    """
    longest = max(horizons)
    rows = _surrounded(table, rows, past=longest, future=2 * longest)
    columns = np.flatnonzero(np.isfinite(table.values[rows]).all(axis=0)) if rows.size else np.zeros(0, np.int64)
    if rows.size < LEAST_ROWS_A_REGRESSOR * (3 * longest + 3) or not columns.size:
        return []
    log_close = np.log(table.close)
    past = _past(table.close, log_close, rows, length=longest)
    returns = np.stack([log_close[rows + k] - log_close[rows + k - 1] for k in range(1, 2 * longest + 1)], axis=1)
    labels, ahead = _windows_ahead(log_close, rows, horizons=horizons)
    values = table.values[rows][:, columns]
    comparisons = columns.size * (1 + 2 * len(labels))
    names = [table.features[column] for column in columns]
    found = chain(
        _by_regression(values, returns, past, names=names), _by_rank(values, ahead, past, labels=labels, names=names)
    )
    corrected = (replace(each, p_value=each.p_value * comparisons) for each in found)
    clear = [each for each in corrected if each.p_value < FAMILY_WISE]
    best: dict[str, Foretold] = {}
    for each in sorted(clear, key=lambda each: -round(each.r2, 6)):  # of equal ones the regression, which comes first
        best.setdefault(each.column, each)
    return list(best.values())


def _unlike(targets: FloatArray, table: FeatureTable, rows: IntArray, *, horizon: int, earlier: int) -> int:
    """Targets that are not the return that begins so many steps before their row; one of no row is none."""
    log_close = np.log(table.close)
    start, has_start = rows_ahead(table, rows, ahead=-earlier)
    end, has_end = rows_ahead(table, rows, ahead=horizon - earlier)
    fits = has_start & has_end & (np.abs(targets - (log_close[end] - log_close[start])) <= TARGET_TOLERANCE)
    edge = min(earlier, rows.size // 2)  # the first rows have nothing before them
    return int((~fits)[edge:].sum())


def _surrounded(table: FeatureTable, rows: IntArray, *, past: int, future: int) -> IntArray:
    """Some of the rows, evenly taken, that have so many others before and after them without a gap."""
    rows = rows[(rows >= past) & (rows + future < len(table))]
    apart = table.open_us[rows + future] - table.open_us[rows - past]
    rows = rows[apart == (past + future) * table.step_us]
    if rows.size <= MOST_ROWS:
        return rows
    return rows[np.linspace(0, rows.size - 1, MOST_ROWS).astype(np.int64)]


def _past(close: FloatArray, log_close: FloatArray, rows: IntArray, *, length: int) -> FloatArray:
    """Orthonormal columns that span a constant, price, log price and the returns before the rows."""
    returns = [log_close[rows - k] - log_close[rows - k - 1] for k in range(length)]
    return _orthonormal(np.stack([np.ones(rows.size), close[rows], log_close[rows], *returns], axis=1))


def _windows_ahead(
    log_close: FloatArray, rows: IntArray, *, horizons: Sequence[int]
) -> tuple[list[tuple[int, int]], FloatArray]:
    """(horizon, rows after the row at which it begins) and the returns over them, a column each."""
    labels = [(horizon, begin) for horizon in dict.fromkeys((1, *horizons)) for begin in range(max(horizons))]
    returns = [log_close[rows + begin + horizon] - log_close[rows + begin] for horizon, begin in labels]
    return labels, np.stack(returns, axis=1)


def _by_regression(
    values: FloatArray, returns: FloatArray, past: FloatArray, *, names: Sequence[str]
) -> Iterator[Foretold]:
    """`p_value` is not corrected yet."""
    from scipy.stats import f as f_distribution

    rest, left = _without(values, past)
    future = _orthonormal(_without(returns, past)[0])
    rows, regressors = future.shape
    freedom = rows - past.shape[1] - regressors
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(left, ((future.T @ rest) ** 2).sum(axis=0) / (rest**2).sum(axis=0), 0.0)
    for column in np.flatnonzero(r2 >= IMPLAUSIBLE_R2):
        share = min(float(r2[column]), 1 - 1e-15)
        p_value = float(f_distribution.sf(share / (1 - share) * freedom / regressors, regressors, freedom))
        yield Foretold(names[int(column)], "a sum of returns that come after its row", share, rows, p_value)


def _by_rank(
    values: FloatArray,
    ahead: FloatArray,
    past: FloatArray,
    *,
    labels: Sequence[tuple[int, int]],
    names: Sequence[str],
) -> Iterator[Foretold]:
    """`p_value` is not corrected yet."""
    from scipy.stats import rankdata
    from scipy.stats import t as t_distribution

    _, left = _without(values, past)
    freedom = values.shape[0] - past.shape[1] - 1
    forms = {
        "the rank": (rankdata(values, axis=0), rankdata(ahead, axis=0)),
        "the sign": (values, np.sign(ahead)),
    }
    for form, (own, other) in forms.items():
        r2 = np.where(left[:, np.newaxis], _squared_correlation(own, other, past), 0.0)
        for column in np.flatnonzero(r2.max(axis=1) >= IMPLAUSIBLE_R2):
            window = int(r2[column].argmax())
            share = min(float(r2[column, window]), 1 - 1e-15)
            p_value = 2 * float(t_distribution.sf(np.sqrt(share * freedom / (1 - share)), freedom))
            horizon, begin = labels[window]
            later = f" that begins {begin} rows later" if begin else ""
            how = f"{form} of the return over {horizon} rows{later}, as it were"
            yield Foretold(names[int(column)], how, share, values.shape[0], p_value)


def _squared_correlation(own: FloatArray, other: FloatArray, past: FloatArray) -> FloatArray:
    """Of each column of one with each of the other, the past taken out of both; shape (columns, columns of other)."""
    one, one_left = _without(own, past)
    two, two_left = _without(other, past)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = (one.T @ two) ** 2 / np.outer((one**2).sum(axis=0), (two**2).sum(axis=0))
    return np.where(np.outer(one_left, two_left), r2, 0.0)


def _without(values: FloatArray, past: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What orthonormal columns do not explain of others, and whether that is more than rounding."""
    rest = values - past @ (past.T @ values)
    rest -= past @ (past.T @ rest)  # twice: once leaves what rounding put back
    spread = ((values - values.mean(axis=0)) ** 2).sum(axis=0)
    least = EXPLAINED_BY_THE_PAST * spread + ROUNDING * (values**2).sum(axis=0)
    return rest, (rest**2).sum(axis=0) > least


def _orthonormal(columns: FloatArray) -> FloatArray:
    """Orthonormal columns with the same span; a column that others explain adds none."""
    scaled = columns / np.maximum(np.sqrt((columns**2).sum(axis=0)), np.finfo(np.float64).tiny)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    return left[:, singular > singular.max(initial=0.0) * 1e-10]
