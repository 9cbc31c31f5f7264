"""Each kind of difference between what two runs hold is noticed, and said."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa

from proof.crash.comparison import differences
from proof.crash.documents import document

PLACE = "postgres/public.trades"
TRADES = pa.table(
    {
        "trade_id": pa.array([1, 2, 3]),
        "price": pa.array([Decimal("1.5"), Decimal("2.5"), None], pa.decimal128(28, 8)),
        "share": pa.array([0.5, float("nan"), None]),
        "received_at": pa.array(["a", "b", "c"]),
    }
)


def told(found: pa.Table, *, expected: pa.Table = TRADES, place: str = PLACE) -> list[str]:
    return list(differences({place: expected}, {place: found}))


def test_the_same_rows_in_another_order_are_no_difference() -> None:
    assert told(TRADES.take([2, 0, 1])) == []


def test_a_row_that_is_missing_is_named() -> None:
    (sentence,) = told(TRADES.slice(1))
    assert sentence.startswith(f"{PLACE}: 1 of 3 rows are missing, such as trade_id 1, price 1.50000000")


def test_a_row_that_is_there_twice_is_named() -> None:
    (sentence,) = told(TRADES.take([0, 1, 2, 1]))
    assert sentence.startswith(f"{PLACE}: 1 rows are there more often than once, such as trade_id 2")


def test_another_value_is_a_row_that_is_missing_and_one_that_is_none_of_them() -> None:
    other = TRADES.set_column(0, "trade_id", pa.array([1, 2, 4]))
    missing, foreign = told(other)
    assert "1 of 3 rows are missing, such as trade_id 3" in missing
    assert "1 rows are none of the 3, such as trade_id 4" in foreign


def test_a_null_is_not_a_zero() -> None:
    zero = TRADES.set_column(2, "share", pa.array([0.5, float("nan"), 0.0]))
    assert len(told(zero)) == 2


def test_a_column_that_is_missing_or_of_another_type_is_named() -> None:
    (missing,) = told(TRADES.drop_columns(["share"]))
    assert "missing share double, too many none" in missing
    (other,) = told(TRADES.set_column(0, "trade_id", pa.array(["1", "2", "3"])))
    assert "missing trade_id int64, too many trade_id string" in other


def test_a_place_that_is_missing_and_one_that_should_not_be_there_are_named() -> None:
    assert list(differences({PLACE: TRADES}, {"lake/a.parquet": TRADES})) == [
        "lake/a.parquet: it is there, and should not be (3 rows).",
        f"{PLACE}: it is missing (3 rows).",
    ]


def test_moments_of_the_wall_clock_are_not_compared_and_all_else_of_their_row_is() -> None:
    later = TRADES.set_column(3, "received_at", pa.array(["x", "y", "z"]))
    assert told(later) == []
    assert len(told(later.slice(1))) == 1
    assert len(told(later, place="redshift/public.fact_trades")) == 2


def test_a_field_of_a_document_is_compared_by_its_name() -> None:
    place = "lake/ckpts/symbol=BTCUSDT/promotions.json"
    first = document([("promotions[0].model_id", "m"), ("promotions[0].promoted_at", "then")])
    assert told(document([("promotions[0].model_id", "m")]), expected=first, place=place) == []
    (missing, foreign) = told(document([("promotions[0].model_id", "n")]), expected=first, place=place)
    assert "missing" in missing
    assert "none of the" in foreign


def test_a_second_entry_of_a_ledger_is_noticed() -> None:
    place = "lake/ckpts/symbol=BTCUSDT/promotions.json"
    first = [("promotions[0].model_id", "m")]
    (sentence,) = told(document([*first, ("promotions[1].model_id", "m")]), expected=document(first), place=place)
    assert "none of the 1" in sentence


def test_what_a_killed_writer_left_where_no_reader_looks_is_no_difference() -> None:
    assert told(document([("lake", ".a.1-2.tmp")]), expected=document([]), place="hidden") == []
