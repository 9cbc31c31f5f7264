"""A model's file is loaded as it was trained, or refused with the reason."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.errors import CheckpointError
from crypto_assets.forecast.card import SCHEMA_VERSION, encode_card
from crypto_assets.forecast.card_making import make_card, training_key
from crypto_assets.forecast.checkpoint import (
    CARD_MEMBER,
    load_checkpoint,
    read_card,
    refuse_other_features,
    write_checkpoint,
)
from crypto_assets.forecast.network import TrainedNetwork
from crypto_assets_tests.forecast.small_networks import DATA, NETWORK, NOW, ORIGIN, Lesson, signal
from crypto_assets_tests.forecast.tables import FEATURES, with_value


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    return signal()


@pytest.fixture(scope="module")
def network(lesson: Lesson) -> TrainedNetwork:
    return lesson.train()


@pytest.fixture(scope="module")
def content(network: TrainedNetwork, lesson: Lesson) -> bytes:
    card = make_card(network, lesson.table, lesson.samples, lesson.split, origin=ORIGIN, now=NOW)
    return write_checkpoint(network, card)


def rewritten(content: bytes, name: str, change: Callable[[bytes], bytes | None]) -> bytes:
    """The file with another content of a member, or without it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(sink, "w") as target:
        for member in source.namelist():
            changed = change(source.read(member)) if member == name else source.read(member)
            if changed is not None:
                target.writestr(member, changed)
    return sink.getvalue()


def test_a_loaded_model_foretells_every_row_as_it_did_in_training(
    network: TrainedNetwork, lesson: Lesson, content: bytes
) -> None:
    loaded = load_checkpoint(content)
    rows = np.arange(DATA.window - 1, len(lesson.table))
    difference = loaded.predict(lesson.table, rows) - network.predict(lesson.table, rows)
    assert np.abs(difference / network.target_scale).max() < 1e-6


def test_the_card_tells_what_the_model_was_made_of(network: TrainedNetwork, lesson: Lesson, content: bytes) -> None:
    card = read_card(content)
    assert card.model_id == f"BTCUSDT-2024-08-02-{card.training_key[:12]}"
    assert card.features == FEATURES
    assert (card.rows, card.samples) == (len(lesson.table), len(lesson.samples))
    assert card.split.test.samples == lesson.split.test.size
    assert card.split.train.end_us < card.split.validation.start_us <= card.split.validation.end_us
    assert card.split.validation.end_us < card.split.test.start_us
    assert card.history == network.history
    errors = lesson.samples.targets - network.predict(lesson.table, lesson.samples.rows)
    inside = np.abs(errors[lesson.split.validation]) <= card.interval_half_widths
    np.testing.assert_allclose(inside.mean(axis=0), card.interval_share, atol=0.01)
    assert card.metrics["skill_over_zero_1"] > 0.35
    touched = lesson.table.values[: lesson.samples.rows[lesson.split.train[-1]] + 1]
    np.testing.assert_allclose(card.feature_high, np.quantile(touched, 0.999, axis=0))


def test_the_key_of_a_training_changes_with_all_that_determines_the_weights(lesson: Lesson) -> None:
    given = {"training_set_sha256": "ab", "split": lesson.split, "data": DATA, "network": NETWORK, "seed": 3}
    changed = [
        {"training_set_sha256": "cd"},
        {"split": signal(rows=1_400).split},
        {"data": msgspec.structs.replace(DATA, window=9)},
        {"network": msgspec.structs.replace(NETWORK, epochs=5)},
        {"seed": 4},
    ]
    keys = {training_key(**{**given, **change}) for change in ({}, *changed)}  # pyright: ignore[reportArgumentType]
    assert len(keys) == 1 + len(changed)
    more_memory = msgspec.structs.replace(NETWORK, memory_mb=1)
    assert training_key(**{**given, "network": more_memory}) in keys  # pyright: ignore[reportArgumentType]


@given(share=st.floats(0, 0.999))
@settings(max_examples=30)
def test_a_file_cut_short_is_refused(content: bytes, share: float) -> None:
    with pytest.raises(CheckpointError, match=r"damaged or cut short.*Nothing was loaded"):
        load_checkpoint(content[: int(len(content) * share)])


def test_a_file_with_a_wrong_byte_among_the_weights_is_refused(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        weights = archive.getinfo("model.weights.h5")
    spoilt = bytearray(content)
    spoilt[weights.header_offset + 200] ^= 1
    with pytest.raises(CheckpointError, match=r"damaged: model\.weights\.h5 does not have the sum"):
        load_checkpoint(bytes(spoilt))


def test_a_file_of_another_version_is_refused_with_both_versions(content: bytes) -> None:
    later = {"schema_version": SCHEMA_VERSION + 1, "something": "new"}
    other = rewritten(content, CARD_MEMBER, lambda _: msgspec.json.encode(later))
    with pytest.raises(CheckpointError, match=rf"of version {SCHEMA_VERSION + 1}, and this program reads version 1\."):
        load_checkpoint(other)


@pytest.mark.parametrize("card", [b"{", b"[]", b"{}", b'{"schema_version": 1}', b"\xff"])
def test_a_file_whose_card_is_none_is_refused(content: bytes, card: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"card cannot be read"):
        load_checkpoint(rewritten(content, CARD_MEMBER, lambda _: card))


def test_a_file_without_a_card_is_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"has no crypto_assets\.json: this program did not write it"):
        load_checkpoint(rewritten(content, CARD_MEMBER, lambda _: None))


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (FEATURES[:-1], rf"it needs {FEATURES[3]}, which are missing"),
        ((*FEATURES, "rsi_14_1m"), r"it does not know rsi_14_1m"),
        ((*FEATURES[:2], "rsi_14_1m", FEATURES[3]), rf"it needs {FEATURES[2]}, .* it does not know rsi_14_1m"),
        ((FEATURES[1], FEATURES[0], *FEATURES[2:]), rf"order differs: column 1 is {FEATURES[1]}, the model's is"),
        ((*FEATURES, FEATURES[0]), rf"order differs: column 5 is {FEATURES[0]}, the model has none there"),
    ],
)
def test_a_model_of_other_features_is_refused_with_their_names(
    content: bytes, features: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CheckpointError, match=words):
        refuse_other_features(read_card(content), features)


def test_a_table_of_other_columns_has_no_forecast(lesson: Lesson, content: bytes) -> None:
    import dataclasses

    renamed = dataclasses.replace(lesson.table, features=("rsi_14_1m", *FEATURES[1:]))
    with pytest.raises(CheckpointError, match=r"needs roc_1_1m, which are missing; it does not know rsi_14_1m"):
        load_checkpoint(content).predict(renamed, lesson.samples.rows)


def test_a_model_that_does_not_fit_its_card_is_refused(content: bytes) -> None:
    card = read_card(content)
    wider = msgspec.structs.replace(card, data=msgspec.structs.replace(card.data, window=9))
    with pytest.raises(CheckpointError, match=r"its card speaks of 9 rows, 4 features and 2 horizons"):
        load_checkpoint(rewritten(content, CARD_MEMBER, lambda _: encode_card(wider)))


def test_a_file_with_code_in_it_is_refused_and_not_run(content: bytes, tmp_path: Path) -> None:
    import keras

    ran = tmp_path / "ran"
    name = str(ran)
    windows = keras.Input((DATA.window, len(FEATURES)))
    touch = keras.layers.Lambda(lambda x: (Path(name).touch(), x)[1][:, 0, :2], output_shape=(2,))
    keras.Model(windows, touch(windows)).save(tmp_path / "foreign.keras")
    ran.unlink(missing_ok=True)
    foreign = tmp_path / "foreign.keras"
    with zipfile.ZipFile(foreign, "a") as archive:
        archive.writestr(CARD_MEMBER, encode_card(read_card(content)))
    with pytest.raises(CheckpointError, match=r"names Lambda, __lambda__, which our networks do not consist of"):
        load_checkpoint(foreign.read_bytes())
    assert not ran.exists()


def test_a_class_of_another_module_is_refused_whatever_its_name(content: bytes) -> None:
    def disguise(config: bytes) -> bytes:
        return config.replace(
            b'"module": "keras.layers", "class_name": "Dense"', b'"module": "os", "class_name": "Dense"'
        )

    with pytest.raises(CheckpointError, match=r"names os\.Dense"):
        load_checkpoint(rewritten(content, "config.json", disguise))


def test_a_file_whose_weights_are_of_another_network_is_refused(content: bytes) -> None:
    smaller = rewritten(content, "config.json", lambda config: config.replace(b'"units": 4', b'"units": 5'))
    with pytest.raises(CheckpointError, match=r"Keras cannot load the checkpoint"):
        load_checkpoint(smaller)


def test_one_window_is_foretold_as_among_others(lesson: Lesson, content: bytes) -> None:
    loaded, last = load_checkpoint(content), len(lesson.table) - 1
    table = with_value(lesson.table, FEATURES[0], np.nan, [last])
    assert np.isnan(loaded.predict(table, np.array([last]))).all()
    assert np.isfinite(loaded.predict(lesson.table, np.array([last]))).all()
