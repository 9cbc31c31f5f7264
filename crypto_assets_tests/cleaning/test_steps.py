from __future__ import annotations

import pytest

from crypto_assets.cleaning.steps import CleaningSteps, Step

STEPS = CleaningSteps((Step("load", 9, 2, 7), Step("range", 7, 0, 7)))


def test_metadata_are_three_figures_a_step_in_their_order() -> None:
    assert list(STEPS.as_metadata().items()) == [
        ("step_1_load_rows_in", 9),
        ("step_1_load_affected", 2),
        ("step_1_load_rows_out", 7),
        ("step_2_range_rows_in", 7),
        ("step_2_range_affected", 0),
        ("step_2_range_rows_out", 7),
    ]


def test_a_step_is_found_by_its_name() -> None:
    assert STEPS["range"] == Step("range", 7, 0, 7)
    with pytest.raises(KeyError, match="fill"):
        STEPS["fill"]
