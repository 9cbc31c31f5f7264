from __future__ import annotations

import itertools
from datetime import timedelta

from crypto_assets.cleaning.reconcile import SourceComparison, compare_sources
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets_tests.cleaning.examples import Row, at, bronze, kline


def compare(rows: list[Row]) -> SourceComparison:
    return compare_sources(bronze(rows), timeframe="1m")


def test_sources_that_agree_have_no_differences() -> None:
    found = compare([kline(minute, source=source) for minute in range(5) for source in ("archive", "rest", "live")])
    assert found.rows == {"archive": 5, "live": 5, "rest": 5}
    assert (found.compared, found.differing, found.differences.num_rows) == (5, 0, 0)


def test_each_source_is_compared_with_the_best_one_that_has_the_candle() -> None:
    rows = [
        kline(0, source="archive"),
        kline(0, source="rest", close="100.5"),
        kline(0, source="live", count=6),
        kline(1, source="rest"),
        kline(1, source="capture", volume="4.9"),
        kline(2, source="live"),
    ]
    found = compare(rows)
    assert [tuple(row.values()) for row in found.differences.to_pylist()] == [
        (at(0), "close", "101.00000000", "archive", "100.50000000", "rest"),
        (at(0), "count", "7", "archive", "6", "live"),
        (at(1), "volume", "5.00000000", "rest", "4.90000000", "capture"),
    ]
    assert (found.compared, found.differing) == (2, 2)
    assert {field: n for field, n in found.count_fields().items() if n} == {"close": 1, "volume": 1, "count": 1}
    assert list(found.count_fields()) == BRONZE_KLINES["1m"].payload.names[1:]


def test_a_source_speaks_by_its_first_complete_copy_and_a_row_without_a_time_says_nothing() -> None:
    rows = [
        kline(0, source="rest"),
        kline(0, source="live", close="100.1", received_at=at(3)),
        kline(0, source="live", close="100.2", received_at=at(2)),
        kline(0, source="live", close=None, received_at=at(1)),
        kline(1, source="live", open_time=None),
    ]
    for ordered in itertools.permutations(rows):
        found = compare(list(ordered))
        assert [tuple(row.values()) for row in found.differences.to_pylist()] == [
            (at(0), "close", "101.00000000", "rest", "100.20000000", "live")
        ]
        assert (found.rows, found.compared) == ({"live": 1, "rest": 1}, 1)


def test_every_field_is_compared_and_close_times_in_milliseconds() -> None:
    other = dict.fromkeys(("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume"), "1")
    changed = other | {"taker_buy_quote_volume": "1", "count": 1, "close_time": at(0.5)}
    found = compare([kline(0), kline(0, source="live", **changed)])
    assert found.count_fields() == dict.fromkeys(BRONZE_KLINES["1m"].payload.names[1:], 1)
    assert found.differing == 1
    fine = compare([kline(0), kline(0, source="live", close_time=at(1) - timedelta(microseconds=1))])
    assert fine.differing == 0
    (told,) = [row for row in found.differences.to_pylist() if row["field"] == "close_time"]
    assert (told["kept_value"], told["other_value"]) == ("2024-08-01T00:00:59.999000Z", "2024-08-01T00:00:30.000000Z")


def test_copies_within_one_source_are_not_compared() -> None:
    found = compare([kline(0, source="rest"), kline(0, source="rest", close="100.5", received_at=at(9999))])
    assert (found.compared, found.differences.num_rows) == (0, 0)


def test_an_empty_day_has_nothing_to_compare() -> None:
    found = compare([])
    assert (dict(found.rows), found.compared, found.differing) == ({}, 0, 0)
    assert found.count_fields() == dict.fromkeys(BRONZE_KLINES["1m"].payload.names[1:], 0)
