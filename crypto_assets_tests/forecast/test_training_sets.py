"""Versions of training sets: what is kept, what is read again, and what an end in the middle leaves."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.forecast import training_sets
from crypto_assets.forecast.options import DataOptions
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.forecast.training_sets import LSTM_TRAINING_SET, SetManifest, StoredSet, TrainingSets
from crypto_assets.forecast.training_sets_days import MadeSet
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.forecast.tables import random_walk, with_cold, with_filled, with_value, without_rows

DAY = date(2024, 8, 1)
NOON = datetime(2024, 8, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPTIONS = DataOptions(days=1, window=10, horizons=(1, 5))


@pytest.fixture
def sets(tmp_path: Path) -> TrainingSets:
    return TrainingSets(Lake(str(tmp_path)))


def publish(
    sets: TrainingSets, table: FeatureTable, *, at: datetime = NOON, options: DataOptions = OPTIONS
) -> StoredSet:
    made = MadeSet(table, options, {"gold_features/2024-08-01": "ab"}, {"doji_1m": "the same in every warm row"})
    return sets.publish("BTCUSDT", DAY, made, made_at=at)


def read(sets: TrainingSets, **which: object) -> StoredSet:
    stored = sets.read("BTCUSDT", DAY, **which)  # pyright: ignore[reportArgumentType]
    assert stored is not None
    return stored


def folder(tmp_path: Path) -> Path:
    return tmp_path / LSTM_TRAINING_SET.partition_path("BTCUSDT", DAY)


def assert_same(found: FeatureTable, wanted: FeatureTable) -> None:
    for name in ("open_us", "as_of_us", "close", "is_real", "warm", "values"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    for name in ("symbol", "source", "step_us", "features"):
        assert getattr(found, name) == getattr(wanted, name)


def test_a_set_is_read_as_it_was_published_to_the_last_bit(sets: TrainingSets) -> None:
    table = without_rows(with_cold(with_filled(random_walk(300, seed=1), [5]), [0]), [100])
    table = with_value(with_value(table, "roc_1_1m", math.nan, [7]), "roc_3_1m", math.inf, [8])
    published = publish(sets, table)
    stored = read(sets)
    assert_same(stored.table, table)
    assert stored.sha256 == published.sha256
    assert stored.options == OPTIONS
    assert stored.inputs == {"gold_features/2024-08-01": "ab"}
    assert stored.version.left_out == {"doji_1m": "the same in every warm row"}
    assert (stored.version.made_at, stored.as_of_day) == (NOON, DAY)


def test_seconds_are_kept_too(sets: TrainingSets) -> None:
    table = random_walk(100, seed=1, source="klines_1s")
    publish(sets, table)
    assert_same(read(sets).table, table)


def test_what_never_was_is_none(sets: TrainingSets) -> None:
    assert sets.read("BTCUSDT", DAY) is None
    assert sets.versions("BTCUSDT", DAY) == ()


def test_unchanged_content_is_no_new_version(sets: TrainingSets) -> None:
    first, second = (publish(sets, random_walk(300, seed=1), at=at) for at in (NOON, NOON + HOUR))
    assert (first.changed, second.changed) == (True, False)
    assert len(sets.versions("BTCUSDT", DAY)) == 1
    assert second.version.made_at == NOON


def test_the_set_as_it_was_known_at_any_moment_can_be_read_again(sets: TrainingSets) -> None:
    tables = [random_walk(300, seed=seed) for seed in (1, 2, 3)]
    for hours, table in enumerate(tables):
        publish(sets, table, at=NOON + hours * HOUR)
    assert sets.read("BTCUSDT", DAY, known_at=NOON - HOUR) is None
    for hours, table in enumerate(tables):
        assert_same(read(sets, known_at=NOON + hours * HOUR).table, table)
        assert_same(read(sets, known_at=NOON + (hours + 0.9) * HOUR).table, table)
    assert_same(read(sets).table, tables[2])


def test_a_version_is_read_by_its_sum(sets: TrainingSets) -> None:
    first = publish(sets, random_walk(300, seed=1))
    publish(sets, random_walk(300, seed=2))
    assert_same(read(sets, sha256=first.sha256).table, first.table)
    assert sets.read("BTCUSDT", DAY, sha256="0" * 64) is None


def test_content_that_comes_back_is_in_force_again(sets: TrainingSets) -> None:
    for hours, seed in enumerate((1, 2, 1)):
        publish(sets, random_walk(300, seed=seed), at=NOON + hours * HOUR)
    assert_same(read(sets).table, random_walk(300, seed=1))
    assert_same(read(sets, known_at=NOON + HOUR).table, random_walk(300, seed=2))
    assert [v.made_at for v in sets.versions("BTCUSDT", DAY)] == [NOON, NOON + HOUR, NOON + 2 * HOUR]


def test_other_options_are_another_version(sets: TrainingSets) -> None:
    table = random_walk(300, seed=1)
    first, second = publish(sets, table), publish(sets, table, options=DataOptions(days=1, window=20))
    assert first.sha256 != second.sha256
    assert read(sets).options.window == 20


def test_its_samples_are_as_its_options_say(sets: TrainingSets) -> None:
    stored = publish(sets, random_walk(100, seed=1))
    assert stored.samples().rows.tolist() == list(range(9, 95))
    assert stored.samples().targets.shape == (86, 2)


def test_an_end_between_file_and_list_leaves_the_former_version(
    sets: TrainingSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(sets, random_walk(300, seed=1))
    with monkeypatch.context() as context:
        context.setattr("crypto_assets.forecast.training_sets.encode_manifest", _killed)
        with pytest.raises(KeyboardInterrupt):
            publish(sets, random_walk(300, seed=2), at=NOON + HOUR)
    assert len(list(folder(tmp_path).glob("*.parquet"))) == 2
    assert_same(read(sets).table, random_walk(300, seed=1))

    assert publish(sets, random_walk(300, seed=2), at=NOON + 2 * HOUR).changed
    assert_same(read(sets).table, random_walk(300, seed=2))


def _killed(_: object) -> bytes:
    raise KeyboardInterrupt


def test_a_file_that_was_cut_is_named_and_the_next_publication_mends_it(sets: TrainingSets, tmp_path: Path) -> None:
    publish(sets, random_walk(300, seed=1))
    (file,) = folder(tmp_path).glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(LakeError, match=r"its sha256 differs\. Materialise lstm_training_set of 2024-08-01 BTCUSDT"):
        sets.read("BTCUSDT", DAY)

    assert not publish(sets, random_walk(300, seed=1)).changed
    assert_same(read(sets).table, random_walk(300, seed=1))


def test_a_file_that_is_gone_is_named(sets: TrainingSets, tmp_path: Path) -> None:
    publish(sets, random_walk(300, seed=1))
    (file,) = folder(tmp_path).glob("*.parquet")
    file.unlink()
    with pytest.raises(LakeError, match=r"is gone\. Materialise lstm_training_set"):
        sets.read("BTCUSDT", DAY)


def test_a_list_that_is_none_is_named(sets: TrainingSets, tmp_path: Path) -> None:
    publish(sets, random_walk(300, seed=1))
    (folder(tmp_path) / "_manifest.json").write_bytes(b'{"versions": [{"made_at": 7')
    with pytest.raises(LakeError, match=r"_manifest\.json is no list of training sets"):
        sets.read("BTCUSDT", DAY)


def test_a_writer_that_comes_in_between_waits_and_no_version_is_lost(
    sets: TrainingSets, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Thread(target=lambda: publish(sets, random_walk(60, seed=2), at=NOON + HOUR))
    encode = training_sets.encode_manifest

    def let_the_other_in(manifest: SetManifest) -> bytes:
        monkeypatch.setattr(training_sets, "encode_manifest", encode)
        other.start()
        other.join(timeout=1)  # it cannot end while this one holds the list; without the lock it would
        return encode(manifest)

    monkeypatch.setattr(training_sets, "encode_manifest", let_the_other_in)
    publish(sets, random_walk(60, seed=1))
    other.join()
    assert [version.made_at for version in sets.versions("BTCUSDT", DAY)] == [NOON, NOON + HOUR]
