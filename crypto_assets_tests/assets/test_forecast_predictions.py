"""Days that a model foretells: by whom, as far as it is known what came, and what is said where nobody could."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from crypto_assets.assets.forecast_predictions import forecast_predictions_assets
from crypto_assets.forecast import predicting
from crypto_assets.forecast.predictions import LSTM_PREDICTIONS
from crypto_assets.schemas import SILVER_KLINES
from crypto_assets_tests.assets.small_exchange import failures
from crypto_assets_tests.forecast.small_predictions import (
    DAYS,
    MINUTES,
    PredictionWorld,
    SmallModel,
    day,
    market,
    only_a_card,
    small_model,
    time,
    with_feature,
)
from crypto_assets_tests.forecast.tables import with_filled, without_rows

REALISED = ["realised_return", "realised_price"]
FORETOLD = [name for name in LSTM_PREDICTIONS.schema.names if name not in REALISED]


@pytest.fixture(scope="module")
def model() -> SmallModel:
    return small_model()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PredictionWorld]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield PredictionWorld(tmp_path, instance)


def test_without_a_promoted_model_the_day_has_no_rows_and_says_why(world: PredictionWorld) -> None:
    world.fill(3)

    result = world.run(day(3))

    assert result.success, failures(result)
    assert world.instance.get_materialized_partitions(dg.AssetKey(LSTM_PREDICTIONS.name)) == {day(3).key}
    assert world.stored(day(3)).num_rows == 0
    metadata = world.metadata(day(3))
    assert metadata["state"].startswith("no promoted model: no model of BTCUSDT was ever promoted")
    assert "Run the job forecast for a day before 2024-08-03" in metadata["state"]
    assert (metadata["dagster/row_count"], metadata["models"]) == (0, "none")
    assert "Not financial advice" in metadata["notice"]
    assert "forecasts" not in metadata


def test_no_model_foretells_even_the_midnight_that_ends_a_day_that_it_has_seen(
    world: PredictionWorld, model: SmallModel
) -> None:
    world.fill(3)
    world.promote(model, time(3))
    assert world.run(day(2), backcast=False).success
    assert world.stored(day(2)).num_rows == 0


def test_each_closed_candle_is_foretold_by_the_model_in_force(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(4)
    world.promote(model, time(3))

    assert world.run(day(3)).success

    rows = world.stored(day(3))
    assert rows.num_rows == 2 * MINUTES
    assert rows["as_of"].to_pylist()[0] == time(3, 0, 1)
    assert rows["as_of"].to_pylist()[-1] == time(4)
    assert set(rows["model_id"].to_pylist()) == {model.card.model_id}
    assert rows["known_at"].to_pylist() == rows["as_of"].to_pylist()
    assert not any(rows["is_backcast"].to_pylist())
    assert rows["realised_price"].null_count == 0


def test_what_came_is_what_the_market_did(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(4)
    world.promote(model, time(3))
    world.run(day(3))
    close = np.round(market(4).close, 8)

    rows = world.stored(day(3)).to_pylist()

    for number in (0, 1, 700, 2 * MINUTES - 1):
        row, minute, steps = rows[number], 2 * MINUTES + number // 2, (1, 5)[number % 2]
        assert row["price"] == close[minute]
        assert row["realised_price"] == close[minute + steps]
        assert row["realised_return"] == pytest.approx(np.log(close[minute + steps] / close[minute]))


def test_the_end_of_a_day_is_realised_once_the_next_one_is_there_and_nothing_else_changes(
    world: PredictionWorld, model: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote(model, time(3))
    world.fill(3)
    assert world.run(day(3)).success
    before = world.stored(day(3))
    assert before["realised_price"].null_count == 1 + 5  # after midnight of one and of five minutes
    assert world.metadata(day(3))["realised_percent"] == round(100 * (2_880 - 6) / 2_880, 2)

    world.fill(4, table=without_rows(market(4), range(3 * MINUTES)))
    monkeypatch.setattr(predicting, "load_checkpoint", None)  # what is stored is not foretold again
    assert world.run(day(3)).success

    after = world.stored(day(3))
    assert after["realised_price"].null_count == 0
    assert after.select(FORETOLD).equals(before.select(FORETOLD))
    assert after.slice(0, 2_800).equals(before.slice(0, 2_800))


def test_what_came_is_forgotten_where_its_candle_is_real_no_longer_and_stays_without_the_next_day(
    world: PredictionWorld, model: SmallModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote(model, time(3))
    world.fill(4)
    assert world.run(day(3)).success
    before = world.stored(day(3))

    monkeypatch.setattr(predicting, "load_checkpoint", None)  # what is stored is not foretold again
    world.lake.files.remove(SILVER_KLINES["1m"].partition_path("BTCUSDT", day(4).day))
    assert world.run(day(3)).success
    assert world.stored(day(3)).equals(before)

    first = 3 * MINUTES
    world.fill(4, table=without_rows(with_filled(market(4), [first]), range(first)))
    assert world.run(day(3)).success

    after = world.stored(day(3)).to_pylist()
    gone = [row for row in after if row["realised_price"] is None]
    assert {row["target_time"] for row in gone} == {time(4, 0, 1)}
    assert all(row["realised_return"] is None for row in gone)
    assert [row for row in after if row not in gone] == [
        row for row in before.to_pylist() if row["target_time"] != time(4, 0, 1)
    ]


def test_a_repeat_changes_nothing(world: PredictionWorld, model: SmallModel) -> None:
    world.promote(model, time(3))
    world.fill(4)
    assert world.run(day(3)).success
    assert world.metadata(day(3))["changed"] is True
    assert world.run(day(3)).success
    assert world.metadata(day(3))["changed"] is False


def test_moments_before_the_first_promotion_are_marked_as_backcasts(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(3)
    world.promote(model, time(3, 12))

    assert world.run(day(3)).success

    rows = world.stored(day(3)).to_pylist()
    assert len(rows) == 2 * MINUTES
    for row in rows:
        assert row["is_backcast"] == (row["as_of"] < time(3, 12))
        assert row["known_at"] == max(row["as_of"], time(3, 12))
    assert world.metadata(day(3))["rows_backcast"] == 2 * 719  # 00:01 to 11:59


def test_backcasts_can_be_left_out(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(3)
    world.promote(model, time(3, 12))

    assert world.run(day(3), backcast=False).success

    assert world.stored(day(3))["as_of"].to_pylist()[0] == time(3, 12)


def test_no_model_foretells_a_day_that_it_has_seen(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(3)
    world.promote(model, time(3))

    assert world.run(day(2)).success

    assert world.stored(day(2)).num_rows == 0
    assert (
        "no promoted model of data that ended before 2024-08-02: 1 of BTCUSDT were promoted"
        in world.metadata(day(2))["state"]
    )


def test_minutes_that_did_not_trade_are_neither_foretold_nor_realised(
    world: PredictionWorld, model: SmallModel
) -> None:
    filled, gap = 2 * MINUTES + 100, range(2 * MINUTES + 500, 2 * MINUTES + 510)
    world.fill(3, table=without_rows(with_filled(market(3), [filled]), gap))
    world.promote(model, time(3))

    assert world.run(day(3)).success

    rows = world.stored(day(3)).to_pylist()
    moments = {row["as_of"] for row in rows}
    assert time(3, 1, 41) not in moments  # the filled minute 01:40 closes then
    assert next(row for row in rows if row["target_time"] == time(3, 1, 41))["realised_price"] is None
    assert moments.isdisjoint({time(3, 8, minute) for minute in range(21, 38)})  # a gap, then seven of eight rows
    assert time(3, 8, 38) in moments


def test_a_day_is_described_for_people(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(4)
    world.promote(model, time(3))
    world.run(day(3))

    metadata = world.metadata(day(3))

    assert metadata["forecasts"].startswith("![1m forecasts")
    assert len(metadata["forecasts"]) < 50_000
    assert metadata["notice"] == "**Simulated market (simulator-7). Not financial advice.**"
    assert metadata["state"] == f"foretold by {model.card.model_id}"
    assert (metadata["candles"], metadata["moments_foretold"]) == (MINUTES, MINUTES)
    assert metadata["realised_percent"] == 100.0
    assert 60 < metadata["coverage_percent_1m"] < 95  # 80 is meant
    assert metadata["interval_percent"] == 80.0
    rows = world.stored(day(3)).filter(np.array([True, False] * MINUTES))
    came, foretold = rows["realised_return"].to_numpy(), rows["predicted_return"].to_numpy()
    assert metadata["skill_percent_1m"] == pytest.approx(
        100 * (1 - np.mean((came - foretold) ** 2) / np.mean(came**2)), abs=1e-3
    )


def test_the_file_itself_says_what_it_is(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(3)
    world.promote(model, time(3))
    world.run(day(3))
    stored = world.lake.outline(LSTM_PREDICTIONS, "BTCUSDT", day(3).day)
    assert stored is not None
    assert stored.notes["notice"] == "Simulated market (simulator-7). Not financial advice."
    assert stored.notes["models"] == model.card.model_id


def test_a_range_of_days_is_one_run(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(5)
    world.promote(model, time(3))
    assert world.run(day(2), day(4)).success
    assert [world.stored(day(number)).num_rows for number in (2, 3, 4)] == [0, 2 * MINUTES, 2 * MINUTES]


def test_changed_features_are_foretold_anew(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(3)
    world.promote(model, time(3))
    world.run(day(3))
    world.fill(3, table=without_rows(market(3), [2 * MINUTES + 700]))

    assert world.run(day(3)).success

    assert time(3, 11, 41) not in world.stored(day(3))["as_of"].to_pylist()


def test_a_promoted_file_that_was_damaged_fails_and_keeps_what_is_stored(
    world: PredictionWorld, model: SmallModel
) -> None:
    world.fill(3)
    promotion = world.promote(model, time(3))
    assert world.run(day(3)).success
    before = world.stored(day(3))
    (kept,) = (world.folder / "ckpts").rglob(f"promoted/{promotion.model_id}-*.keras")
    kept.write_bytes(kept.read_bytes()[:-100])

    (sentence,) = failures(world.run(day(3))).values()

    assert "lstm_predictions 2024-08-03 BTCUSDT: " in sentence
    assert "are not those promoted" in sentence
    assert world.stored(day(3)).equals(before)


def test_a_model_of_features_that_there_are_not_fails_naming_them(world: PredictionWorld, model: SmallModel) -> None:
    world.fill(3)
    world.promote(only_a_card(with_feature(model.card, "moon_phase_1m")), time(3))
    (sentence,) = failures(world.run(day(3))).values()
    assert "it needs moon_phase_1m, which are missing" in sentence


def test_a_day_without_features_fails_with_the_command_that_makes_them(
    world: PredictionWorld, model: SmallModel
) -> None:
    world.fill(2)
    world.promote(model, time(3))
    (sentence,) = failures(world.run(day(3))).values()
    assert "lstm_predictions 2024-08-03 BTCUSDT: gold_features was never materialised for this day" in sentence
    assert "--select gold_features --partition '2024-08-03|BTCUSDT'" in sentence


def test_a_model_that_can_foretell_nothing_is_told_of(world: PredictionWorld, model: SmallModel) -> None:
    table = market(3)
    table.warm[:] = False
    world.fill(3, table=table)
    world.promote(model, time(3))

    result = world.run(day(3))

    assert result.success
    assert world.stored(day(3)).num_rows == 0
    assert world.metadata(day(3))["candles"] == MINUTES


def test_the_asset_reads_the_day_before_and_the_prices_of_the_day_after() -> None:
    (asset,) = forecast_predictions_assets(DAYS)
    (spec,) = asset.specs
    reads = {dep.asset_key.to_user_string(): dep.partition_mapping for dep in spec.deps}
    assert set(reads) == {"gold_features", "silver_klines_1m", "klines_1s", "lstm_evaluation"}
    for name, keys in {"gold_features": {2, 3}, "silver_klines_1m": {2, 3, 4}, "lstm_evaluation": {2, 3}}.items():
        mapping = reads[name]
        assert mapping is not None
        found = mapping.get_upstream_mapped_partitions_result_for_partitions(
            DAYS.definition.subset_with_partition_keys([day(3).key]), DAYS.definition, DAYS.definition
        )
        assert set(found.partitions_subset.get_partition_keys()) == {day(number).key for number in keys}


class Ticks:
    """What the condition of the asset requests, tick by tick, beside inputs that others write."""

    INPUTS = ("gold_features", "silver_klines_1m", "klines_1s", "lstm_evaluation")

    def __init__(self, world: PredictionWorld) -> None:
        self._graph = world.graph(*(dg.AssetSpec(name, partitions_def=DAYS.definition) for name in self.INPUTS))
        self._instance = world.instance
        self._cursor: object = None
        assert self.next() == set()  # the first look only remembers

    def write(self, name: str, number: int, version: str = "1") -> None:
        tags = {"dagster/data_version": version}
        self._instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=day(number).key, tags=tags))

    def next(self) -> set[str]:
        result = dg.evaluate_automation_conditions(self._graph, self._instance, cursor=self._cursor)  # pyright: ignore[reportArgumentType]
        self._cursor = result.cursor
        return {str(key) for key in result.get_requested_partitions(dg.AssetKey(LSTM_PREDICTIONS.name))}


def test_a_new_day_is_foretold_and_the_one_before_it_realised(world: PredictionWorld) -> None:
    ticks = Ticks(world)
    for number in (3, 4):
        ticks.write("silver_klines_1m", number)
    assert ticks.next() == set(), "features are not there yet"
    ticks.write("gold_features", 3)
    ticks.write("gold_features", 4)
    assert ticks.next() == {day(3).key, day(4).key}
    for number in (3, 4):
        ticks.write(LSTM_PREDICTIONS.name, number)
    assert ticks.next() == set()

    ticks.write("silver_klines_1m", 5)

    assert ticks.next() == {day(4).key}


def test_a_promotion_of_the_day_before_asks_for_the_day_again(world: PredictionWorld) -> None:
    ticks = Ticks(world)
    for name in ("silver_klines_1m", "gold_features", LSTM_PREDICTIONS.name):
        ticks.write(name, 4)
    assert ticks.next() == set()
    ticks.write("lstm_evaluation", 3)
    assert ticks.next() == {day(4).key}
