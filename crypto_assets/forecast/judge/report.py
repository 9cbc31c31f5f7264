"""An evaluation as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterator

from crypto_assets.forecast.judge.baselines import PERSISTENCE
from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.figures import MODEL, Cell
from crypto_assets.forecast.judge.significance import Interval, chance
from crypto_assets.forecast.judge.verdict import duration

NOTHING = "–"
COLUMNS = (
    *("forecast", "RMSE, bps", "MAE, bps", "MASE", "skill", "model better: p"),
    *("direction right", "p of direction", "after fees, bps"),
)
HEADER = f"| {' | '.join(COLUMNS)} |\n|---{'|---:' * (len(COLUMNS) - 1)}|"


def as_markdown(evaluation: Evaluation, *, fold: int | None = None) -> str:
    """A table per horizon over all folds, or of one: each seed's model, then each baseline.

    Skill is 1 - MSE / MSE of persistence with its bootstrap interval; `model better` is the p of Diebold and Mariano
    for the model of the first seed against the row's baseline.
    """
    return "\n\n".join(_of_horizon(evaluation, horizon, fold=fold) for horizon in evaluation.horizons)


def _of_horizon(evaluation: Evaluation, horizon: int, *, fold: int | None) -> str:
    models = [evaluation.model(horizon=horizon, seed=seed, fold=fold) for seed in evaluation.seeds]
    p = {one.baseline: one.test.p for one in models[0].comparisons}
    where = f"{len(evaluation.folds)} folds" if fold is None else f"fold {fold}"
    what = f"{evaluation.symbol}, {duration(horizon * evaluation.step_us)} ahead"
    title = f"**{what}**, {models[0].rows:,} test rows, {where}"
    rows = [_row(cell, p=None) for cell in models]
    rows += [_row(evaluation.baseline(name, horizon=horizon, fold=fold), p=p[name]) for name in p]
    return "\n".join([title, "", HEADER, *rows])


def _row(cell: Cell, *, p: float | None) -> str:
    return "| " + " | ".join(_columns(cell, p=p)) + " |"


def _columns(cell: Cell, *, p: float | None) -> Iterator[str]:
    errors, direction = cell.errors, cell.direction
    yield f"{MODEL}, seed {cell.seed}" if cell.forecaster == MODEL else cell.forecaster
    yield f"{errors.rmse_bps:.3f}" if errors else NOTHING
    yield f"{errors.mae_bps:.3f}" if errors else NOTHING
    yield f"{errors.mase:.4f}" if errors and errors.mase is not None else NOTHING
    yield _skill(cell)
    yield NOTHING if p is None else _chance(p)
    yield NOTHING if direction.accuracy is None else f"{_percent(direction.accuracy, direction.interval)}"
    yield NOTHING if direction.test.statistic is None else _chance(direction.test.p)
    yield NOTHING if cell.profit is None else f"{cell.profit.after_fees_bps:,.0f}"


def _chance(p: float) -> str:
    return chance(p).removeprefix("p = ").removeprefix("p ")


def _skill(cell: Cell) -> str:
    if cell.errors is None or cell.errors.skill is None:
        return NOTHING
    return _percent(cell.errors.skill, None if cell.forecaster == PERSISTENCE else cell.errors.interval)


def _percent(share: float, interval: Interval | None) -> str:
    around = f" ({100 * interval.low:.2f} to {100 * interval.high:.2f})" if interval else ""
    return f"{100 * share:.2f} %{around}"
