"""Whether a difference is more than chance: tests and intervals that know of overlapping outcomes.

Every function gives a defined answer to degenerate input (nothing varies, too few rows): None for a figure that does
not exist, and a p of 1 for a test that cannot be made, so that nothing is ever significant by accident.
"""

from __future__ import annotations

from math import floor, log10, sqrt

import msgspec
import numpy as np

from crypto_assets.forecast.table import BoolArray, FloatArray

FEWEST_ROWS = 30
"""Under this many rows no test is made and no interval given: the statistics are right for many rows only."""
NO_VARIANCE = 1e-12
"""Spread of a series, as part of its largest value, up to which it counts as constant: what rounding leaves."""
QUIET_LAGS = 5
"""Insignificant autocorrelations in a row after which none counts: max(5, sqrt(log10 rows)), and no series has the
10^25 rows from which on the root is the larger one."""
CELLS_AT_ONCE = 1_000_000
"""Block starts drawn at a time, of all resamples together: memory stays at some 50 MB."""


class DieboldMariano(msgspec.Struct, frozen=True, kw_only=True):
    """Test that one forecast loses less than another on the same rows."""

    statistic: float | None
    """Negative where the first forecast is the better one; None where no test could be made."""
    p: float
    """One-sided: chance of such a difference if the first were no better; 1 where no test could be made."""
    lags: int
    """Of the heteroskedasticity and autocorrelation consistent variance."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """From `low` to `high`, in the unit of the figure that it belongs to."""

    low: float
    high: float


class PesaranTimmermann(msgspec.Struct, frozen=True, kw_only=True):
    """Test that foretold and realised directions go together more than by chance."""

    statistic: float | None
    """Standard normal where they do not; None where all directions on one side are the same, or rows too few."""
    p: float
    """One-sided; 1 where no test could be made."""


def chance(p: float) -> str:
    """`p = 0.013`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def is_constant(series: FloatArray) -> bool:
    """Whether a series has nothing to test: no spread but rounding's, or values that are no numbers."""
    if not series.size or not np.isfinite(series).all():
        return True
    return bool(np.ptp(series) <= NO_VARIANCE * np.abs(series).max())


def diebold_mariano(loss: FloatArray, other: FloatArray, *, horizon: int) -> DieboldMariano:
    """Test that `loss` is smaller than `other` in the mean; shapes (rows,), rows in time order, `horizon` in rows.

    Diebold and Mariano (1995, J. Business & Economic Statistics 13:253-263): mean of the loss differences over its
    standard error by Newey and West (1987, Econometrica 55:703-708), corrected for small samples and compared with
    Student's t of rows - 1 degrees as by Harvey, Leybourne and Newbold (1997, Int. J. Forecasting 13:281-291).
    Outcomes over `horizon` rows overlap, so differences are correlated over horizon - 1 lags at least; Bartlett's
    weights halve what is half-way to the last lag, so twice as many are taken, and never fewer than
    4 (rows / 100)^(2/9).
    """
    difference = loss - other
    rows = difference.size
    lags = max(2 * (horizon - 1), floor(4 * (rows / 100) ** (2 / 9)))
    if rows < max(FEWEST_ROWS, 4 * (lags + 1)) or is_constant(difference):
        return DieboldMariano(statistic=None, p=1.0, lags=lags)
    from scipy.stats import t
    from statsmodels.regression.linear_model import OLS

    fit = OLS(difference, np.ones(rows)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    harvey = sqrt((rows + 1 - 2 * horizon + horizon * (horizon - 1) / rows) / rows)
    statistic = float(fit.tvalues[0]) * harvey
    return DieboldMariano(statistic=statistic, p=float(t.cdf(statistic, rows - 1)), lags=lags)


def block_length(series: FloatArray, *, at_least: int = 1) -> int:
    """Rows of a block for the circular bootstrap of a series' mean, in [`at_least`, rows].

    The rule of Politis and White (2004, Econometric Reviews 23:53-70) with the correction of Patton, Politis and White
    (2009, same 28:372-375): (2 G² / D)^(1/3) rows^(1/3) with D = 4/3 g(0)², by flat-top weights over twice the lags
    after which correlations are insignificant. Never under the cube root of rows.
    """
    from statsmodels.tsa.stattools import acovf

    rows = series.size
    floor_rows = min(rows, max(at_least, round(rows ** (1 / 3))))
    if rows < FEWEST_ROWS or is_constant(series):
        return floor_rows
    longest = min(rows - 1, 2 * (floor(sqrt(rows)) + QUIET_LAGS))
    covariance = np.asarray(acovf(series, nlag=longest, fft=True), dtype=np.float64)
    is_loud = np.abs(covariance[1:] / covariance[0]) >= 2 * sqrt(log10(rows) / rows)
    significant = _last_before_quiet(is_loud)
    last = min(2 * max(significant, 1), longest)
    lags = np.arange(1, last + 1)
    weights = np.clip(2 * (1 - lags / last), 0, 1)  # 1 up to the half, then falling to 0: a flat top
    long_run = covariance[0] + 2 * float(np.sum(weights * covariance[1 : last + 1]))
    slope = 2 * float(np.sum(weights * lags * covariance[1 : last + 1]))
    if long_run <= 0:
        return floor_rows
    best = (2 * slope**2 / (4 / 3 * long_run**2)) ** (1 / 3) * rows ** (1 / 3)
    return max(floor_rows, min(round(best), round(min(3 * sqrt(rows), rows / 3))))


def skill_interval(
    loss: FloatArray,
    naive: FloatArray,
    *,
    horizon: int,
    alpha: float,
    resamples: int,
    rng: np.random.Generator,
) -> Interval | None:
    """Interval of 1 - mean(loss) / mean(naive) at level 1 - `alpha`; None where rows are few or the naive never errs.

    Quantiles over `resamples` of the circular block bootstrap (Politis and Romano 1992, in LePage and Billard,
    Exploring the Limits of Bootstrap): blocks of rows that follow one another are drawn with replacement, both losses
    of a row together, so that overlapping outcomes stay together. Shapes (rows,); blocks are `horizon` rows or more.
    """
    rows = loss.size
    if rows < max(FEWEST_ROWS, 4 * horizon):
        return None
    length = block_length(loss - naive, at_least=horizon)
    sums = _resampled_sums(np.column_stack([loss, naive]), length=length, resamples=resamples, rng=rng)
    if np.any(sums[:, 1] <= 0):
        return None
    low, high = np.quantile(1 - sums[:, 0] / sums[:, 1], [alpha / 2, 1 - alpha / 2])
    return Interval(low=float(low), high=float(high))


def wilson(hits: float, trials: int, *, alpha: float) -> Interval:
    """Interval of a share at level 1 - `alpha` (Wilson 1927, J. American Statistical Association 22:209-212).

    No trials say nothing: from 0 to 1.
    """
    if trials == 0:
        return Interval(low=0.0, high=1.0)
    from statsmodels.stats.proportion import proportion_confint

    low, high = np.asarray(proportion_confint(hits, trials, alpha=alpha, method="wilson"), dtype=np.float64)
    return Interval(low=float(low), high=float(high))


def pesaran_timmermann(foretold_up: BoolArray, realised_up: BoolArray) -> PesaranTimmermann:
    """Test that directions are foretold; shapes (rows,), of rows whose outcomes do not overlap.

    Pesaran and Timmermann (1992, J. Business & Economic Statistics 10:461-465): share of hits less the share that
    independent directions of the same frequencies would have, over the standard error of that difference.
    """
    rows = realised_up.size
    nothing = PesaranTimmermann(statistic=None, p=1.0)
    if rows < FEWEST_ROWS:
        return nothing
    hits, ours, theirs = (float(np.mean(ups)) for ups in (foretold_up == realised_up, foretold_up, realised_up))
    by_chance = theirs * ours + (1 - theirs) * (1 - ours)
    of_hits = by_chance * (1 - by_chance) / rows
    of_chance = (
        (2 * theirs - 1) ** 2 * ours * (1 - ours) / rows
        + (2 * ours - 1) ** 2 * theirs * (1 - theirs) / rows
        + 4 * theirs * ours * (1 - theirs) * (1 - ours) / rows**2
    )
    variance = of_hits - of_chance
    if variance <= NO_VARIANCE:
        return nothing
    from scipy.stats import norm

    statistic = (hits - by_chance) / sqrt(variance)
    return PesaranTimmermann(statistic=statistic, p=float(norm.sf(statistic)))


def _resampled_sums(losses: FloatArray, *, length: int, resamples: int, rng: np.random.Generator) -> FloatArray:
    """Sums of each column over resamples of as many rows, drawn in circular blocks; shape (resamples, columns)."""
    rows = losses.shape[0]
    whole, rest = divmod(rows, length)
    # A block's sum is a difference of running sums, so that a resample costs as many steps as it has blocks.
    around = np.vstack([np.zeros((1, losses.shape[1])), np.cumsum(np.vstack([losses, losses[:length]]), axis=0)])
    at_once = max(1, CELLS_AT_ONCE // (whole + 1))
    parts: list[FloatArray] = []
    for first in range(0, resamples, at_once):
        starts = rng.integers(0, rows, size=(min(at_once, resamples - first), whole + 1))
        blocks = (around[starts[:, :whole] + length] - around[starts[:, :whole]]).sum(axis=1)
        parts.append(blocks + around[starts[:, whole] + rest] - around[starts[:, whole]])
    return np.vstack(parts)


def _last_before_quiet(is_loud: BoolArray) -> int:
    """Smallest lag after which QUIET_LAGS lags are insignificant; of lags that begin with 1."""
    for lag in range(is_loud.size - QUIET_LAGS + 1):
        if not is_loud[lag : lag + QUIET_LAGS].any():
            return lag
    return is_loud.size
