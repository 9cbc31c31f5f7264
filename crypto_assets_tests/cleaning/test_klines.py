from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.cleaning.candles import Candle
from crypto_assets.cleaning.gaps import Gap, GapCause
from crypto_assets.cleaning.klines import clean_klines
from crypto_assets.errors import BadPayload
from crypto_assets.schemas import BRONZE_KLINES, SILVER_KLINES
from crypto_assets.spans import Span
from crypto_assets_tests.cleaning.examples import DAY, MILLISECOND, Row, at, bronze, clean, flags_at, kline, klines

TEN = range(10)


def candle(minute: float, price: str) -> Candle:
    return Candle(at(minute), *[Decimal(price)] * 4)


def test_sound_candles_of_a_whole_span_pass_as_they_are() -> None:
    cleaned = clean([kline(minute) for minute in TEN])
    assert cleaned.table.schema == SILVER_KLINES["1m"].payload
    assert cleaned.table.drop_columns(["flags", "source"]).equals(
        bronze([kline(minute) for minute in TEN]).select(BRONZE_KLINES["1m"].payload.names)
    )
    assert set(cleaned.table["source"].to_pylist()) == {"archive"}
    assert set(cleaned.table["flags"].to_pylist()) == {0}
    assert cleaned.gaps == ()


def test_metadata_counts_the_eight_steps_in_their_order() -> None:
    rows = [
        kline(-1),
        kline(10),
        *(kline(minute) for minute in (0, 1, 2, 4, 5, 6, 7, 8, 9)),
        kline(0),
        kline(5.5),
        kline(9.5, volume=None),
    ]
    rows[6] = kline(5, low="-1")
    rows[7] = kline(6, high="98")
    rows[8] = kline(7, close_time=at(7.2))
    steps = clean(rows).steps
    assert [(step.name, step.rows_in, step.affected, step.rows_out) for step in steps.steps] == [
        ("load", 14, 2, 12),
        ("deduplicate", 12, 1, 11),
        ("schema", 11, 1, 10),
        ("range", 10, 1, 10),
        ("sequence", 10, 1, 10),
        ("ohlc", 10, 1, 10),
        ("fill", 10, 1, 11),
        ("flag", 11, 1, 11),
    ]
    assert list(steps.as_metadata())[:2] == ["step_1_load_rows_in", "step_1_load_affected"]
    assert steps.as_metadata()["step_7_fill_affected"] == 1


def test_an_empty_bronze_table_gives_no_rows_and_one_gap() -> None:
    cleaned = clean([])
    assert cleaned.table.num_rows == 0
    assert cleaned.gaps == (Gap(at(0), at(10), GapCause.NOT_RECEIVED),)


@pytest.mark.parametrize("outside", [-1, 10])
def test_rows_that_open_before_or_after_the_span_are_left_out(outside: int) -> None:
    cleaned = clean([*(kline(minute) for minute in TEN), kline(outside)])
    assert cleaned.table["open_time"].to_pylist() == [at(minute) for minute in TEN]


def test_a_float_where_decimals_belong_is_refused() -> None:
    table = bronze([kline(0)])
    index = table.column_names.index("close")
    wrong = table.set_column(index, "close", table["close"].cast(pa.float64()))
    with pytest.raises(BadPayload, match="close is Float64 instead of Decimal"):
        clean_klines(wrong, timeframe="1m", start=DAY, end=at(1))
    with pytest.raises(BadPayload, match="lacks the columns close"):
        clean_klines(table.drop_columns(["close"]), timeframe="1m", start=DAY, end=at(1))


class TestDeduplicate:
    def test_equal_copies_become_one_without_a_disagreement(self) -> None:
        cleaned = clean([*(kline(minute) for minute in TEN), kline(3), kline(3, source="rest")])
        assert cleaned.table.num_rows == 10
        assert flags_at(cleaned, 3) == {"duplicate_dropped"}
        assert flags_at(cleaned, 2) == set()
        assert cleaned.disagreements.num_rows == 0

    @pytest.mark.parametrize(
        ("better", "worse"), [("archive", "rest"), ("rest", "history"), ("history", "capture"), ("capture", "live")]
    )
    def test_the_better_source_wins_even_when_it_came_later(self, better: str, worse: str) -> None:
        copies = [
            kline(0, source=worse, close="100.5", received_at=DAY),
            kline(0, source=better, close="101", received_at=at(60)),
        ]
        cleaned = clean(copies, minutes=1)
        assert cleaned.table["close"].to_pylist() == [Decimal(101)]
        assert cleaned.table["source"].to_pylist() == [better]

    def test_the_first_copy_of_one_source_wins_and_the_disagreement_is_reported_by_field(self) -> None:
        first = kline(0, source="rest", received_at=at(1))
        second = kline(0, source="rest", received_at=at(2), close="100.5", count=8)
        cleaned = clean([second, first], minutes=1)
        assert cleaned.table["close"].to_pylist() == [Decimal(101)]
        assert flags_at(cleaned, 0) == {"duplicate_dropped", "sources_disagree"}
        said = [tuple(row.values())[1:] for row in cleaned.disagreements.to_pylist()]
        assert said == [
            ("close", "101.00000000", "rest", "100.50000000", "rest"),
            ("count", "7", "rest", "8", "rest"),
        ]

    def test_a_complete_copy_is_kept_before_an_incomplete_one_of_a_better_source(self) -> None:
        cleaned = clean([kline(0, source="archive", volume=None), kline(0, source="live")], minutes=1)
        assert cleaned.table["source"].to_pylist() == ["live"]

    def test_copies_that_nothing_but_their_values_tells_apart_give_the_same_row_in_any_order(self) -> None:
        copies = [kline(0), kline(0, close="100.5")]
        assert clean(copies, minutes=1) == clean(copies[::-1], minutes=1)

    def test_close_times_that_differ_only_in_resolution_agree(self) -> None:
        fine = kline(0, source="rest", close_time=at(1) - timedelta(microseconds=1))
        assert clean([kline(0), fine], minutes=1).disagreements.num_rows == 0


class TestRange:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"open": "0"},
            {"high": "-1"},
            {"low": "0"},
            {"close": "-0.00000001"},
            {"volume": "-1"},
            {"quote_volume": "-1"},
            {"count": -1},
            {"taker_buy_volume": "-1"},
            {"taker_buy_quote_volume": "-1"},
            {"close_time": at(1)},
            {"close_time": at(0) - MILLISECOND},
        ],
    )
    def test_what_no_candle_can_have_is_flagged_and_kept(self, wrong: Row) -> None:
        cleaned = clean([kline(0, **wrong)], minutes=1)
        assert "out_of_range" in flags_at(cleaned, 0)
        assert cleaned.gaps == ()


class TestSequence:
    def test_unsorted_rows_leave_in_order(self) -> None:
        cleaned = clean([kline(minute) for minute in reversed(TEN)])
        assert cleaned.table["open_time"].to_pylist() == [at(minute) for minute in TEN]

    def test_a_row_off_the_grid_is_kept_but_is_nobodys_minute(self) -> None:
        cleaned = clean([kline(minute) for minute in (0, 1, 4.5, 7, 8, 9)])
        assert flags_at(cleaned, 4.5) == {"off_grid"}
        assert cleaned.gaps == (Gap(at(2), at(7), GapCause.NOT_RECEIVED),)

    def test_a_candle_on_the_grid_stands_beside_one_off_it(self) -> None:
        cleaned = clean([kline(minute) for minute in (*TEN, 4.5)])
        assert flags_at(cleaned, 4) == set()
        assert flags_at(cleaned, 4.5) == {"off_grid"}


class TestOhlc:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"high": "100.5"},
            {"low": "100.5"},
            {"high": "98", "low": "99", "open": "98.5", "close": "98.5"},
            {"taker_buy_volume": "5.00000001"},
            {"taker_buy_quote_volume": "500.00000001"},
            {"volume": "0", "taker_buy_volume": "0"},
        ],
    )
    def test_a_contradiction_is_flagged_and_kept(self, wrong: Row) -> None:
        cleaned = clean([kline(0, **wrong)], minutes=1)
        assert "ohlc_violation" in flags_at(cleaned, 0)

    def test_a_candle_that_touches_its_bounds_is_sound(self) -> None:
        touching = kline(0, open="102", close="99", taker_buy_volume="5", taker_buy_quote_volume="500")
        assert flags_at(clean([touching], minutes=1), 0) == set()


class TestFill:
    def test_each_price_is_the_mean_of_the_neighbours_and_nothing_was_traded(self) -> None:
        left = kline(0, open="100", high="103", low="99.99999999", close="102")
        right = kline(2, open="101", high="105", low="100", close="101.00000001")
        row = clean([left, right], minutes=3).table.to_pylist()[1]
        assert row == {
            "open_time": at(1),
            "open": Decimal("100.5"),
            "high": Decimal(104),
            "low": Decimal("100.00000000"),
            "close": Decimal("101.5"),
            "volume": Decimal(0),
            "close_time": at(2) - MILLISECOND,
            "quote_volume": Decimal(0),
            "count": 0,
            "taker_buy_volume": Decimal(0),
            "taker_buy_quote_volume": Decimal(0),
            "flags": 4,
            "source": "derived",
        }

    @pytest.mark.parametrize("missing", [0, 9])
    def test_a_minute_at_midnight_is_filled_from_the_neighbouring_day(self, missing: int) -> None:
        rows = [kline(minute) for minute in TEN if minute != missing]
        filled = clean(rows, before=candle(-1, "90"), after=candle(10, "110"))
        assert flags_at(filled, missing) == {"filled"}
        assert filled.gaps == ()
        assert clean(rows).gaps == (Gap(at(missing), at(missing + 1), GapCause.NOT_RECEIVED),)

    def test_a_minute_at_midnight_stays_a_gap_when_the_day_before_lacks_its_last_one(self) -> None:
        cleaned = clean([kline(minute) for minute in TEN if minute], before=candle(-2, "90"))
        assert cleaned.gaps == (Gap(at(-1), at(1), GapCause.NOT_RECEIVED),)
        assert cleaned.table.num_rows == 9

    def test_two_missing_minutes_stay_a_gap(self) -> None:
        cleaned = clean([kline(minute) for minute in TEN if minute not in (4, 5)])
        assert cleaned.table.num_rows == 8
        assert cleaned.gaps == (Gap(at(4), at(6), GapCause.NOT_RECEIVED),)

    @pytest.mark.parametrize("wrong", [{"low": "-5"}, {"high": "1"}])
    def test_nothing_is_interpolated_from_a_candle_that_cannot_be(self, wrong: Row) -> None:
        rows = [kline(0), kline(2, **wrong)]
        assert clean(rows, minutes=3).gaps == (Gap(at(1), at(2), GapCause.NOT_RECEIVED),)

    def test_a_single_missing_minute_is_filled_even_when_the_exchange_confirms_it(self) -> None:
        halt = Span(at(4), at(5))
        cleaned = clean([kline(minute) for minute in TEN if minute != 4], halts=[halt])
        assert flags_at(cleaned, 4) == {"filled"}
        assert flags_at(cleaned, 3) == flags_at(cleaned, 5) == {"exchange_halt"}

    def test_a_single_missing_candle_of_five_minutes_stays_a_gap(self) -> None:
        rows = [kline(minute, step=timedelta(minutes=5)) for minute in (0, 10)]
        cleaned = clean_klines(bronze(rows, timeframe="5m"), timeframe="5m", start=DAY, end=at(15))
        assert cleaned.gaps == (Gap(at(5), at(10), GapCause.NOT_RECEIVED),)

    def test_candles_that_five_minutes_lack_are_derived_from_one_minute(self) -> None:
        minutes = clean([kline(minute) for minute in range(13)], minutes=13).table
        sent = bronze([kline(0, step=timedelta(minutes=5), close="100.5")], timeframe="5m")
        cleaned = clean_klines(sent, timeframe="5m", start=DAY, end=at(10), klines_1m=minutes)
        assert cleaned.table["open_time"].to_pylist() == [at(0), at(5)]
        assert cleaned.table["close"].to_pylist() == [Decimal("100.5"), Decimal(101)]
        assert flags_at(cleaned, 0) == set()
        assert flags_at(cleaned, 5) == {"derived"}
        assert cleaned.steps["fill"].affected == 1

    def test_only_closed_candles_of_the_span_are_derived(self) -> None:
        minutes = clean([kline(minute) for minute in range(29)], minutes=30).table
        nothing = bronze([], timeframe="5m")
        cleaned = clean_klines(nothing, timeframe="5m", start=at(5), end=at(20), klines_1m=minutes)
        assert cleaned.table["open_time"].to_pylist() == [at(5), at(10), at(15)]
        half = clean_klines(nothing, timeframe="5m", start=at(5), end=at(18), klines_1m=minutes)
        assert half.table["open_time"].to_pylist() == [at(5), at(10)]


class TestGaps:
    HALT = Span(at(3), at(7))

    def test_a_halt_that_the_exchange_confirms_stays_a_gap_of_that_cause_and_marks_its_neighbours(self) -> None:
        cleaned = clean([kline(minute) for minute in (0, 1, 2, 7, 8, 9)], halts=[self.HALT])
        assert cleaned.gaps == (Gap(at(3), at(7), GapCause.EXCHANGE_HALT),)
        marked = [minute for minute in (0, 1, 2, 7, 8, 9) if flags_at(cleaned, minute)]
        assert marked == [2, 7]
        assert flags_at(cleaned, 2) == {"exchange_halt"}

    def test_a_gap_is_split_where_what_is_confirmed_ends(self) -> None:
        halts = [Span(at(3), at(4)), Span(at(4), at(6))]
        cleaned = clean([kline(minute) for minute in (0, 1, 8, 9)], halts=halts)
        assert cleaned.gaps == (
            Gap(at(2), at(3), GapCause.NOT_RECEIVED),
            Gap(at(3), at(6), GapCause.EXCHANGE_HALT),
            Gap(at(6), at(8), GapCause.NOT_RECEIVED),
        )

    def test_a_gap_over_midnight_is_the_same_interval_from_both_days(self) -> None:
        first = clean([kline(minute) for minute in range(3)], after=candle(16, "100"), halts=[Span(at(3), at(10))])
        second = clean_klines(
            bronze([kline(minute) for minute in range(16, 20)]),
            timeframe="1m",
            start=at(10),
            end=at(20),
            before=candle(2, "100"),
            halts=[Span(at(10), at(16))],
        )
        assert first.gaps == second.gaps == (Gap(at(3), at(16), GapCause.EXCHANGE_HALT),)


CALM: Row = {"open": "101", "high": "101.01", "low": "100.99"}


class TestFlag:
    @pytest.mark.parametrize("factor", ["0.00001", "0.5", "1.5", "30"])
    def test_a_flash_move_is_an_outlier_and_its_neighbours_are_not(self, factor: str) -> None:
        calm = [kline(minute, **CALM) for minute in range(60)]
        calm[40]["low" if Decimal(factor) < 1 else "high"] = Decimal(factor) * 100
        cleaned = clean(calm, minutes=60)
        assert [minute for minute in range(60) if "outlier" in flags_at(cleaned, minute)] == [40]

    def test_a_candle_that_closes_far_away_does_not_accuse_the_next_one(self) -> None:
        rows = [kline(minute, **CALM) for minute in range(60)]
        rows[40] |= {"low": "1", "close": "1"}
        cleaned = clean(rows, minutes=60)
        assert [minute for minute in range(60) if "outlier" in flags_at(cleaned, minute)] == [40]

    def test_a_candle_that_contradicts_itself_is_not_judged_by_its_range(self) -> None:
        rows = [kline(minute, **CALM) for minute in range(60)]
        rows[40]["high"] = "1"
        assert flags_at(clean(rows, minutes=60), 40) == {"ohlc_violation"}

    def test_a_small_move_after_a_quiet_hour_is_no_outlier_beside_a_large_one(self) -> None:
        rows = [kline(minute, **CALM) for minute in range(60)]
        rows[40]["high"], rows[50]["high"] = "105", "202"
        cleaned = clean(rows, minutes=60)
        assert [minute for minute in range(60) if "outlier" in flags_at(cleaned, minute)] == [50]

    def test_the_first_candle_of_a_day_is_judged_by_the_last_close_of_the_day_before(self) -> None:
        assert flags_at(clean([kline(0)], minutes=1, before=candle(-1, "100")), 0) == set()
        assert flags_at(clean([kline(0)], minutes=1, before=candle(-1, "60")), 0) == {"outlier"}

    def test_the_same_move_after_a_long_gap_is_no_outlier(self) -> None:
        assert flags_at(clean([kline(9)], before=candle(-51, "60")), 9) == set()

    @pytest.mark.parametrize(
        ("lag", "expected"),
        [
            (timedelta(milliseconds=1), set()),
            (timedelta(microseconds=1), set()),
            (timedelta(milliseconds=2), {"truncated"}),
            (timedelta(seconds=59), {"truncated"}),
        ],
    )
    def test_a_candle_that_ended_early_is_truncated(self, lag: timedelta, expected: set[str]) -> None:
        assert flags_at(clean([kline(0, close_time=at(1) - lag)], minutes=1), 0) == expected

    def test_a_candle_without_trades_is_said_to_be_one(self) -> None:
        nothing = dict.fromkeys(("volume", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume"), 0)
        flat = dict.fromkeys(("open", "high", "low", "close"), "101")
        assert flags_at(clean([kline(0, **nothing, **flat)], minutes=1), 0) == {"no_trades"}


MINUTES = st.sets(st.integers(0, 39), max_size=40).map(sorted)


@st.composite
def received(draw: st.DrawFn) -> list[Row]:
    """Candles of some minutes, some of them twice or thrice, some copies and values wrong."""
    rows = draw(MINUTES.flatmap(lambda minutes: klines(minutes=minutes)))
    if not rows:
        return rows
    wrong: st.SearchStrategy[Row] = st.sampled_from(
        [{}, {"close": "-1"}, {"high": "1"}, {"volume": "0"}, {"close": "1"}]
    )
    sources = st.sampled_from(["archive", "rest", "history", "capture", "live"])
    copies = draw(st.lists(st.tuples(st.sampled_from(rows), sources, wrong, st.integers(0, 2)), max_size=10))
    return rows + [row | {"source": s, "received_at": at(r)} | fields for row, s, fields, r in copies]


@settings(max_examples=50)
@given(rows=received(), data=st.data())
def test_the_order_of_rows_and_repetitions_change_no_value(rows: list[Row], data: st.DataObject) -> None:
    once = clean(rows, minutes=40)
    shuffled = clean(data.draw(st.permutations(rows)), minutes=40)
    assert shuffled == once
    twice = clean(rows + rows, minutes=40)
    assert twice.table.drop_columns("flags").equals(once.table.drop_columns("flags"))
    assert (twice.gaps, twice.disagreements) == (once.gaps, once.disagreements)


@settings(max_examples=50)
@given(rows=received())
def test_rows_are_never_lost_and_rows_and_gaps_make_the_whole_span(rows: list[Row]) -> None:
    cleaned = clean(rows, minutes=40)
    steps = cleaned.steps
    assert len(rows) - steps["deduplicate"].affected + steps["fill"].affected == cleaned.table.num_rows
    assert {row["open_time"] for row in rows} <= set(cleaned.table["open_time"].to_pylist())
    in_gaps = [at(m) for m in range(40) if any(gap.start <= at(m) < gap.end for gap in cleaned.gaps)]
    assert sorted(cleaned.table["open_time"].to_pylist() + in_gaps) == [at(m) for m in range(40)]


@settings(max_examples=50)
@given(minutes=MINUTES, data=st.data())
def test_single_missing_minutes_and_only_those_are_filled(minutes: list[int], data: st.DataObject) -> None:
    cleaned = clean(data.draw(klines(minutes=minutes)), minutes=40)
    filled = [
        m for m in range(40) if at(m) in cleaned.table["open_time"].to_pylist() and "filled" in flags_at(cleaned, m)
    ]
    assert filled == [m for m in range(40) if m not in minutes and {m - 1, m + 1} <= set(minutes)]


@settings(max_examples=50)
@given(rows=received())
def test_what_was_cleaned_is_clean(rows: list[Row]) -> None:
    first = clean(rows, minutes=40)
    real = [row for row in first.table.to_pylist() if row["source"] != "derived"]
    second = clean([row | {"received_at": DAY} for row in real], minutes=40)
    dropped = ["flags"]
    assert second.table.drop_columns(dropped).equals(first.table.drop_columns(dropped))
    assert (second.gaps, second.steps["deduplicate"].affected) == (first.gaps, 0)
    assert [b & ~3 for b in first.table["flags"].to_pylist()] == second.table["flags"].to_pylist()
