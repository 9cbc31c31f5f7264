from __future__ import annotations

import itertools
from datetime import timedelta

import pyarrow as pa
import pytest

from crypto_assets.cleaning.perpetual import Perpetual, build_perpetual
from crypto_assets.schemas import (
    BRONZE_FUNDING_RATE,
    BRONZE_LIQUIDATIONS,
    BRONZE_MARK_PRICE,
    BRONZE_OPEN_INTEREST,
    SILVER_PERPETUAL,
)
from crypto_assets_tests.cleaning.examples import DAY, Row, at, stored

HOURS = 60
JITTER = timedelta(milliseconds=7)


def settlement(hour: int, rate: str, **fields: object) -> Row:
    time = at(hour * HOURS) + JITTER
    return {
        "funding_time": time,
        "funding_rate": rate,
        "interval_hours": 8,
        "source": "archive",
        "received_at": time,
    } | fields


def figure(minute: float, value: str | None) -> Row:
    return {
        "time": at(minute),
        "label": at(minute),
        "open_interest": value,
        "open_interest_value": value,
        "source": "archive",
        "received_at": DAY,
    }


def mark(minute: float, price: str = "101", **fields: object) -> Row:
    return {
        "time": at(minute),
        "mark_price": price,
        "index_price": "100",
        "source": "capture",
        "received_at": at(minute),
    } | fields


def liquidation(minute: float, side: str = "SELL", **fields: object) -> Row:
    return {
        "time": at(minute),
        "side": side,
        "price": "99",
        "average_price": "100",
        "original_quantity": "3",
        "filled_quantity": "2",
        "status": "FILLED",
        "source": "capture",
        "received_at": at(minute),
    } | fields


def build(
    *,
    minutes: int = 24 * HOURS,
    funding: list[Row] | None = None,
    open_interest: list[Row] | None = None,
    marks: list[Row] | None = None,
    liquidations: list[Row] | None = None,
) -> Perpetual:
    return build_perpetual(
        funding=None if funding is None else stored(BRONZE_FUNDING_RATE, funding),
        open_interest=None if open_interest is None else stored(BRONZE_OPEN_INTEREST, open_interest),
        mark_price=None if marks is None else stored(BRONZE_MARK_PRICE, marks),
        liquidations=None if liquidations is None else stored(BRONZE_LIQUIDATIONS, liquidations),
        start=DAY,
        end=at(minutes),
    )


def column(built: Perpetual, name: str) -> list[object]:
    return built.table[name].to_pylist()


def test_a_day_has_a_row_a_minute_even_when_nothing_is_known() -> None:
    built = build()
    assert built.table.schema == SILVER_PERPETUAL.payload
    assert column(built, "open_time") == [at(minute) for minute in range(1440)]
    assert column(built, "as_of") == [at(minute + 1) for minute in range(1440)]
    assert built.as_metadata() == {
        "minutes_with_funding": 0,
        "minutes_with_open_interest": 0,
        "minutes_with_mark_price": 0,
        "minutes_with_liquidations": 0,
    }


class TestFunding:
    RATES = (settlement(-8, "0.0001"), settlement(0, "0.0002"), settlement(8, "0.0003"))

    def test_a_rate_is_known_from_its_settlement_on_not_from_the_full_hour(self) -> None:
        built = build(funding=list(self.RATES))
        rates = column(built, "funding_rate")
        # The minute 07:59 ends at 08:00:00.000; the rate was settled 7 ms later.
        assert (rates[0], rates[479], rates[480]) == (0.0002, 0.0002, 0.0003)
        assert column(built, "previous_funding_rate")[480] == 0.0002
        assert column(built, "funding_time")[480] == at(8 * HOURS) + JITTER

    def test_the_next_settlement_is_the_last_one_and_its_interval_until_that_time_has_passed(self) -> None:
        upcoming = column(build(funding=list(self.RATES)), "next_funding_time")
        assert (upcoming[0], upcoming[479], upcoming[480]) == (at(480), at(480), at(960))
        assert (upcoming[959], upcoming[960]) == (at(960), None)

    def test_without_an_interval_the_distance_to_the_former_settlement_is_one(self) -> None:
        rows = [
            row | {"interval_hours": None, "source": "rest"}
            for row in (settlement(-4, "0.0001"), settlement(0, "0.0002"))
        ]
        assert column(build(funding=rows), "next_funding_time")[0] == at(4 * HOURS)

    def test_a_settlement_missing_between_two_leaves_the_former_rate_and_the_interval_unknown(self) -> None:
        rows = [row | {"interval_hours": None} for row in (settlement(-16, "0.0001"), settlement(0, "0.0002"))]
        built = build(funding=rows)
        assert column(built, "previous_funding_rate")[0] is None
        assert column(built, "next_funding_time")[0] is None
        assert (
            column(build(funding=[settlement(-16, "0.0001"), settlement(0, "0.0002")]), "previous_funding_rate")[0]
            is None
        )

    def test_two_sources_of_one_settlement_are_one_rate(self) -> None:
        other = settlement(0, "0.0009", funding_time=at(0) + 2 * JITTER, source="rest", interval_hours=None)
        built = build(funding=[settlement(-8, "0.0001"), other, settlement(0, "0.0002")])
        assert column(built, "funding_rate")[5] == 0.0002
        assert column(built, "previous_funding_rate")[5] == 0.0001

    def test_settlements_of_several_sources_are_one_sequence(self) -> None:
        hours = (-16, -8, 0, 8, 16)
        sources = ("rest", "archive", "rest", "archive", "rest")
        rows = [
            settlement(hour, f"0.000{number}", source=source)
            for number, (hour, source) in enumerate(zip(hours, sources, strict=True), start=1)
        ]
        built = build(funding=rows)
        minutes = (0, 480, 960)
        assert [column(built, "funding_rate")[minute] for minute in minutes] == [0.0003, 0.0004, 0.0005]
        assert [column(built, "previous_funding_rate")[minute] for minute in minutes] == [0.0002, 0.0003, 0.0004]

    def test_the_interval_that_the_exchange_gives_counts_and_not_the_distance_to_the_former_settlement(self) -> None:
        rows = [settlement(-8, "0.0001"), settlement(0, "0.0002", interval_hours=4)]
        assert column(build(funding=rows), "next_funding_time")[0] == at(4 * HOURS)

    def test_eight_hours_are_the_longest_distance_that_is_an_interval(self) -> None:
        for hours, expected in ((8, at(8 * HOURS)), (9, None)):
            rows = [row | {"interval_hours": None} for row in (settlement(-hours, "0.0001"), settlement(0, "0.0002"))]
            assert column(build(funding=rows), "next_funding_time")[0] == expected

    def test_the_stream_knows_the_next_settlement_better(self) -> None:
        built = build(funding=list(self.RATES), marks=[mark(0.5, next_funding_time=at(240))])
        assert column(built, "next_funding_time")[0] == at(240)
        assert column(built, "next_funding_time")[10] == at(480)

    def test_archive_rows_do_not_hide_what_the_stream_announced(self) -> None:
        live = [mark(minute + 0.9, source="live", next_funding_time=at(240)) for minute in range(3)]
        archive = [mark(minute + 0.99, source="archive", received_at=at(2000)) for minute in range(12)]
        upcoming = column(build(funding=list(self.RATES), marks=live + archive), "next_funding_time")
        assert upcoming[:9] == [at(240)] * 7 + [at(480)] * 2  # the last one was announced in the third minute

    def test_an_announcement_that_was_settled_since_is_none(self) -> None:
        built = build(funding=list(self.RATES), marks=[mark(479.9, next_funding_time=at(480))])
        upcoming = column(built, "next_funding_time")
        assert (upcoming[479], upcoming[480], upcoming[483]) == (at(480), at(960), at(960))

    def test_an_announced_settlement_that_did_not_come_leaves_the_next_one_unknown(self) -> None:
        built = build(funding=list(self.RATES), marks=[mark(239.9, next_funding_time=at(240))])
        upcoming = column(built, "next_funding_time")
        assert (upcoming[238], upcoming[239], upcoming[240]) == (at(480), at(240), None)


def test_open_interest_is_carried_with_the_time_at_which_it_was_known() -> None:
    built = build(open_interest=[figure(10, "7"), figure(-5, "5"), figure(5, None)])
    values = column(built, "open_interest")
    assert (values[0], values[8], values[9], values[1439]) == (5.0, 5.0, 7.0, 7.0)
    assert column(built, "open_interest_time")[1439] == at(10)


def test_prices_are_the_last_ones_by_the_end_of_the_minute_and_at_most_five_minutes_old() -> None:
    built = build(marks=[mark(0.2, "101"), mark(0.9, "102"), mark(1.0, "103"), mark(1.0001, "104")])
    prices = column(built, "mark_price")
    assert prices[:2] == [103.0, 104.0]
    assert prices[5] == 104.0
    assert prices[6] is None
    assert column(built, "index_price")[0] == 100.0


class TestLiquidations:
    def test_each_side_is_counted_in_filled_quote_value(self) -> None:
        rows = [liquidation(0.1), liquidation(0.2), liquidation(0.3, "BUY", filled_quantity="1")]
        row = build(liquidations=rows).table.to_pylist()[0]
        assert (row["liquidated_long_count"], row["liquidated_long_volume"]) == (2, 400.0)
        assert (row["liquidated_short_count"], row["liquidated_short_volume"]) == (1, 100.0)

    def test_copies_of_one_order_are_counted_once(self) -> None:
        rows = [liquidation(0.1), liquidation(0.1, source="live")]
        assert column(build(liquidations=rows), "liquidated_long_count")[0] == 1

    def test_an_order_counts_in_the_minute_in_which_it_was_received(self) -> None:
        built = build(liquidations=[liquidation(0.99, received_at=at(1.01))])
        assert column(built, "liquidated_long_count")[:2] == [None, 1]

    def test_an_order_received_before_it_happened_counts_when_it_happened(self) -> None:
        built = build(liquidations=[liquidation(1.01, received_at=at(0.99))])
        assert column(built, "liquidated_long_count")[:2] == [None, 1]

    def test_the_values_of_a_minute_add_up_to_the_same_bits_in_any_order(self) -> None:
        rows = [liquidation(n / 100, filled_quantity=f"0.{n}", average_price="0.1", price=str(n)) for n in range(1, 9)]
        rows += [liquidation(5 / 100, filled_quantity=f"0.{n}7", average_price="0.3", price=str(n)) for n in (3, 1, 2)]
        found = {column(build(liquidations=rows[n:] + rows[:n]), "liquidated_long_volume")[0] for n in range(len(rows))}
        assert len(found) == 1

    def test_when_an_archive_file_was_fetched_says_nothing_about_when_it_was_known(self) -> None:
        built = build(liquidations=[liquidation(0.99, source="archive", received_at=at(900))])
        assert column(built, "liquidated_long_count")[0] == 1

    @pytest.mark.parametrize(("source", "expected"), [("capture", 0), ("live", 0), ("archive", None), ("rest", None)])
    def test_zero_means_that_the_recorder_ran(self, source: str, expected: int | None) -> None:
        built = build(marks=[mark(3.5, source=source)], liquidations=[])
        assert column(built, "liquidated_long_count")[3] == expected
        assert column(built, "liquidated_short_volume")[3] == expected
        assert column(built, "liquidated_long_count")[4] is None


def test_nothing_after_a_minute_changes_its_row() -> None:
    known = {
        "funding": [settlement(hour, f"0.000{hour // 8 + 2}") for hour in (-8, 0, 8)],
        "open_interest": [figure(minute, str(minute + 9)) for minute in range(-5, 600, 5)],
        "marks": [mark(minute / 3, str(100 + minute), next_funding_time=at(480)) for minute in range(1500)],
        "liquidations": [liquidation(minute * 0.7) for minute in range(700)],
    }
    whole = build(minutes=600, **known).table
    for cut in (1, 77, 479, 480, 481, 599):
        prefix = {name: [row for row in rows if _known_at(row) <= at(cut)] for name, rows in known.items()}
        assert build(minutes=cut, **prefix).table.equals(whole.slice(0, cut))


def _known_at(row: Row) -> object:
    return row.get("time", row.get("funding_time"))


def test_of_copies_that_differ_the_better_source_counts_then_the_first_received() -> None:
    copies = [
        figure(0, "3") | {"source": "rest", "received_at": at(-2)},
        figure(0, "1") | {"source": "archive", "received_at": at(2)},
        figure(0, "2") | {"source": "archive", "received_at": at(3)},
    ]
    for rows in itertools.permutations(copies):
        assert column(build(minutes=1, open_interest=list(rows)), "open_interest") == [1.0]


def test_copies_that_nothing_but_their_values_tells_apart_give_the_same_row_in_any_order() -> None:
    copies = [mark(0, str(price)) for price in (103, 101, 102)]
    found = [build(minutes=1, marks=list(rows)).table for rows in itertools.permutations(copies)]
    assert all(table.equals(found[0]) for table in found)


def test_the_order_of_rows_does_not_matter() -> None:
    rows = [settlement(-8, "0.0001"), settlement(0, "0.0002"), settlement(8, "0.0003")]
    marks = [mark(minute / 2) for minute in range(20)]
    forward = build(funding=rows, marks=marks).table
    assert isinstance(forward, pa.Table)
    assert build(funding=rows[::-1], marks=marks[::-1]).table.equals(forward)
