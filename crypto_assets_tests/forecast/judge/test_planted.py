"""The judge judged: markets whose answer is known."""

from __future__ import annotations

import pytest

from crypto_assets.forecast.judge.baselines import MAJORITY_SIGN, PERSISTENCE
from crypto_assets.forecast.judge.verdict import Verdict, judge
from crypto_assets_tests.forecast.judge.worlds import (
    Model,
    guess,
    judged,
    linear,
    options_of,
    product_of_lags,
    recurrent,
)
from crypto_assets_tests.forecast.tables import random_walk, with_signal

ROWS = 900
SEEDS = 100
MODELS: tuple[Model, Model] = (recurrent, guess)


def test_a_random_walk_promotes_nothing_in_95_of_100_seeds() -> None:
    """Half of them foretold by a network, half by the noise that chance favours most."""
    promoted = [
        seed
        for seed in range(SEEDS)
        if judge(judged(random_walk(ROWS, seed=seed), MODELS[seed % 2], options_of(seed=seed)).evaluation).promote
    ]
    assert len(promoted) <= 5, promoted


def of_product(model: Model, *, seed: int, strength: float = 0.3) -> Verdict:
    return judge(judged(product_of_lags(3_000, seed=seed, strength=strength), model, options_of(seeds=3)).evaluation)


@pytest.mark.parametrize("seed", range(3))
def test_a_signal_that_has_to_be_remembered_is_promoted(seed: int) -> None:
    verdict = of_product(recurrent, seed=seed)
    assert verdict.promote, verdict.sentence
    assert verdict.sentence.startswith("beats persistence by ")
    assert verdict.not_beaten == ()
    assert verdict.skill is not None
    assert 0.1 < verdict.skill < 0.4


def test_the_same_signal_is_not_found_by_a_model_that_cannot_remember() -> None:
    verdict = of_product(linear, seed=0)
    assert not verdict.promote
    assert verdict.sentence.startswith("does not beat persistence: ")


def test_a_good_model_is_not_promoted_where_ridge_is_as_good_and_the_sentence_names_it() -> None:
    verdict = judge(judged(with_signal(3_000, seed=0), linear, options_of(seeds=3)).evaluation)
    assert not verdict.promote
    assert "ridge" in verdict.not_beaten
    assert PERSISTENCE not in verdict.not_beaten
    assert MAJORITY_SIGN not in verdict.not_beaten
    assert verdict.skill is not None
    assert verdict.skill > 0.4
    assert verdict.sentence.startswith("beats persistence by ")
    assert "but does not beat ridge (p = " in verdict.sentence
