"""The evaluation as Dagster makes it: a process of its own, its verdict shown, its gate in the same run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from crypto_assets.assets.forecast_evaluation import (
    forecast_evaluation_assets,
    leaks_as_markdown,
    version_of,
    warning_of,
)
from crypto_assets.checks.forecast_evaluation import forecast_evaluation_checks
from crypto_assets.forecast.judge.leaks import LeakKind
from crypto_assets.forecast.promotions import Promotions
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets_tests.assets.small_exchange import failures
from crypto_assets_tests.forecast.small_evaluations import (
    DAY,
    SYMBOL,
    FastTrainer,
    SmallEvaluation,
    make_evaluation,
    with_column,
)
from crypto_assets_tests.pictures.reading import read_picture
from resources.checkpoints import CheckpointsResource
from resources.lake import LakeResource

DAYS = DaySymbol(DAY, (SYMBOL,))
TODAY = Partition(SYMBOL, DAY)
CONFIG: dict[str, Any] = {
    **{"source": "klines_1s", "days": 1, "window": 8, "horizons": [1, 5]},
    **{"units": [4], "epochs": 1, "batch": 64},
    **{"folds": 2, "seeds": 2, "resamples": 50},
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallEvaluation:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    return make_evaluation(tmp_path)


def materialize(world: SmallEvaluation, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [*forecast_evaluation_assets(DAYS), *forecast_evaluation_checks(DAYS)],
        instance=instance,
        tags=range_tags(TODAY, TODAY),
        resources={
            "lake": LakeResource(uri=world.lake.uri),
            "checkpoints": CheckpointsResource(uri=world.checkpoints.files.uri),
            "pipes": dg.PipesSubprocessClient(),
        },
        run_config={"ops": {"lstm_evaluation": {"config": {**CONFIG, **config}}}},
        raise_on_error=False,
    )


def metadata(instance: dg.DagsterInstance) -> dict[str, Any]:
    wanted = dg.AssetRecordsFilter(dg.AssetKey("lstm_evaluation"), asset_partitions=[TODAY.key])
    (record,) = instance.fetch_materializations(wanted, limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def test_a_run_evaluates_in_a_process_of_its_own_tells_by_fold_and_shows_the_verdict(
    world: SmallEvaluation, instance: dg.DagsterInstance
) -> None:
    result = materialize(world, instance)

    assert result.success, failures(result)
    lines = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]
    told = [line for line in lines if "networks" in line]
    assert [line.partition(": ")[2] for line in told] == [f"{number} of 4 networks" for number in range(1, 5)]
    assert "fold 2/2, the published model" in told[2]
    shown = metadata(instance)
    evaluated = world.stored.evaluated
    assert shown["verdict"] == evaluated.verdict.sentence
    assert shown["verdict"].startswith("does not beat persistence")
    assert shown["notice"] == "**Simulated market (simulator-7). Not financial advice.**"
    assert "1 s ahead" in shown["figures"]
    assert "5 s ahead" in shown["figures"]
    assert read_picture(shown["skill"]).width > 100
    assert shown["leaks"].count("| no |") == len(LeakKind)
    assert (shown["folds"], shown["seeds"], shown["networks_fitted"]) == (2, 2, 3)
    assert shown["dagster/row_count"] > 1_000
    assert shown["model_id"] == evaluated.model_id
    (promotion,) = [e for e in result.get_asset_check_evaluations() if e.check_name == "promotion"]
    assert (promotion.passed, promotion.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert Promotions(world.checkpoints.files.uri).all(SYMBOL) == ()

    again = materialize(world, instance)
    assert again.success
    assert (metadata(instance)["evaluated"], metadata(instance)["changed"]) == (False, False)
    (event,) = again.asset_materializations_for_node("lstm_evaluation")
    assert event.tags is not None
    assert event.tags["dagster/data_version"] == version_of(evaluated)


def test_a_run_with_other_options_than_the_model_fails_and_says_which(
    world: SmallEvaluation, instance: dg.DagsterInstance
) -> None:
    result = materialize(world, instance, units=[5])
    assert not result.success
    (sentence,) = failures(result).values()
    assert "units is (4,), asked for (5,)" in sentence
    assert "The former evaluation stays." in sentence


def test_leaks_are_listed_by_kind_and_warned_of(tmp_path: Path) -> None:
    def later(table: Any) -> Any:
        return [*table.values[1:, 3], table.values[-1, 3]]

    world = make_evaluation(tmp_path, change=with_column("taker_share_1s", later))
    world.evaluate(FastTrainer())
    evaluated = world.stored.evaluated

    listed = leaks_as_markdown(evaluated)

    assert listed.count("| no |") == len(LeakKind) - 1
    assert "| open candle | 1 columns come out otherwise" in listed
    assert str(warning_of(evaluated)).startswith("1 leaks; open candle: ")
