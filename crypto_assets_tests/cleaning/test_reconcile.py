from __future__ import annotations

from crypto_assets.cleaning.reconcile import SourceComparison, compare_sources
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


def test_copies_within_one_source_are_not_compared() -> None:
    found = compare([kline(0, source="rest"), kline(0, source="rest", close="100.5", received_at=at(9999))])
    assert (found.compared, found.differences.num_rows) == (0, 0)


def test_an_empty_day_has_nothing_to_compare() -> None:
    found = compare([])
    assert (dict(found.rows), found.compared, found.differing) == ({}, 0, 0)
