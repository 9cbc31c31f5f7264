"""The table that people read."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from crypto_assets.forecast.judge.baselines import BASELINES, MAJORITY_SIGN, PERSISTENCE
from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.figures import Cell, Comparison
from crypto_assets.forecast.judge.measures import Direction, Errors, Profit
from crypto_assets.forecast.judge.report import as_markdown
from crypto_assets.forecast.judge.significance import DieboldMariano, Interval, PesaranTimmermann
from crypto_assets_tests.forecast.judge.worlds import judged, options_of, oracle
from crypto_assets_tests.forecast.tables import random_walk


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return judged(random_walk(1_500, seed=4), oracle, options_of(horizons=(1, 5), seeds=2)).evaluation


def rows_of(table: str) -> dict[str, list[str]]:
    """Columns by the name in the first one, of lines that are table rows."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:1] == "|"]
    return {line[0]: line[1:] for line in lines}


def test_there_is_a_table_for_each_horizon_with_every_model_and_baseline(evaluation: Evaluation) -> None:
    one, five = as_markdown(evaluation).split("\n\n**")
    assert one.startswith("**BTCUSDT, 1 min ahead**, ")
    assert five.startswith("BTCUSDT, 5 min ahead**, ")
    for table in (one, five):
        assert {*BASELINES, "model, seed 7", "model, seed 8"} <= set(rows_of(table))
        assert len({len(cells) for cells in rows_of(table).values()}) == 1


def test_the_figures_are_those_of_the_evaluation(evaluation: Evaluation) -> None:
    table = rows_of(as_markdown(evaluation).split("\n\n**")[0])
    cell = evaluation.model(horizon=1, seed=7)
    assert cell.errors is not None
    assert table["model, seed 7"][0] == f"{cell.errors.rmse_bps:.3f}"
    assert table["model, seed 7"][3] == "75.00 % (75.00 to 75.00)"
    assert table["model, seed 7"][5].startswith("100.00 % (")
    assert table["ridge"][4] == "< 0.001"
    assert table["persistence (zero return)"][3] == "0.00 %"


def test_what_does_not_exist_is_a_dash(evaluation: Evaluation) -> None:
    table = rows_of(as_markdown(evaluation).split("\n\n**")[0])
    assert table["majority sign"][:4] == ["–"] * 4
    assert table["persistence (zero return)"][5:7] == ["–", "–"]


def test_one_fold_can_be_shown_alone(evaluation: Evaluation) -> None:
    rows = evaluation.folds[-1].test_rows
    assert as_markdown(evaluation, fold=2).startswith(
        f"**BTCUSDT, 1 min ahead**, {rows:,} test rows, fold 2\n\n| forecast |"
    )
    assert ", 2 folds\n" in as_markdown(evaluation)


def test_a_table_written_by_hand(evaluation: Evaluation) -> None:
    """Each column from its own figure, and a dash where there is none."""
    nothing = PesaranTimmermann(statistic=None, p=1.0)
    somewhat = Interval(low=0.4876, high=0.5623)
    cell = partial(Cell, horizon=900, fold=None, regime=None, rows=14_400)
    model = cell(
        forecaster="model",
        seed=7,
        errors=Errors(
            rmse_bps=1.23456, mae_bps=0.98765, mase=0.876543, skill=0.01234, interval=Interval(low=-0.001, high=0.025)
        ),
        direction=Direction(
            rows=14_000, accuracy=0.525, interval=somewhat, test=PesaranTimmermann(statistic=1.7, p=0.0432)
        ),
        comparisons=tuple(
            Comparison(baseline=name, skill=0.01, test=DieboldMariano(statistic=-1.0, p=p, lags=4))
            for name, p in ((PERSISTENCE, 0.0004), (MAJORITY_SIGN, 0.25))
        ),
        profit=Profit(trades=3, before_fees_bps=1.0, after_fees_bps=-1234.5678, per_trade_bps=-411.5),
    )
    naive = cell(
        forecaster=PERSISTENCE,
        seed=None,
        errors=Errors(rmse_bps=2.0, mae_bps=1.5, mase=None, skill=0.0, interval=Interval(low=0.0, high=0.0)),
        direction=Direction(rows=0, accuracy=None, interval=Interval(low=0.0, high=1.0), test=nothing),
    )
    sign = cell(
        forecaster=MAJORITY_SIGN,
        seed=None,
        errors=None,
        direction=Direction(rows=9, accuracy=0.5, interval=somewhat, test=nothing),
    )
    evaluation = msgspec.structs.replace(
        evaluation,
        symbol="ETHUSDT",
        step_us=1_000_000,
        horizons=(900,),
        seeds=(7,),
        cells=(model, naive, sign),
    )
    assert as_markdown(evaluation).splitlines() == [
        "**ETHUSDT, 15 min ahead**, 14,400 test rows, 2 folds",
        "",
        "| forecast | RMSE, bps | MAE, bps | MASE | skill | model better: p | direction right | p of direction |"
        " after fees, bps |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        "| model, seed 7 | 1.235 | 0.988 | 0.8765 | 1.23 % (-0.10 to 2.50) | – | 52.50 % (48.76 to 56.23) | 0.043 |"
        " -1,235 |",
        "| persistence (zero return) | 2.000 | 1.500 | – | 0.00 % | < 0.001 | – | – | – |",
        "| majority sign | – | – | – | – | 0.250 | 50.00 % (48.76 to 56.23) | – | – |",
    ]
