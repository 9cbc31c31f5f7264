"""The table that people read."""

from __future__ import annotations

import pytest

from crypto_assets.forecast.judge.baselines import BASELINES
from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.report import as_markdown
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
