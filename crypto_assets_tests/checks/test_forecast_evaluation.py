"""The gate: what is put in force, what is not, and what ends the run."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pytest

from crypto_assets.checks.forecast_evaluation import forecast_evaluation_checks
from crypto_assets.forecast.card import ModelCard, encode_card
from crypto_assets.forecast.checkpoint import CARD_MEMBER
from crypto_assets.forecast.checkpoints import Checkpoints
from crypto_assets.forecast.evaluations import Evaluations, ModelEvaluation
from crypto_assets.forecast.judge.evaluation import Evaluated
from crypto_assets.forecast.judge.leaks import Leak, LeakKind
from crypto_assets.forecast.judge.verdict import Verdict, judge
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets_tests.assets.small_exchange import failures
from crypto_assets_tests.forecast.judge.worlds import judged, options_of, oracle, zero
from crypto_assets_tests.forecast.small_networks import small_card
from crypto_assets_tests.forecast.tables import random_walk
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT",))
SYMBOL, DAY = "BTCUSDT", date(2024, 8, 2)
NOW = datetime(2024, 8, 3, 1, tzinfo=UTC)
LEAK = Leak(LeakKind.TARGET, "roc_1_1m is a sum of returns that come after its row.")


@cache
def evaluated_by(*, knows: bool) -> Evaluated:
    """By a model that knows half of what will happen, or one that says nothing."""
    return judged(random_walk(900, seed=3), oracle if knows else zero, options_of())


@dataclass
class World:
    """A lake and models whose files hold a card and nothing else."""

    folder: Path
    succeeded: bool = True
    failure: str = ""

    @property
    def lake(self) -> Lake:
        return Lake(str(self.folder / "lake"))

    @property
    def checkpoints(self) -> Checkpoints:
        return Checkpoints(str(self.folder / "ckpts"))

    @property
    def promotions(self) -> Promotions:
        return Promotions(str(self.folder / "ckpts"))

    def publish(
        self, *, day: date = DAY, knows: bool = True, leaks: tuple[Leak, ...] = (), **changes: Any
    ) -> ModelEvaluation:
        """A model and its evaluation, with changes of what is said about it."""
        made = evaluated_by(knows=knows)
        card = card_of(day)
        content = file_of(card)
        self.checkpoints.publish(SYMBOL, day, content=content, card=card)
        evaluated = ModelEvaluation(
            key="k",
            symbol=SYMBOL,
            exchange="simulator-7",
            as_of_day=day,
            made_at=NOW,
            model_id=card.model_id,
            checkpoint_sha256=hashlib.sha256(content).hexdigest(),
            training_set_sha256=card.training_set_sha256,
            evaluation=made.evaluation,
            verdict=judge(made.evaluation, leaks=tuple(leak.kind.value for leak in leaks)),
            leaks=leaks,
            audited=(),
        )
        return Evaluations(self.lake).publish(msgspec.structs.replace(evaluated, **changes), made.rows).evaluated

    def check(self, first: date | None = DAY, last: date | None = None) -> Mapping[str, dg.AssetCheckEvaluation]:
        tags = {} if first is None else range_tags(Partition(SYMBOL, first), Partition(SYMBOL, last or first))
        (checks,) = forecast_evaluation_checks(DAYS)
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [checks],
                selection=dg.AssetSelection.checks(checks),
                instance=instance,
                tags=tags,
                resources={
                    "lake": LakeResource(uri=self.lake.uri),
                    "checkpoints": CheckpointsResource(uri=str(self.folder / "ckpts")),
                },
                raise_on_error=False,
            )
            self.succeeded, self.failure = result.success, " ".join(failures(result).values())
            return {e.check_name: e for e in result.get_asset_check_evaluations()}

    def promotion(self, **asked: Any) -> dg.AssetCheckEvaluation:
        return self.check(**asked)["promotion"]


def card_of(day: date) -> ModelCard:
    return small_card(
        model_id=f"BTCUSDT-{day}-0123456789ab",
        as_of_day=day,
        data=msgspec.structs.replace(small_card().data, horizons=(1,)),
        target_scale=(5e-4,),
        interval_half_widths=(6e-4,),
    )


def file_of(card: ModelCard) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(zipfile.ZipInfo(CARD_MEMBER), encode_card(card))
    return sink.getvalue()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_model_that_beats_every_baseline_is_put_in_force(world: World) -> None:
    evaluated = world.publish()

    found = world.promotion()

    assert found.passed
    assert world.succeeded
    current = world.promotions.current(SYMBOL)
    assert current is not None
    assert (current.model_id, current.verdict) == (evaluated.model_id, evaluated.verdict.sentence)
    assert world.promotions.files.read("lstm_checkpoint.keras") == file_of(card_of(DAY))
    assert "beats persistence by" in str(found.description)
    assert "In force since" in str(found.description)
    assert found.metadata["baselines_not_beaten"].value == 0


def test_promoting_again_changes_nothing(world: World) -> None:
    world.publish()
    world.promotion()
    ledger = world.promotions.all(SYMBOL)

    assert world.promotion().passed
    assert world.promotions.all(SYMBOL) == ledger


def test_a_model_that_is_not_better_is_a_warning_and_the_former_one_stays(world: World) -> None:
    world.publish(day=date(2024, 8, 1))
    world.promotion(first=date(2024, 8, 1))
    former = world.promotions.current(SYMBOL)
    world.publish(knows=False)

    found = world.promotion()

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert world.succeeded
    assert "does not beat persistence" in str(found.description)
    assert "The promoted model stays BTCUSDT-2024-08-01-0123456789ab (as of 2024-08-01)." in str(found.description)
    assert former is not None
    assert world.promotions.all(SYMBOL) == (former,)


def test_a_first_model_that_is_not_better_leaves_none_in_force(world: World) -> None:
    world.publish(knows=False)
    assert str(world.promotion().description).endswith("There is no promoted model.")
    assert world.promotions.current(SYMBOL) is None
    assert world.promotions.files.read("lstm_checkpoint.keras") is None


def test_a_leak_blocks_however_good_the_model_looks(world: World) -> None:
    evaluated = world.publish(leaks=(LEAK,))
    assert not evaluated.verdict.promote

    found = world.promotion()

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "Leak: target inside the features: roc_1_1m is a sum of returns" in str(found.description)
    assert not world.succeeded
    assert world.promotions.current(SYMBOL) is None


def other_verdict(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, promote=True, sentence="beats persistence, says a person.")


def test_a_verdict_that_the_figures_do_not_give_blocks(world: World) -> None:
    made = world.publish(knows=False)
    world.publish(knows=False, verdict=other_verdict(made.verdict))

    found = world.promotion()

    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert "The stored figures do not give the stored verdict" in str(found.description)
    assert world.promotions.current(SYMBOL) is None


def test_figures_that_the_forecasts_do_not_give_block_and_are_named(world: World) -> None:
    made = world.publish()
    Evaluations(world.lake).publish(made, evaluated_by(knows=False).rows)

    found = world.check()

    assert [found[name].passed for name in ("promotion", "figures")] == [False, False]
    assert "2 of 2 figures are others: fold 1, seed 7, 1 rows ahead: RMSE is" in str(found["figures"].description)
    assert found["promotion"].severity is dg.AssetCheckSeverity.ERROR
    assert world.promotions.current(SYMBOL) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"checkpoint_sha256": "00" * 32}, "The stored model is not the one that was judged"),
        ({"model_id": "BTCUSDT-2024-08-02-ffffffffffff"}, "does not belong to the evaluation: model_id is"),
        ({"training_set_sha256": "00" * 32}, "does not belong to the evaluation: training_set_sha256 is"),
    ],
)
def test_a_model_that_does_not_belong_to_the_evaluation_blocks(
    world: World, changes: dict[str, Any], said: str
) -> None:
    world.publish(**changes)

    found = world.promotion()

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert said in str(found.description)
    assert "Materialise lstm_evaluation of this day again. There is no promoted model." in str(found.description)
    assert world.promotions.current(SYMBOL) is None


def test_a_model_that_is_gone_or_was_fitted_again_blocks(world: World) -> None:
    world.publish()
    other = file_of(msgspec.structs.replace(card_of(DAY), device="GPU"))
    world.checkpoints.publish(SYMBOL, DAY, content=other, card=card_of(DAY))
    assert "its sha256 differs" in str(world.promotion().description)

    world.checkpoints.files.remove(f"symbol={SYMBOL}/date={DAY}/lstm_checkpoint.keras")
    assert "is gone. Materialise lstm_checkpoint again." in str(world.promotion().description)
    assert world.promotions.current(SYMBOL) is None


def test_an_older_day_is_promoted_and_says_that_a_later_one_foretells(world: World) -> None:
    world.publish()
    world.promotion()
    world.publish(day=date(2024, 8, 1))

    found = world.promotion(first=date(2024, 8, 1))

    assert found.passed
    assert "BTCUSDT-2024-08-02-0123456789ab, of a later day, is what foretells from now on." in str(found.description)


def test_a_range_of_days_is_judged_day_by_day(world: World) -> None:
    world.publish(day=date(2024, 8, 1), knows=False)
    world.publish()

    found = world.promotion(first=date(2024, 8, 1), last=DAY)

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of 2 days do not pass; 2024-08-01 BTCUSDT:" in str(found.description)
    current = world.promotions.current(SYMBOL)
    assert current is not None
    assert current.as_of_day == DAY


def test_a_day_that_was_never_evaluated_is_a_warning(world: World) -> None:
    found = world.promotion()
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "lstm_evaluation was never materialised for this day" in str(found.description)


def test_started_on_its_own_the_newest_day_is_looked_at(world: World) -> None:
    world.publish(day=date(2024, 8, 1), knows=False)
    world.publish()
    found = world.check(first=None)
    assert found["promotion"].metadata["partition"].value == "2024-08-02|BTCUSDT"
    assert found["figures"].passed


def test_a_damaged_evaluation_fails_with_what_to_do(world: World) -> None:
    world.publish()
    world.lake.files.publish(f"forecast/evaluations/symbol={SYMBOL}/date={DAY}/evaluation.json", b"{")
    assert world.check() == {}
    assert "is no evaluation" in world.failure
    assert "Materialise lstm_evaluation of this day again." in world.failure
