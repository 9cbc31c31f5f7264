"""A network learns what can be learnt, from its training rows alone, and the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from crypto_assets.errors import InputIncomplete
from crypto_assets.forecast.network import TrainedNetwork, fit_normaliser
from crypto_assets.forecast.table import FeatureTable, FloatArray, IntArray, Split
from crypto_assets_tests.forecast.small_networks import DATA, NETWORK, Lesson, same, signal, weights
from crypto_assets_tests.forecast.tables import FEATURES, with_value

KNOWN = FEATURES[2]
"""The feature that tells of the next return."""


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return signal()


@pytest.fixture(scope="module")
def network(lesson: Lesson) -> TrainedNetwork:
    return lesson.train()


def skill(network: TrainedNetwork, lesson: Lesson, part: IntArray) -> float:
    """1 - MSE / MSE of zero, one row ahead."""
    actual = lesson.samples.targets[part, 0]
    foretold = network.predict(lesson.table, lesson.samples.rows[part])[:, 0]
    return 1 - float(np.mean((actual - foretold) ** 2) / np.mean(actual**2))


def test_a_signal_is_learnt_and_found_again_on_rows_never_seen(network: TrainedNetwork, lesson: Lesson) -> None:
    assert skill(network, lesson, lesson.split.test) > 0.35


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(network: TrainedNetwork, lesson: Lesson) -> None:
    assert same(network, lesson.train())
    assert not same(network, lesson.train(seed=4))


def test_rows_after_the_validation_change_no_weight(network: TrainedNetwork, lesson: Lesson) -> None:
    table, samples, split = lesson.table, lesson.samples, lesson.split
    values, targets = table.values.copy(), samples.targets.copy()
    rng = np.random.default_rng(0)
    unseen = samples.rows[split.validation[-1]] + 1
    values[unseen:] = rng.normal(50, 20, values[unseen:].shape)
    targets[split.test] = rng.normal(0, 1, targets[split.test].shape)
    other = Lesson(table)
    object.__setattr__(other, "table", replace(table, values=values))
    object.__setattr__(other, "samples", replace(samples, targets=targets))
    assert same(network, other.train())


def test_the_normaliser_is_of_the_rows_that_training_windows_touch_each_once(
    network: TrainedNetwork, lesson: Lesson
) -> None:
    trained = lesson.samples.rows[lesson.split.train]
    touched = sorted({row - back for row in trained.tolist() for back in range(DATA.window)})
    values = lesson.table.values[touched]
    np.testing.assert_allclose(network.normaliser.mean, values.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(network.normaliser.scale, values.std(axis=0), rtol=1e-12)
    targets = lesson.samples.targets[lesson.split.train]
    np.testing.assert_allclose(network.target_scale, targets.std(axis=0), rtol=1e-12)


def test_the_normaliser_and_the_scale_of_targets_are_inside_the_model(network: TrainedNetwork, lesson: Lesson) -> None:
    row = int(lesson.samples.rows[0])
    window = lesson.table.values[row - DATA.window + 1 : row + 1]
    by_itself = network.model(window[None].astype(np.float32)).numpy()[0]
    np.testing.assert_array_equal(by_itself, network.predict(lesson.table, np.array([row]))[0].astype(np.float32))


def test_a_constant_feature_gets_scale_one_and_is_named(lesson: Lesson) -> None:
    table = with_value(lesson.table, FEATURES[3], 61_234.5)
    normaliser = fit_normaliser(table, lesson.samples.rows[lesson.split.train], window=DATA.window)
    assert normaliser.constant == (FEATURES[3],)
    assert normaliser.scale[3] == 1.0
    network = Lesson(table).train()
    assert network.normaliser.constant == (FEATURES[3],)
    assert skill(network, lesson=Lesson(table), part=lesson.split.test) > 0.35


@pytest.mark.parametrize(("factor", "offset"), [(1e-9, 0.0), (1e9, 0.0), (1.0, 1_000.0)])
def test_the_unit_of_a_feature_is_no_matter(lesson: Lesson, factor: float, offset: float) -> None:
    values = lesson.table.values.copy()
    values[:, FEATURES.index(KNOWN)] = values[:, FEATURES.index(KNOWN)] * factor + offset
    other = Lesson(replace(lesson.table, values=values))
    assert skill(other.train(), other, other.split.test) > 0.35


def test_a_broken_value_moves_a_forecast_no_further_than_ten_deviations(
    network: TrainedNetwork, lesson: Lesson
) -> None:
    row = int(lesson.samples.rows[100])
    at = {
        deviations: network.predict(
            with_value(lesson.table, KNOWN, _value(network, deviations), [row]), np.array([row])
        )
        for deviations in (5.0, 10.0, 1e20)
    }
    assert np.isfinite(at[1e20]).all()
    np.testing.assert_allclose(at[1e20], at[10.0], rtol=1e-3)
    assert not np.allclose(at[5.0], at[10.0], rtol=1e-3)


def _value(network: TrainedNetwork, deviations: float) -> float:
    column = FEATURES.index(KNOWN)
    return float(network.normaliser.mean[column] + deviations * network.normaliser.scale[column])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_window_with_a_value_that_is_no_number_has_no_forecast(
    network: TrainedNetwork, lesson: Lesson, value: float
) -> None:
    rows = np.arange(90, 120)
    foretold = network.predict(with_value(lesson.table, FEATURES[0], value, [100]), rows)
    reached = (rows >= 100) & (rows < 100 + DATA.window)
    assert np.isnan(foretold[reached]).all()
    np.testing.assert_array_equal(foretold[~reached], network.predict(lesson.table, rows)[~reached])


def test_no_rows_have_no_forecasts(network: TrainedNetwork, lesson: Lesson) -> None:
    assert network.predict(lesson.table, np.array([], np.int64)).shape == (0, 2)


def test_a_forecast_is_the_same_whatever_else_is_asked_for(network: TrainedNetwork, lesson: Lesson) -> None:
    rows = lesson.samples.rows
    together: FloatArray = network.predict(lesson.table, rows)
    order = np.random.default_rng(1).permutation(rows.size)
    np.testing.assert_allclose(network.predict(lesson.table, rows[order]), together[order], rtol=1e-5, atol=1e-9)
    alone = np.concatenate([network.predict(lesson.table, rows[n : n + 1]) for n in range(20)])
    np.testing.assert_allclose(alone, together[:20], rtol=1e-5, atol=1e-9)


def test_a_value_that_is_missing_in_a_training_window_is_refused_with_the_name_of_the_feature(lesson: Lesson) -> None:
    broken = with_value(lesson.table, KNOWN, np.nan, [int(lesson.samples.rows[lesson.split.train[50]])])
    with pytest.raises(InputIncomplete, match=rf"missing or beyond float32, in {KNOWN}\."):
        train_on(lesson, broken)


def test_a_value_beyond_float32_is_refused(lesson: Lesson) -> None:
    with pytest.raises(InputIncomplete, match=r"beyond float32"):
        train_on(lesson, with_value(lesson.table, KNOWN, 1e39, [int(lesson.samples.rows[lesson.split.train[50]])]))


def train_on(lesson: Lesson, table: FeatureTable) -> TrainedNetwork:
    """The lesson's samples on another table."""
    other = Lesson(lesson.table)
    object.__setattr__(other, "table", table)
    return other.train()


def test_too_few_samples_are_refused_with_their_number(lesson: Lesson) -> None:
    split = lesson.split
    other = Lesson(lesson.table)
    object.__setattr__(other, "split", Split(split.train[:99], split.validation, split.test))
    with pytest.raises(InputIncomplete, match=r"needs 100 samples .* BTCUSDT has 99 and"):
        other.train()


def test_several_layers_and_dropout_are_fitted_the_same_each_time(lesson: Lesson) -> None:
    import msgspec

    deep = msgspec.structs.replace(NETWORK, units=(4, 3), dropout=0.2, epochs=2)
    one, other = lesson.train(options=deep), lesson.train(options=deep)
    assert same(one, other)
    assert len(weights(one)) == 2 * 3 + 2
