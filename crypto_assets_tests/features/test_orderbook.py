"""Order-book features of a few states written by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from crypto_assets.features.compute import compute_features
from crypto_assets.schemas import BOOK_LEVELS, FLAGS, SILVER_ORDERBOOK
from crypto_assets_tests.features.synthetic import DAY, MINUTE, inputs_of, midnight_us, walk

SECOND = 1_000_000


def state(
    second: float, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]], flags: int = 0
) -> dict[str, object]:
    """A state known so many seconds after midnight; levels that are not given are missing."""
    row: dict[str, object] = {"time": midnight_us() + int(second * SECOND), "last_update_id": int(second * 10)}
    for side, levels in (("bid", bids), ("ask", asks)):
        for level in range(BOOK_LEVELS):
            price, quantity = levels[level] if level < len(levels) else (None, None)
            row |= {f"{side}_price_{level + 1}": price, f"{side}_quantity_{level + 1}": quantity}
    return {**row, "flags": flags}


def gold_of(*states: dict[str, object], minutes: int = 12) -> pa.Table:
    book = pa.Table.from_pylist(list(states)).cast(SILVER_ORDERBOOK.payload)
    return compute_features(inputs_of(walk(seed=1, start_us=midnight_us(), minutes=minutes), book=book), day=DAY)


BIDS = [(99.0, 3.0), (98.0, 1.0), (97.0, 6.0), (96.0, 2.0)]
ASKS = [(101.0, 1.0), (102.0, 1.0), (103.0, 2.0), (104.0, 4.0), (105.0, 2.0)]


def test_a_state_gives_the_figures_of_its_levels() -> None:
    row = gold_of(state(5, BIDS, ASKS)).slice(0, 1).to_pylist()[0]
    expected = {
        "imbalance_1level": (3 - 1) / 4,
        "imbalance_3level": (10 - 4) / 14,
        "imbalance_5level": (12 - 10) / 22,
        "imbalance_10level": (12 - 10) / 22,
        "spread_bps": 200.0,
        "microprice_bps": ((101 * 3 + 99 * 1) / 4 / 100 - 1) * 1e4,
        "whale_bid_size": 6.0,
        "whale_bid_distance_bps": 300.0,
        "whale_ask_size": 4.0,
        "whale_ask_distance_bps": 400.0,
        "bid_depth_10level": 12.0,
        "ask_depth_10level": 10.0,
        "depth_ratio_10level": 1.2,
        "spread_bps_mean_1m": 200.0,
        "spread_bps_max_1m": 200.0,
        "imbalance_5level_mean_1m": 2 / 22,
        "imbalance_5level_std_1m": 0.0,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_the_last_state_known_by_as_of_is_taken_and_all_of_the_minute_are_averaged() -> None:
    rows = gold_of(
        state(1, [(99.0, 1.0)], [(101.0, 1.0)]),
        state(30, [(99.5, 3.0)], [(100.5, 1.0)]),
        state(60, [(99.9, 1.0)], [(100.1, 3.0)]),  # known at as_of exactly
        state(60.1, [(90.0, 1.0)], [(110.0, 1.0)]),
    )
    first, second = rows.slice(0, 2).to_pylist()
    assert first["spread_bps"] == pytest.approx(20.0)
    assert first["imbalance_1level"] == -0.5
    assert first["spread_bps_mean_1m"] == pytest.approx((200 + 100 + 20) / 3)
    assert first["spread_bps_max_1m"] == pytest.approx(200)
    assert first["imbalance_5level_mean_1m"] == pytest.approx(0.0, abs=1e-15)
    assert first["imbalance_5level_std_1m"] == pytest.approx(np.std([0, 0.5, -0.5]))
    assert second["spread_bps_mean_1m"] == pytest.approx(2000)


def test_pressure_is_the_change_of_imbalance_since_so_many_minutes() -> None:
    states = [state(60 * minute + 30, [(99.0, 1.0 + minute)], [(101.0, 1.0)]) for minute in range(8)]
    rows = gold_of(*states)

    def imbalance(minute: int) -> float:
        return minute / (minute + 2)

    assert rows["pressure_1level_1m"].to_pylist()[:3] == [
        None,
        *(pytest.approx(imbalance(m) - imbalance(m - 1)) for m in (1, 2)),
    ]
    assert rows["pressure_5level_5m"].to_pylist()[4:7] == [
        None,
        *(pytest.approx(imbalance(m) - imbalance(m - 5)) for m in (5, 6)),
    ]
    assert rows["pressure_10level_1m"][8].as_py() is None


def test_a_state_older_than_a_minute_is_not_known_any_more() -> None:
    rows = gold_of(state(30, BIDS, ASKS))
    assert rows["spread_bps"].is_null().to_pylist() == [False] + [True] * 11


@pytest.mark.parametrize(
    "wrong",
    [
        state(40, [(101.0, 1.0)], [(100.0, 1.0)]),
        state(40, [], ASKS),
        state(40, BIDS, []),
        state(40, [(100.0, 1.0)], [(100.0, 1.0)]),
        state(40, [(0.0, 1.0)], ASKS),
        state(40, [(99.0, 0.0)], ASKS),
        state(40, BIDS, [(101.0, 0.0), (102.0, 1.0)]),
        state(40, [(99.5, 1.0)], ASKS, FLAGS["crossed"]),
        state(40, [(99.5, 1.0)], ASKS, FLAGS["out_of_range"]),
    ],
    ids=[
        *("crossed", "no bid", "no ask", "locked", "a bid of nothing", "nothing at the best bid"),
        *("nothing at the best ask", "flagged crossed", "flagged out of range"),
    ],
)
def test_a_state_that_cannot_be_is_passed_over(wrong: dict[str, object]) -> None:
    sound = gold_of(state(30, BIDS, ASKS))
    assert gold_of(state(30, BIDS, ASKS), wrong).equals(sound)


def test_a_book_of_a_cheap_asset_is_read_like_any_other() -> None:
    cheap = [[(price / 1_000, quantity) for price, quantity in side] for side in (BIDS, ASKS)]
    rows, dear = gold_of(state(5, *cheap)).slice(0, 1), gold_of(state(5, BIDS, ASKS)).slice(0, 1)
    for name in ("spread_bps", "microprice_bps", "whale_bid_distance_bps", "imbalance_5level_mean_1m"):
        assert rows[name][0].as_py() == pytest.approx(dear[name][0].as_py(), rel=1e-9)


def test_of_equal_levels_the_nearest_is_the_whale() -> None:
    row = gold_of(state(5, [(99.0, 2.0), (98.0, 2.0)], [(101.0, 1.0), (102.0, 5.0), (103.0, 5.0)])).slice(0, 1)
    assert row["whale_bid_distance_bps"][0].as_py() == pytest.approx(100)
    assert row["whale_ask_distance_bps"][0].as_py() == pytest.approx(200)


def test_the_hour_before_the_day_is_compared_with_and_not_more() -> None:
    before = [state(60 * minute - 30, [(99.0, 3.0)], [(101.0, 1.0)]) for minute in (-80, -4, 0)]
    rows = gold_of(*before, state(30, [(99.0, 1.0)], [(101.0, 1.0)]))
    assert rows["pressure_1level_1m"][0].as_py() == pytest.approx(-0.5)
    assert rows["pressure_5level_5m"][0].as_py() == pytest.approx(-0.5)
    later = gold_of(before[0], state(30, [(99.0, 1.0)], [(101.0, 1.0)]))
    assert later["orderbook_present"].to_pylist() == [True] * 12


def test_times_of_states_need_not_be_of_the_day() -> None:
    far = [state(second, BIDS, ASKS) for second in (-90_000, 90_000)]
    rows = gold_of(*far)
    assert not any(rows["orderbook_present"].to_pylist())
    assert rows["spread_bps"].null_count == rows.num_rows
    assert MINUTE == 60 * SECOND
