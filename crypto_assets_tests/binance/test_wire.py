"""REST answers as structs."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.wire import ExchangeInfo, PrintedKline, PrintedTrade, ServerTime, decode_answer
from crypto_assets.errors import BadPayload


@given(st.decimals(0, 10**9, places=8).map("{:f}".format))
def test_a_printed_number_stays_the_text_that_it_was(price: str) -> None:
    row = {"id": 1, "price": price, "qty": "0.10", "time": 1, "isBuyerMaker": True}
    (found,) = decode_answer(msgspec.json.encode([row]), list[PrintedTrade], origin="trades")
    assert (found.price, found.quantity) == (price, "0.10")


@pytest.mark.parametrize("value", ['"NaN"', '"Infinity"', '"-1"', '"1e5"', '"1\\n"', '"x"', "null", "[]"])
def test_a_value_that_is_no_number_is_refused_with_its_place(value: str) -> None:
    body = f'[{{"id":1,"price":{value},"qty":"1","time":1,"isBuyerMaker":true}}]'.encode()
    with pytest.raises(BadPayload, match=r"trades of BTCUSDT: .* `\$\[0\]\.price`"):
        decode_answer(body, list[PrintedTrade], origin="trades of BTCUSDT")


@given(st.binary(max_size=60))
def test_no_answer_fails_in_another_way(body: bytes) -> None:
    with pytest.raises(BadPayload):
        decode_answer(body, ExchangeInfo, origin="exchangeInfo")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ServerTime, b'{"serverTime":%d}'),
        (list[PrintedTrade], b'[{"id":1,"price":"1","qty":"1","time":%d,"isBuyerMaker":true}]'),
        (list[PrintedTrade], b'[{"id":%d,"price":"1","qty":"1","time":1,"isBuyerMaker":true}]'),
        (list[PrintedKline], b'[[%d,"1","1","1","1","1",1,"1",1,"1","1"]]'),
        (list[PrintedKline], b'[[1,"1","1","1","1","1",1,"1",%d,"1","1"]]'),
    ],
)
@pytest.mark.parametrize("number", [-1, 10**30])
def test_a_time_or_a_count_that_nothing_can_hold_is_refused(kind: type[object], body: bytes, number: int) -> None:
    with pytest.raises(BadPayload):
        decode_answer(body % number, kind, origin="fuzzed")
