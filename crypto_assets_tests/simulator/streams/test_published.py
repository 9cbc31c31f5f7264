"""Which ids were sent, as few numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.streams.published import IdRanges, Published


@given(st.lists(st.integers(0, 40)))
def test_holes_are_what_a_set_lacks_between_its_ends(numbers: list[int]) -> None:
    ids = IdRanges()
    for number in numbers:
        ids.add(number)
    missing = {n for n in range(min(numbers, default=0), max(numbers, default=0)) if n not in numbers}
    assert {n for first, last in ids.holes() for n in range(first, last + 1)} == missing
    assert (ids.first, ids.last) == (min(numbers, default=None), max(numbers, default=None))
    assert all(first <= last for first, last in ids.holes())


def test_a_symbol_of_which_nothing_was_sent_has_no_ids() -> None:
    published = Published()
    published.add("btcusdt@trade", 7)
    empty = {"symbol": "ETHUSDT", "first_trade_id": None, "last_trade_id": None, "never": []}
    assert published.describe("ETHUSDT") == empty
    published.add("btcusdt@trade", 9)
    assert published.describe("BTCUSDT")["never"] == [[8, 8]]
