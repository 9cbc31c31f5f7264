"""What an address may choose, and what is said of what it may not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.dashboard.features.selection import FIRST_SHOWN, WHOLE_DAY, Selection, select
from crypto_assets.features.declaration import FEATURES

DAYS = (date(2024, 8, 5), date(2024, 8, 3))


def test_an_address_that_says_nothing_shows_the_newest_day() -> None:
    assert select({}, symbol="BTCUSDT", days=DAYS) == Selection(DAYS[0], FIRST_SHOWN)


def test_what_is_shown_first_is_declared() -> None:
    assert set(FIRST_SHOWN) <= {feature.name for feature in FEATURES}


@given(
    day=st.sampled_from(DAYS),
    features=st.lists(st.sampled_from([f.name for f in FEATURES]), min_size=1, max_size=5, unique=True),
    hours=st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda pair: pair[0] < pair[1]),
)
def test_an_address_shows_again_what_it_was_written_from(
    day: date, features: list[str], hours: tuple[int, int]
) -> None:
    chosen = Selection(day, tuple(features), hours)
    query = {name: value if isinstance(value, list) else [value] for name, value in chosen.as_query().items()}
    assert select(query, symbol="BTCUSDT", days=DAYS) == chosen


@pytest.mark.parametrize("day", ["2024-08-04", "20240805", "2024-8-5", "tomorrow", "../../etc/passwd", ""])
def test_a_day_without_features_is_refused_in_a_sentence(day: str) -> None:
    selection = select({"day": [day]}, symbol="BTCUSDT", days=DAYS)
    assert selection.day == DAYS[0]
    assert len(selection.refused) == 1
    assert selection.refused[0].endswith("is not a day of features of BTCUSDT; 2024-08-05 is shown.")


@pytest.mark.parametrize("hours", ["9", "9-9", "17-9", "0-25", "-1-5", "a-b", "9-17-20", "٣-٩"])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    selection = select({"hours": [hours]}, symbol="BTCUSDT", days=DAYS)
    assert selection.hours == WHOLE_DAY
    assert selection.refused == ("Hours are written like 9-17, from 0 to 24; the whole day is shown.",)


def test_unknown_features_are_named_and_the_others_shown() -> None:
    asked = ["rsi_14_1m", "rsi_15_1m", "no_such", "rsi_14_1m"]
    selection = select({"feature": asked}, symbol="BTCUSDT", days=DAYS)
    assert selection.features == ("rsi_14_1m",)
    assert selection.refused == ("`rsi_15_1m` is not declared, nor 1 more.",)


def test_text_that_is_no_name_is_not_repeated_on_the_page() -> None:
    hostile = "[click](javascript:alert(1)) <img src=x onerror=alert(1)>"
    selection = select({"feature": [hostile], "day": [hostile]}, symbol="BTCUSDT", days=DAYS)
    assert [sentence.partition(" is not")[0] for sentence in selection.refused] == [
        "The day of the address",
        "The feature of the address",
    ]
