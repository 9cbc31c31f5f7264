"""Charts of features are valid, and hold the numbers that they are of."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from crypto_assets.dashboard.features.charts import MOST_NUMBERS, correlation_chart, missing_chart, spread_chart
from crypto_assets.dashboard.features.lanes import BY_NAME
from crypto_assets.dashboard.features.statistics import correlation, spread
from crypto_assets.features.declaration import FEATURES
from crypto_assets_tests.dashboard.features.days import gold_table


def gold() -> pl.DataFrame:
    frame = pl.from_arrow(gold_table(minutes=range(60), values={"macd_1m": [None] * 30 + [1.0] * 30}))
    assert isinstance(frame, pl.DataFrame)
    return frame


def spec_of(chart: Any) -> dict[str, Any]:
    with alt.data_transformers.enable("default", max_rows=None):  # Streamlit sends data beside the chart, as Arrow
        return chart.to_dict(validate=True)


def test_a_distribution_names_its_feature_and_unit() -> None:
    spec = spec_of(spread_chart(gold(), spread(gold(), BY_NAME["rsi_14_1m"])))
    assert spec["title"]["text"] == "rsi_14_1m, index"


def test_a_matrix_says_whose_coefficients_it_shows_over_how_many_minutes() -> None:
    names = [feature.name for feature in FEATURES]
    few = correlation(gold(), names[:5], method="Spearman")
    spec = spec_of(correlation_chart(few))
    assert spec["title"]["text"] == "Spearman correlation over 60 warm minutes"
    (data,) = [rows for rows in spec["datasets"].values() if "coefficient" in rows[0]]
    assert len(data) == len(few.names) ** 2
    assert {row["coefficient"] for row in data if row["one"] == row["other"]} == {1.0}


def test_a_large_matrix_has_no_room_for_numbers() -> None:
    names = [feature.name for feature in FEATURES]
    many = correlation(gold(), names, method="Pearson")
    assert len(many.names) > MOST_NUMBERS
    assert [layer["mark"]["type"] for layer in spec_of(correlation_chart(many))["layer"]] == ["rect"]


def test_quarters_without_a_value_are_as_red_as_their_share() -> None:
    spec = spec_of(missing_chart(gold(), ["macd_1m"]))
    (data,) = spec["datasets"].values()
    assert [row["share"] for row in data] == [1.0, 1.0, 0.0, 0.0]
