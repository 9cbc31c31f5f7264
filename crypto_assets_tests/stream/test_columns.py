from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.stream import columns
from crypto_assets.stream.avro import encode, fingerprint
from crypto_assets.stream.columns import Raw, read_columns
from crypto_assets_tests.schema_change import trades_with_another_field

SYMBOL = "BTCUSDT"


def trade(number: int, **other: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "symbol": SYMBOL,
        "trade_id": number,
        "trade_time": 1_722_816_000_000_000 + number,
        "price": f"{number}.10",
        "quantity": "1",
        "is_buyer_maker": False,
        "event_time": None,
        "received_at": 1_722_816_000_000_000,
        "connection": "c",
        "sequence": number,
        "source": "live",
    }
    return record | other


def raw(offset: int, value: bytes) -> Raw:
    return Raw(offset, value, fingerprint("trades"))


def test_values_come_back_as_columns_in_their_order_with_their_offsets() -> None:
    messages = [raw(10 + n, encode("trades", trade(n))) for n in (0, 1, 300, 70_000)]

    found = read_columns("trades", messages, symbol=SYMBOL)

    assert found.frame["trade_id"].to_list() == [0, 1, 300, 70_000]
    assert found.frame["price"].to_list() == ["0.10", "1.10", "300.10", "70000.10"]
    assert found.frame["offset"].to_list() == [10, 11, 310, 70_010]
    assert found.undecodable == ()


def test_messages_of_todays_schema_are_not_decoded_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [raw(number, encode("trades", trade(number))) for number in range(3)]

    def refuse(*_: object) -> None:
        raise AssertionError("a message was decoded by itself")

    monkeypatch.setattr(columns, "decode", refuse)
    assert read_columns("trades", messages, symbol="BTCUSDT").frame["offset"].to_list() == [0, 1, 2]


def test_numbers_of_any_length_frame_their_message() -> None:
    messages = [raw(n, encode("trades", trade(n))) for n in range(8_300)]  # Avro writes them in one to three bytes

    found = read_columns("trades", messages, symbol=SYMBOL)

    assert found.frame["trade_id"].to_list() == found.frame["offset"].to_list() == list(range(8_300))


def test_a_message_that_does_not_say_its_schema_or_is_of_another_symbol_is_read_in_its_place() -> None:
    messages = [
        raw(3, encode("trades", trade(3))),
        Raw(5, encode("trades", trade(5)), None),
        raw(6, encode("trades", trade(6, symbol="ETHUSDT"))),
        Raw(8, encode("trades", trade(8)), b"\0" * 8),
        raw(9, encode("trades", trade(9))),
    ]

    found = read_columns("trades", messages, symbol=SYMBOL)

    assert found.frame.select("offset", "trade_id", "symbol").rows() == [
        (3, 3, SYMBOL),
        (5, 5, SYMBOL),
        (6, 6, "ETHUSDT"),
        (9, 9, SYMBOL),
    ]
    ((message, reason),) = found.undecodable
    assert message.offset == 8
    assert "schema" in reason


def test_read_one_by_one_or_at_once_a_message_gives_the_same_row() -> None:
    messages = [raw(n, encode("trades", trade(n))) for n in range(5)]
    at_once = read_columns("trades", messages, symbol=SYMBOL).frame
    one_by_one = read_columns("trades", messages, symbol="ETHUSDT").frame
    assert one_by_one.equals(at_once)
    assert one_by_one.schema == at_once.schema


def test_no_messages_are_no_rows_of_the_same_columns() -> None:
    empty = read_columns("trades", [], symbol=SYMBOL).frame
    one = read_columns("trades", [raw(0, encode("trades", trade(0)))], symbol=SYMBOL).frame

    assert (empty.height, empty.schema) == (0, one.schema)


def test_the_confluent_frame_is_stepped_over() -> None:
    message = raw(0, b"\0\0\0\0\x07" + encode("trades", trade(5)))

    assert read_columns("trades", [message], symbol=SYMBOL).frame["trade_id"].to_list() == [5]


def test_after_a_change_of_the_schema_former_messages_and_new_ones_are_read_together(tmp_path: Path) -> None:
    former = raw(0, encode("trades", trade(0)))
    with trades_with_another_field(tmp_path / "schemas"):
        new = raw(1, encode("trades", trade(1, venue="other")))
        found = read_columns("trades", [former, new], symbol=SYMBOL)
    assert found.undecodable == ()
    assert found.frame.select("offset", "trade_id", "venue").rows() == [(0, 0, "spot"), (1, 1, "other")]


GOOD = encode("trades", trade(7))
DAMAGED = st.one_of(
    st.binary(max_size=80),
    st.integers(0, len(GOOD) - 1).map(lambda n: GOOD[:n]),
    st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)).map(
        lambda at: GOOD[: at[0]] + bytes([at[1]]) + GOOD[at[0] + 1 :]
    ),
    st.binary(min_size=1, max_size=9).map(lambda more: GOOD + more),
)


@pytest.mark.filterwarnings("ignore")
@given(damaged=DAMAGED, place=st.integers(0, 3))
def test_a_damaged_value_costs_no_other_message_anything(damaged: bytes, place: int) -> None:
    messages = [raw(n, encode("trades", trade(n))) for n in range(3)]
    messages.insert(place, raw(99, damaged))

    found = read_columns("trades", messages, symbol=SYMBOL)

    others = found.frame.filter(found.frame["offset"] != 99)
    assert others["trade_id"].to_list() == [0, 1, 2]
    assert others["price"].to_list() == ["0.10", "1.10", "2.10"]
    bad = [message.value for message, _ in found.undecodable]
    assert found.frame.height + len(bad) == 4
    assert bad in ([], [damaged])
