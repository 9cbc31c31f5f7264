"""The judge and the network that users train, together, on markets whose answer is known."""

from __future__ import annotations

import pytest

from crypto_assets.forecast.judge.verdict import Verdict, judge
from crypto_assets.forecast.network import train_network
from crypto_assets.forecast.options import DataOptions, NetworkOptions
from crypto_assets.forecast.table import FeatureTable, Forecasts, Samples, Split
from crypto_assets_tests.forecast.judge.worlds import WINDOW, judged, options_of, product_of_lags
from crypto_assets_tests.forecast.tables import random_walk

NETWORK = NetworkOptions(units=(8,), learning_rate=0.02, batch=128, epochs=25, patience=6)
DATA = DataOptions(window=WINDOW, horizons=(1,))


def lstm(table: FeatureTable, samples: Samples, split: Split, seed: int) -> Forecasts:
    network = train_network(table, samples, split, data=DATA, options=NETWORK, seed=seed)
    rows = samples.rows
    return Forecasts(
        validation=network.predict(table, rows[split.validation]), test=network.predict(table, rows[split.test])
    )


def verdict_of(table: FeatureTable) -> Verdict:
    return judge(judged(table, lstm, options_of(seeds=1)).evaluation)


def test_an_lstm_that_remembers_the_signal_is_promoted() -> None:
    verdict = verdict_of(product_of_lags(2_500, seed=1, strength=0.5))
    assert verdict.promote, verdict.sentence
    assert verdict.sentence.startswith("beats persistence by ")


@pytest.mark.parametrize("seed", range(2))
def test_an_lstm_of_a_random_walk_is_not_promoted(seed: int) -> None:
    verdict = verdict_of(random_walk(900, seed=seed))
    assert not verdict.promote
    assert verdict.sentence.startswith("does not beat persistence: ")
