"""What documents say of a feature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crypto_assets.features.declaration import FEATURES

ANY = FEATURES[0]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (None, None, "any"),
        (0, None, "≥ 0"),
        (None, 1.5, "≤ 1.5"),
        (0, 100, "0 to 100"),
        (-1_234_567, 0.123456, "-1,234,567 to 0.1235"),
    ],
)
def test_a_range_is_told_by_its_bounds(low: float | None, high: float | None, text: str) -> None:
    assert replace(ANY, low=low, high=high).range_text == text


def test_a_window_is_told_by_its_candles() -> None:
    assert replace(ANY, window=14, timeframe="5m").window_text == "14 × 5m"
