"""What promotes a model, and what does not: each condition on its own."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from crypto_assets.forecast.judge.baselines import BASELINES, PERSISTENCE
from crypto_assets.forecast.judge.evaluation import Evaluation
from crypto_assets.forecast.judge.figures import MODEL, Cell
from crypto_assets.forecast.judge.significance import Interval
from crypto_assets.forecast.judge.verdict import Verdict, duration, judge, percent
from crypto_assets_tests.forecast.judge.worlds import judged, options_of, oracle
from crypto_assets_tests.forecast.tables import random_walk

NEWEST = 2
OTHERS = [name for name in BASELINES if name != PERSISTENCE]
type Change = Callable[[Cell], Cell]


@pytest.fixture(scope="module")
def good() -> Evaluation:
    """Of a model that knows half of every outcome: skill 0.75 at both horizons, whatever the seed."""
    options = options_of(horizons=(1, 5), seeds=3)
    return judged(random_walk(1_500, seed=4), oracle, options).evaluation


def changed(
    evaluation: Evaluation, change: Change, *, fold: int | None = NEWEST, seed: int = 7, horizon: int = 1
) -> Evaluation:
    """The evaluation in which one cell of the model says something else."""
    wanted = (MODEL, horizon, seed, fold, None)
    cells = [
        change(cell) if (cell.forecaster, cell.horizon, cell.seed, cell.fold, cell.regime) == wanted else cell
        for cell in evaluation.cells
    ]
    assert cells != list(evaluation.cells)
    return msgspec.structs.replace(evaluation, cells=tuple(cells))


def with_p(p: float, *, against: str) -> Change:
    def change(cell: Cell) -> Cell:
        replaced = [
            msgspec.structs.replace(one, test=msgspec.structs.replace(one.test, p=p))
            if one.baseline == against
            else one
            for one in cell.comparisons
        ]
        return msgspec.structs.replace(cell, comparisons=tuple(replaced))

    return change


def with_skill(skill: float | None) -> Change:
    return lambda cell: msgspec.structs.replace(cell, errors=msgspec.structs.replace(cell.errors, skill=skill))


def with_interval(interval: Interval | None) -> Change:
    return lambda cell: msgspec.structs.replace(cell, errors=msgspec.structs.replace(cell.errors, interval=interval))


def test_what_is_better_than_every_baseline_is_promoted_and_says_by_how_much(good: Evaluation) -> None:
    verdict = judge(good)
    assert verdict.promote
    assert (verdict.horizon, verdict.fold, verdict.seed, verdict.not_beaten) == (1, NEWEST, 7, ())
    assert verdict.sentence.startswith("beats persistence by 75.00 % ± 0.00 % (p < 0.001) and every other baseline (")
    assert verdict.sentence.endswith(
        f"on {verdict.rows} newest test rows, 1 min ahead; the median skill of 3 seeds is 75.00 %."
    )


def test_what_does_not_beat_persistence_says_so(good: Evaluation) -> None:
    evaluation = changed(good, with_p(0.62, against=PERSISTENCE))
    evaluation = changed(evaluation, with_interval(Interval(low=-0.008, high=0.004)))
    verdict = judge(changed(evaluation, with_skill(-0.002)))
    assert not verdict.promote
    assert verdict.sentence == (
        f"does not beat persistence: skill -0.20 % ± 0.60 % (p = 0.620) on {verdict.rows} newest test rows, 1 min"
        " ahead."
    )


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("p", [0.05, 0.3, 1.0, np.nan])
def test_one_baseline_that_is_not_beaten_is_enough_to_refuse(good: Evaluation, name: str, p: float) -> None:
    verdict = judge(changed(good, with_p(p, against=name)))
    assert not verdict.promote
    assert verdict.not_beaten == (name,)
    assert ("does not beat persistence" if name == PERSISTENCE else f"does not beat {name} (p = ") in verdict.sentence


def test_a_p_just_under_alpha_beats(good: Evaluation) -> None:
    verdict = judge(changed(good, with_p(0.0499, against="ridge")))
    assert verdict.promote
    assert "(ridge the least: p = 0.050)" in verdict.sentence


def test_all_baselines_that_are_not_beaten_are_named(good: Evaluation) -> None:
    evaluation = changed(changed(good, with_p(0.2, against="ridge")), with_p(0.1, against="drift"))
    assert "but does not beat drift (p = 0.100) and ridge (p = 0.200)" in judge(evaluation).sentence


@pytest.mark.parametrize("interval", [Interval(low=0.0, high=0.1), Interval(low=-0.01, high=0.1), None])
def test_an_interval_of_skill_that_reaches_zero_refuses(good: Evaluation, interval: Interval | None) -> None:
    verdict = judge(changed(good, with_interval(interval)))
    assert not verdict.promote
    assert verdict.sentence.startswith("does not beat persistence: skill 75.00 %")


@pytest.mark.parametrize("skill", [0.0, -0.1, None])
def test_a_seed_that_was_lucky_is_refused(good: Evaluation, skill: float | None) -> None:
    evaluation = changed(changed(good, with_skill(skill), seed=8), with_skill(skill), seed=9)
    verdict = judge(evaluation)
    assert not verdict.promote
    assert verdict.not_beaten == ()
    assert "with one seed only: the median skill of 3 seeds is" in verdict.sentence


def test_one_unlucky_seed_of_three_does_not_refuse(good: Evaluation) -> None:
    assert judge(changed(good, with_skill(-0.5), seed=9)).promote


@pytest.mark.parametrize("name", BASELINES)
def test_the_checkpoint_is_the_first_seed_on_the_newest_fold_at_the_primary_horizon(
    good: Evaluation, name: str
) -> None:
    bad = with_p(0.9, against=name)
    for elsewhere in ({"seed": 8}, {"fold": 1}, {"fold": None}, {"horizon": 5}):
        assert judge(changed(good, bad, **elsewhere)).promote
    options = msgspec.structs.replace(good.options, judge=msgspec.structs.replace(good.options.judge, primary=1))
    at_five = msgspec.structs.replace(good, options=options)
    assert judge(changed(at_five, bad)).promote
    refused = judge(changed(at_five, bad, horizon=5))
    assert (refused.promote, refused.horizon) == (False, 5)
    assert "5 min ahead" in refused.sentence


def test_a_leak_refuses_the_best_model_and_is_named_first(good: Evaluation) -> None:
    verdict = judge(good, leaks=["shuffled split", "open candle"])
    assert not verdict.promote
    assert verdict.leaks == ("shuffled split", "open candle")
    assert verdict.sentence.startswith("shuffled split and open candle: not promoted")
    assert verdict.not_beaten == ()


def test_a_verdict_survives_as_json(good: Evaluation) -> None:
    verdict = judge(good, leaks=["open candle"])
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


def test_figures_read_as_people_write_them() -> None:
    assert percent(0.018, Interval(low=0.012, high=0.024)) == "1.80 % ± 0.60 %"
    assert percent(None) == "no figure"
    assert [duration(us) for us in (60_000_000, 900_000_000, 10_000_000, 90_000_000)] == [
        "1 min",
        "15 min",
        "10 s",
        "90 s",
    ]
