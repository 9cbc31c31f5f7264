from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from crypto_assets.features.compute import compute_features
from crypto_assets_tests.features.synthetic import inputs_of, midnight_us, walk


def test_the_minute_of_the_day_lies_on_a_circle(gold: pa.Table) -> None:
    points = list(zip(gold["minute_of_day_sin"].to_pylist(), gold["minute_of_day_cos"].to_pylist(), strict=True))
    assert points[0] == (0.0, 1.0)
    assert points[360] == pytest.approx((1.0, 0.0), abs=1e-12)
    assert points[720] == pytest.approx((0.0, -1.0), abs=1e-12)


@pytest.mark.parametrize(("day", "weekday"), [(date(2024, 8, 5), 0), (date(2024, 8, 11), 6), (date(2017, 8, 17), 3)])
def test_monday_is_zero(day: date, weekday: int) -> None:
    rows = compute_features(inputs_of(walk(seed=1, start_us=midnight_us(day), minutes=3)), day=day)
    assert set(rows["day_of_week"].to_pylist()) == {float(weekday)}


def test_minutes_before_the_first_candle_of_history_are_a_gap() -> None:
    rows = compute_features(inputs_of(walk(seed=1, start_us=midnight_us(), minutes=70)), day=date(2024, 8, 5))
    assert [rows["gap_minutes_60"][at].as_py() for at in (0, 1, 59, 60)] == [59.0, 58.0, 0.0, 0.0]
