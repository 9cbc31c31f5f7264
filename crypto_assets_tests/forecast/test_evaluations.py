"""Evaluations in the lake: read as they were written, whole or not at all."""

from __future__ import annotations

import errno
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.forecast.evaluations import (
    LSTM_EVALUATION,
    Evaluations,
    ModelEvaluation,
    decode_evaluated,
    encode_evaluated,
)
from crypto_assets.forecast.judge.evaluation import Evaluated
from crypto_assets.forecast.judge.leaks import Leak, LeakKind
from crypto_assets.forecast.judge.verdict import judge
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.forecast.judge.worlds import guess, judged, options_of
from crypto_assets_tests.forecast.tables import random_walk

SYMBOL, DAY = "BTCUSDT", date(2024, 8, 2)
LEAK = Leak(LeakKind.EMBARGO, "fold 1: too close.")


@cache
def walk() -> Evaluated:
    return judged(random_walk(900, seed=3), guess, options_of(horizons=(1, 3)))


def evaluated(**changes: object) -> ModelEvaluation:
    made = walk().evaluation
    whole = ModelEvaluation(
        key="k",
        symbol=SYMBOL,
        exchange="simulator-7",
        as_of_day=DAY,
        made_at=datetime(2024, 8, 3, tzinfo=UTC),
        model_id="BTCUSDT-2024-08-02-0123456789ab",
        checkpoint_sha256="ab" * 32,
        training_set_sha256="cd" * 32,
        evaluation=made,
        verdict=judge(made, leaks=[LEAK.kind.value]),
        leaks=(LEAK,),
        audited=("2024-08-02 at 00:03:00",),
    )
    return msgspec.structs.replace(whole, **changes)


@pytest.fixture
def evaluations(tmp_path: Path) -> Evaluations:
    return Evaluations(Lake(str(tmp_path)))


def test_what_was_published_is_read_again(evaluations: Evaluations) -> None:
    published = evaluations.publish(evaluated(), walk().rows)

    stored = evaluations.read(SYMBOL, DAY)

    assert stored is not None
    assert stored.evaluated == published.evaluated
    assert stored.bytes == published.bytes
    assert stored.evaluated.evaluation == walk().evaluation
    assert stored.evaluated.leaks == (LEAK,)
    assert judge(stored.evaluated.evaluation, leaks=[LEAK.kind.value]) == stored.evaluated.verdict
    rows = evaluations.forecasts(stored.evaluated)
    assert rows.schema.names == LSTM_EVALUATION.payload.names == walk().rows.schema.names
    assert rows.num_rows == walk().rows.num_rows
    assert evaluations.days(SYMBOL) == [DAY]


def test_a_day_that_was_never_evaluated_has_none(evaluations: Evaluations) -> None:
    assert evaluations.read(SYMBOL, DAY) is None
    assert evaluations.days(SYMBOL) == []


def test_publishing_the_same_again_changes_nothing(evaluations: Evaluations) -> None:
    assert evaluations.publish(evaluated(), walk().rows).changed
    assert not evaluations.publish(evaluated(), walk().rows).changed


def test_forecasts_of_the_former_evaluation_are_removed_last(evaluations: Evaluations, tmp_path: Path) -> None:
    evaluations.publish(evaluated(), walk().rows)
    (former,) = tmp_path.rglob("forecasts-*")

    evaluations.publish(evaluated(), walk().rows.slice(1))

    (current,) = tmp_path.rglob("forecasts-*")
    assert current != former


def test_a_full_disk_between_both_files_leaves_the_former_pair(
    evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = evaluations.publish(evaluated(), walk().rows)
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name.startswith(".evaluation.json."):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return write(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(LakeError, match="The disk is full"):
            evaluations.publish(evaluated(key="other"), walk().rows.slice(1))

    stored = evaluations.read(SYMBOL, DAY)
    assert stored is not None
    assert stored.evaluated == former.evaluated
    assert evaluations.forecasts(stored.evaluated).num_rows == walk().rows.num_rows


def test_damaged_forecasts_are_refused(evaluations: Evaluations, tmp_path: Path) -> None:
    published = evaluations.publish(evaluated(), walk().rows).evaluated
    (forecasts,) = tmp_path.rglob("forecasts-*")
    forecasts.write_bytes(forecasts.read_bytes()[:-1])
    with pytest.raises(LakeError, match="its sha256 differs"):
        evaluations.forecasts(published)
    forecasts.unlink()
    with pytest.raises(LakeError, match="is gone"):
        evaluations.forecasts(published)


def test_bytes_that_are_no_evaluation_and_those_of_another_version_are_refused() -> None:
    with pytest.raises(LakeError, match=r"x is no evaluation: .*Materialise lstm_evaluation"):
        decode_evaluated(b'{"schema_version": 1}', uri="x")
    newer = msgspec.json.encode({**msgspec.to_builtins(evaluated()), "schema_version": 2})
    with pytest.raises(LakeError, match="x is of version 2, and this program reads version 1"):
        decode_evaluated(newer, uri="x")


def test_an_evaluation_with_a_figure_that_is_no_number_is_not_published() -> None:
    cell = walk().evaluation.cells[0]
    assert cell.errors is not None
    broken = msgspec.structs.replace(cell, errors=msgspec.structs.replace(cell.errors, rmse_bps=float("nan")))
    made = msgspec.structs.replace(walk().evaluation, cells=(broken, *walk().evaluation.cells[1:]))
    with pytest.raises(LakeError, match="is no evaluation"):
        encode_evaluated(evaluated(evaluation=made))
