"""What checks say of days of predictions: of good ones nothing, of spoiled ones what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.forecast.retraining import RetrainRequests
from crypto_assets.forecast.table import FeatureTable
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets_tests.checks.conftest import copy_folder
from crypto_assets_tests.checks.spoil import Change, setting
from crypto_assets_tests.forecast.small_predictions import (
    MINUTES,
    PredictionWorld,
    SmallModel,
    day,
    market,
    small_model,
    time,
)
from crypto_assets_tests.forecast.tables import with_filled, with_value, without_rows

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
OF_MARKETS_OF_2024 = {"freshness"}


@pytest.fixture(scope="module")
def model() -> SmallModel:
    return small_model()


@pytest.fixture(scope="module")
def made_well(model: SmallModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PredictionWorld]:
    """2024-08-03 and -04, foretold by a model of the days before."""
    with dg.DagsterInstance.ephemeral() as instance:
        world = PredictionWorld(tmp_path_factory.mktemp("predictions"), instance)
        world.fill(5)
        world.promote(model, time(3))
        assert world.run(day(3), day(4)).success
        yield world


@pytest.fixture
def world(made_well: PredictionWorld, tmp_path: Path) -> Iterator[PredictionWorld]:
    """A copy of it."""
    copy_folder(made_well.folder, tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        yield PredictionWorld(tmp_path, instance)


def change(world: PredictionWorld, spoil: Change, number: int = 3) -> None:
    stored = world.lake.outline(LSTM_PREDICTIONS, "BTCUSDT", day(number).day)
    assert stored is not None
    spoilt = spoil(world.stored(day(number)))
    world.lake.publish(LSTM_PREDICTIONS, "BTCUSDT", day(number).day, spoilt, footer=stored.notes)


def column(name: str, values: Any) -> Change:
    """Other values in all rows."""

    def spoil(table: pa.Table) -> pa.Table:
        field = table.schema.field(name)
        return table.set_column(table.column_names.index(name), field, pa.array(values, field.type))

    return spoil


def refill(world: PredictionWorld, table: FeatureTable) -> None:
    """Other rows of the fourth day, foretold anew."""
    world.fill(4, table=without_rows(table, range(3 * MINUTES)))
    assert world.run(day(4)).success


def request(world: PredictionWorld) -> Any:
    return RetrainRequests(world.lake.files).of("BTCUSDT")


def test_a_good_day_passes_every_check_but_freshness(world: PredictionWorld) -> None:
    found = world.check(day(4))
    assert {name for name, e in found.items() if not e.passed} == OF_MARKETS_OF_2024
    assert "96 forecasts come out again" in str(found["same_again"].description)
    assert "2,880 of 2,880 forecasts are realised" in str(found["realised"].description)
    assert request(world) is None


def test_a_day_without_a_model_passes(world: PredictionWorld) -> None:
    assert world.run(day(2)).success
    found = world.check(day(2))
    assert {name for name, e in found.items() if not e.passed} == OF_MARKETS_OF_2024


def test_backcasts_that_say_so_pass(world: PredictionWorld, model: SmallModel) -> None:
    world.folder.joinpath("ckpts", "symbol=BTCUSDT", "promotions.json").unlink()
    world.promote(model, time(3, 12))
    assert world.run(day(3)).success
    assert world.metadata(day(3))["rows_backcast"] == 2 * 719
    assert {name for name, e in world.check(day(3)).items() if not e.passed} == OF_MARKETS_OF_2024


def test_a_forecast_by_a_model_that_was_promoted_later_must_say_so(world: PredictionWorld) -> None:
    ledger = world.folder / "ckpts" / "symbol=BTCUSDT" / "promotions.json"
    ledger.write_text(ledger.read_text().replace("2024-08-03T00:00:00Z", "2024-08-03T06:00:00Z"))

    found = world.check(day(3))["known_in_time"]

    assert not found.passed
    assert found.severity is ERROR
    assert "718 of 2,880 forecasts were not possible when they say: the first at 2024-08-03 00:01" in str(
        found.description
    )
    assert "promoted 2024-08-03 06:00, of data until 2024-08-03 00:00" in str(found.description)


def test_a_forecast_of_what_its_model_was_trained_on_is_found(world: PredictionWorld) -> None:
    rows = world.stored(day(3))
    change(world, column("as_of", [moment.replace(day=2) for moment in rows["as_of"].to_pylist()]))
    change(world, column("is_backcast", [True] * rows.num_rows))
    found = world.check(day(3))["known_in_time"]
    assert not found.passed
    assert "2,880 of 2,880 forecasts were not possible when they say: the first at 2024-08-02 00:01" in str(
        found.description
    )


def test_a_forecast_known_before_its_candle_closed_is_found(world: PredictionWorld) -> None:
    change(world, setting({"known_at": time(3)}, row=500))
    found = world.check(day(3))["known_in_time"]
    assert not found.passed
    assert "1 of 2,880" in str(found.description)


def test_a_forecast_known_before_its_model_was_promoted_is_found(world: PredictionWorld) -> None:
    ledger = world.folder / "ckpts" / "symbol=BTCUSDT" / "promotions.json"
    ledger.write_text(ledger.read_text().replace("2024-08-03T00:00:00Z", "2024-08-03T06:00:00Z"))
    late = [moment < time(3, 6) for moment in world.stored(day(3))["as_of"].to_pylist()]
    change(world, column("is_backcast", late))
    found = world.check(day(3))["known_in_time"]
    assert "718 of 2,880" in str(found.description)


def test_a_forecast_that_calls_itself_a_backcast_without_being_one_is_found(world: PredictionWorld) -> None:
    change(world, setting({"is_backcast": True}, row=500))
    found = world.check(day(3))["known_in_time"]
    assert "1 of 2,880" in str(found.description)


def test_a_model_that_the_ledger_does_not_name_is_found(world: PredictionWorld) -> None:
    change(world, column("model_id", ["BTCUSDT-2024-08-01-ffffffffffff"] * 2 * MINUTES))
    found = world.check(day(3))["known_in_time"]
    assert not found.passed
    assert "names no BTCUSDT-2024-08-01-ffffffffffff" in str(found.description)


@pytest.mark.parametrize("by", [2e-9, -2e-9])
def test_a_forecast_that_does_not_come_out_again_is_found(world: PredictionWorld, model: SmallModel, by: float) -> None:
    assert abs(by) > 1e-6 * model.card.target_scale[0]
    change(world, setting({"predicted_return": world.stored(day(3))["predicted_return"][0].as_py() + by}, row=0))
    found = world.check(day(3))["same_again"]
    assert not found.passed
    assert found.severity is ERROR
    assert "Forecasts do not come out again: at 00:01" in str(found.description)


def test_a_price_that_is_not_the_stored_one_is_found(world: PredictionWorld) -> None:
    change(world, setting({"price": world.stored(day(3))["price"][0].as_py() * 2}, row=0))
    found = world.check(day(3))["same_again"]
    assert not found.passed
    assert "at 00:01" in str(found.description)


def test_features_that_changed_since_are_found(world: PredictionWorld) -> None:
    table = with_value(market(5), "taker_buy_ratio_1m", 0.0)
    world.fill(3, table=without_rows(table, [*range(2 * MINUTES), *range(3 * MINUTES, 5 * MINUTES)]))
    found = world.check(day(3))["same_again"]
    assert not found.passed
    assert "Features have changed since" in str(found.description)


def test_rows_that_are_gone_are_found(world: PredictionWorld) -> None:
    table = without_rows(market(5), [*range(2 * MINUTES + 1), *range(3 * MINUTES, 5 * MINUTES)])
    world.fill(3, table=table)
    found = world.check(day(3))["same_again"]
    assert not found.passed
    assert "gold_features no longer has all rows" in str(found.description)


def test_another_price_than_silver_has_is_found(world: PredictionWorld) -> None:
    price = world.stored(day(3))["realised_price"][700].as_py()
    change(world, setting({"realised_price": price + 0.01}, row=700))
    found = world.check(day(3))["realised"]
    assert not found.passed
    assert found.severity is ERROR
    assert "1 forecasts say that something else came than candles do, the first of 2024-08-03 05:52" in str(
        found.description
    )


def test_a_price_that_came_of_a_candle_that_is_real_no_longer_is_found(world: PredictionWorld) -> None:
    first = 3 * MINUTES
    world.fill(4, table=without_rows(with_filled(market(4), [first]), range(first)))
    found = world.check(day(3))["realised"]
    assert not found.passed
    assert found.severity is ERROR
    said = str(found.description)
    assert "2 forecasts say that something else came than candles do, the first of 2024-08-04 00:01" in said
    assert "instead of nothing real" in said
    assert world.run(day(3)).success
    assert world.check(day(3))["realised"].passed


def test_a_price_that_came_of_a_day_that_is_gone_is_left_alone(world: PredictionWorld) -> None:
    world.lake.files.remove(SILVER_KLINES["1m"].partition_path("BTCUSDT", day(4).day))
    assert world.check(day(3))["realised"].passed


def test_what_came_due_and_is_not_realised_is_a_warning(world: PredictionWorld) -> None:
    change(world, setting({"realised_price": None, "realised_return": None}, row=2_879))
    found = world.check(day(3))["realised"]
    assert not found.passed
    assert found.severity is WARN
    assert "1 of 2,880 forecasts came due and do not say so" in str(found.description)


def test_a_feature_in_another_unit_is_a_drift_that_asks_for_a_training(
    world: PredictionWorld, model: SmallModel
) -> None:
    table = market(4)
    scaled = table.values[:, table.features.index("volume_spike_20_1m")] * 1_000
    table.values[:, table.features.index("volume_spike_20_1m")] = scaled
    refill(world, table)

    found = world.check(day(4))["drift"]

    assert not found.passed
    assert found.severity is WARN
    assert "more than 40%: volume_spike_20_1m in " in str(found.description)
    left = request(world)
    assert (left.symbol, left.day, left.model_id) == ("BTCUSDT", day(4).day, model.card.model_id)
    assert "volume_spike_20_1m" in left.reasons[0]


def test_a_drift_found_again_leaves_the_same_request(world: PredictionWorld) -> None:
    refill(world, with_value(market(4), "volume_spike_20_1m", 1e6))
    world.check(day(4))
    place = "forecast/retraining/symbol=BTCUSDT.json"
    before = world.lake.files.read(place)
    world.check(day(4))
    assert world.lake.files.read(place) == before


def test_a_drift_of_an_older_day_asks_for_nothing(world: PredictionWorld) -> None:
    table = with_value(market(5), "volume_spike_20_1m", 1e6)
    world.fill(3, table=without_rows(table, [*range(2 * MINUTES), *range(3 * MINUTES, 5 * MINUTES)]))
    assert world.run(day(3)).success
    found = world.check(day(3))["drift"]
    assert not found.passed
    assert "Predictions of 2024-08-04 are there" in str(found.description)
    assert request(world) is None


def test_a_drift_right_after_a_training_asks_for_nothing(world: PredictionWorld) -> None:
    refill(world, with_value(market(4), "volume_spike_20_1m", 1e6))
    world.instance.report_runless_asset_event(dg.AssetMaterialization("lstm_checkpoint", partition=str(day(3).key)))
    found = world.check(day(4))["drift"]
    assert not found.passed
    assert "A model was trained as of 2024-08-03, less than 3 days before" in str(found.description)
    assert request(world) is None


def without_skill(table: pa.Table) -> pa.Table:
    """The forecasts with noise as large as what came."""
    came = table["realised_return"].to_numpy()
    return column("predicted_return", np.random.default_rng(3).normal(0, came.std(), came.size))(table)


def test_a_week_of_forecasts_worse_than_the_last_price_asks_for_a_training(
    world: PredictionWorld, model: SmallModel
) -> None:
    for number in (3, 4):
        change(world, without_skill, number)

    found = world.check(day(4))["skill"]

    assert not found.passed
    assert found.severity is WARN
    assert f"Skill of {model.card.model_id} over the last price at 1m in 2 days: -" in str(found.description)
    assert request(world).day == date(2024, 8, 4)


def test_days_before_the_last_seven_say_nothing_of_the_week(world: PredictionWorld) -> None:
    good = world.stored(day(3))
    bad = column("predicted_return", -good["realised_return"].to_numpy())(good)
    for ago in range(1, 9):
        rows = good if ago <= 5 else bad
        world.lake.publish(LSTM_PREDICTIONS, "BTCUSDT", date(2024, 8, 3) - timedelta(days=ago), rows)
    found = world.check(day(4))["skill"]
    assert found.passed
    assert "in 7 days" in str(found.description)


def test_a_week_that_another_model_foretold_says_nothing_of_the_new_one(world: PredictionWorld) -> None:
    change(world, without_skill)
    change(world, column("model_id", ["BTCUSDT-2024-08-01-ffffffffffff"] * 2 * MINUTES))
    found = world.check(day(4))["skill"]
    assert found.passed
    assert "in 1 days" in str(found.description)
    assert request(world) is None


def test_a_shorter_horizon_of_another_model_is_not_looked_at(world: PredictionWorld) -> None:
    change(world, column("model_id", ["BTCUSDT-2024-08-01-ffffffffffff"] * 2 * MINUTES))
    change(world, column("horizon_s", [10, 300] * MINUTES))
    assert "at 1m in 1 days" in str(world.check(day(4))["skill"].description)


def test_backcasts_ask_for_no_training(world: PredictionWorld, model: SmallModel) -> None:
    for number in (3, 4):
        change(world, without_skill, number)
        change(world, column("is_backcast", [True] * 2 * MINUTES), number)
    found = world.check(day(4))["skill"]
    assert found.passed
    assert f"All forecasts by {model.card.model_id} are backcasts" in str(found.description)
    assert request(world) is None


def test_of_a_few_forecasts_nothing_is_said(world: PredictionWorld, model: SmallModel) -> None:
    for number in (3, 4):
        change(world, lambda table: table.slice(0, 200), number)
    found = world.check(day(4))["skill"]
    assert found.passed
    said = f"200 forecasts by {model.card.model_id} over 1m are realised in 2 days, too few to say anything"
    assert said in str(found.description)


def test_columns_that_are_not_the_declared_ones_are_told_of(world: PredictionWorld) -> None:
    path = LSTM_PREDICTIONS.partition_path("BTCUSDT", day(3).day)
    sink = pa.BufferOutputStream()
    pq.write_table(world.stored(day(3)).drop_columns(["low"]), sink)
    world.lake.files.publish(path, sink.getvalue().to_pybytes())
    found = world.check(day(3))
    assert not found["schema"].passed
    assert "Not looked at" in str(found["drift"].description)
