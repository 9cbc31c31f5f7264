"""The model against each baseline, and what is left out of whose figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_assets.forecast.judge.baselines import MAJORITY_SIGN, PERSISTENCE, column_of
from crypto_assets.forecast.judge.figures import Cell, Outcomes, Regime, cells_of, joined, rows_table
from crypto_assets.forecast.judge.significance import diebold_mariano
from crypto_assets.forecast.options import JudgeOptions
from crypto_assets.forecast.table import FloatArray

ROWS = 300
OPTIONS = JudgeOptions(resamples=50, fee_bps=1)


def outcomes_of(*, horizon: int = 1, still: int = 0) -> Outcomes:
    """Outcomes of noise, of which the first `still` are a price that did not move."""
    rng = np.random.default_rng(2)
    realised = rng.normal(0, 1e-4, ROWS)
    realised[:still] = 0.0
    return Outcomes(
        horizon=horizon,
        as_of_us=np.arange(ROWS) * 60_000_000,
        realised=realised,
        scale=np.full(ROWS, 1e-4),
        regime=np.zeros(ROWS, dtype=np.int64),
        apart=np.arange(ROWS) % horizon == 0,
        past=rng.normal(0, 1e-4, (ROWS, 3)),
        baselines={
            PERSISTENCE: np.zeros(ROWS),
            "ridge": rng.normal(0, 1e-5, ROWS),
            MAJORITY_SIGN: np.ones(ROWS),
        },
        models={7: np.zeros(ROWS)},
        half_widths={7: np.full(ROWS, 1e-4)},
    )


def cells(outcomes: Outcomes, forecast: FloatArray, *, regime: Regime | None = None) -> list[Cell]:
    """Those of a model that foretold this, then those of the baselines."""
    of_model = replace(outcomes, models={7: forecast})
    return list(cells_of(of_model, fold=1, regime=regime, options=OPTIONS, seed=0))


def cell_of(outcomes: Outcomes, forecast: FloatArray, *, regime: Regime | None = None) -> Cell:
    return cells(outcomes, forecast, regime=regime)[0]


def test_a_baseline_with_a_size_is_compared_by_squared_error() -> None:
    outcomes = outcomes_of()
    forecast = 0.3 * outcomes.realised
    ours, theirs = (forecast - outcomes.realised) ** 2, (outcomes.baselines["ridge"] - outcomes.realised) ** 2
    found = cell_of(outcomes, forecast).comparisons[1]
    assert found.baseline == "ridge"
    assert found.skill == pytest.approx(1 - ours.sum() / theirs.sum())
    assert found.test == diebold_mariano(ours, theirs, horizon=1)


def test_the_majority_sign_is_compared_by_wrong_directions_where_the_price_moved() -> None:
    outcomes = outcomes_of(still=100)
    forecast = outcomes.realised.copy()
    forecast[100:150] *= -1  # wrong
    forecast[150:200] = 0  # says nothing: half a miss
    moved = outcomes.realised[100:]
    ours = np.concatenate([np.ones(50), np.full(50, 0.5), np.zeros(100)])
    theirs = (moved < 0).astype(float)
    found = cell_of(outcomes, forecast).comparisons[2]
    assert found.baseline == MAJORITY_SIGN
    assert found.skill == pytest.approx(1 - 75 / theirs.sum())
    assert found.test == diebold_mariano(ours, theirs, horizon=1)


def test_a_model_of_the_right_size_with_random_directions_does_not_beat_the_majority_sign() -> None:
    outcomes = outcomes_of()
    rng = np.random.default_rng(9)
    assert cell_of(outcomes, rng.normal(0, 1e-9, ROWS)).comparisons[2].test.p > 0.05


def test_trades_of_a_long_horizon_do_not_overlap() -> None:
    outcomes = outcomes_of(horizon=5)
    model, *_, naive = cells(outcomes, np.ones(ROWS))
    profit = model.profit
    assert profit is not None
    assert profit.trades == ROWS // 5
    assert profit.before_fees_bps - profit.after_fees_bps == pytest.approx(2 * ROWS // 5)
    assert (naive.forecaster, naive.profit) == (MAJORITY_SIGN, profit)
    assert naive.errors is None


def test_rows_of_one_regime_are_no_series_to_trade_or_to_shift() -> None:
    cell = cell_of(outcomes_of(), np.ones(ROWS), regime="wild")
    assert (cell.lag, cell.profit, cell.regime) == (None, None, "wild")


def test_chosen_rows_are_chosen_in_every_array() -> None:
    chosen = np.arange(ROWS) % 3 == 0
    found = outcomes_of().where(chosen)
    sizes = {
        array.shape[0] for array in (found.as_of_us, found.realised, found.scale, found.regime, found.apart, found.past)
    }
    of_all = (*found.baselines.values(), *found.models.values(), *found.half_widths.values())
    assert sizes | {array.size for array in of_all} == {100}


def test_columns_of_baselines_are_words_without_spaces() -> None:
    assert [column_of(name) for name in (PERSISTENCE, "ridge", MAJORITY_SIGN)] == [
        "persistence",
        "ridge",
        "majority_sign",
    ]
    table = rows_table(outcomes_of(), fold=2, seed=7)
    assert table.slice(0, 1).to_pylist()[0].keys() >= {"as_of_us", "realised", "forecast", "majority_sign"}
    assert set(table["fold"].to_pylist()) == {2}


def test_a_row_says_what_was_foretold_and_what_happened() -> None:
    outcomes = replace(
        outcomes_of(horizon=5),
        regime=np.full(ROWS, 2),
        models={7: np.zeros(ROWS), 8: np.full(ROWS, 3e-4)},
        half_widths={7: np.zeros(ROWS), 8: np.full(ROWS, 4e-4)},
    )
    table = rows_table(outcomes, fold=2, seed=8)
    assert table.slice(10, 1).to_pylist() == [
        {
            **{"as_of_us": 600_000_000, "fold": 2, "seed": 8, "horizon": 5, "regime": 2},
            **{"realised": outcomes.realised[10], "forecast": 3e-4, "half_width": 4e-4},
            **{"persistence": 0.0, "ridge": outcomes.baselines["ridge"][10], "majority_sign": 1.0},
        }
    ]
    assert [str(table.schema.field(name).type) for name in ("as_of_us", "fold", "seed", "horizon", "regime")] == [
        *("int64", "int32", "int64", "int32", "int8"),
    ]


def test_each_model_is_compared_with_its_own_interval_and_a_baseline_with_none() -> None:
    outcomes = outcomes_of()
    widths = {7: np.zeros(ROWS), 8: np.full(ROWS, np.inf)}
    both = replace(outcomes, models={7: np.zeros(ROWS), 8: outcomes.realised}, half_widths=widths)
    found = list(cells_of(both, fold=4, regime=None, options=OPTIONS, seed=0))
    said = [(cell.forecaster, cell.seed, cell.fold, cell.horizon, cell.rows) for cell in found]
    assert said == [
        *(("model", seed, 4, 1, ROWS) for seed in (7, 8)),
        *((name, None, 4, 1, ROWS) for name in (PERSISTENCE, "ridge", MAJORITY_SIGN)),
    ]
    assert [(cell.calibration.inside, cell.calibration.stated) for cell in found if cell.calibration] == [
        (0.0, 0.8),
        (1.0, 0.8),
    ]
    assert [len(cell.comparisons) for cell in found] == [3, 3, 0, 0, 0]
    assert [cell.lag is None for cell in found] == [False, False, True, True, True]
    assert found[1].direction.accuracy == 1
    assert found[0].direction.rows == 0


def test_folds_of_one_horizon_are_joined_one_after_the_other() -> None:
    first, second = outcomes_of(horizon=5), outcomes_of(horizon=5, still=40)
    found = joined([first, second])
    assert found.horizon == 5
    assert found.realised.tolist() == [*first.realised, *second.realised]
    assert found.past.shape == (2 * ROWS, 3)
    assert found.baselines["ridge"].tolist() == [*first.baselines["ridge"], *second.baselines["ridge"]]
    assert list(found.half_widths) == [7]
