"""What the page says of features comes from their declaration."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from crypto_assets.dashboard.features.gold_day import GoldDay, read_gold_day
from crypto_assets.dashboard.features.lanes import BY_NAME, MOST_LANES
from crypto_assets.dashboard.features.statistics import spread
from crypto_assets.dashboard.features.texts import definitions, not_drawn, sources_of, spread_rows, warmth_of
from crypto_assets.features.declaration import FEATURES, GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets_tests.dashboard.features.days import DAY, gold_table


def day_of(tmp_path: Path, *, cold: int) -> GoldDay:
    lake = Lake(str(tmp_path))
    lake.publish(GOLD_FEATURES, "BTCUSDT", DAY, gold_table(minutes=range(100), cold=cold))
    found = read_gold_day(lake, "BTCUSDT", DAY)
    assert found is not None
    assert found.written_at is not None
    assert found.written_at > datetime(2026, 1, 1, tzinfo=UTC)
    return found


def test_a_definition_has_meaning_formula_unit_and_window() -> None:
    lacking = [
        (feature.name, part)
        for feature in FEATURES
        for part in (feature.description, feature.formula, feature.unit, f"{feature.window} × {feature.timeframe}")
        if part not in definitions([feature.name]).replace("\\", "")
    ]
    assert lacking == []


def test_definitions_come_in_the_order_of_declaration() -> None:
    text = definitions(["spread_bps", "rsi_14_1m"])
    assert text.index("rsi_14_1m") < text.index("spread_bps")


def test_rows_that_are_not_warm_are_counted_and_placed(tmp_path: Path) -> None:
    assert warmth_of(day_of(tmp_path, cold=0)).startswith("All 100 rows are warm")
    assert "7 of 100 rows are not warm, the first at 00:00, the last at 00:06 UTC" in warmth_of(
        day_of(tmp_path, cold=7)
    )


def test_sources_are_counted_over_the_rows(tmp_path: Path) -> None:
    assert "open interest 100/100" in sources_of(day_of(tmp_path, cold=0).gold)


def test_features_without_a_line_are_named_or_counted() -> None:
    names = [feature.name for feature in FEATURES[: MOST_LANES + 3]]
    assert not_drawn(names[:2], names[:2]) == []
    assert not_drawn(names[:2], names[:1]) == [f"Without a value in these hours: `{names[1]}`."]
    assert not_drawn(names, names[:MOST_LANES])[0].startswith("12 are drawn; 3 more")


def test_figures_of_features_without_a_value_are_empty(tmp_path: Path) -> None:
    gold = day_of(tmp_path, cold=0).gold
    rows = spread_rows([spread(gold, BY_NAME["rsi_14_1m"])])
    assert rows["declared range"].to_list() == ["0 to 100"]
    assert rows["median"].null_count() == 0
