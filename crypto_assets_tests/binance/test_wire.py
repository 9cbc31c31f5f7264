"""REST answers that are one object."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.binance.wire import Depth, OpenInterest, decode_answer
from crypto_assets.errors import BadPayload

LEVELS = st.lists(st.tuples(st.decimals(0, 10**9, places=8), st.decimals(0, 10**9, places=8)), max_size=5)


@given(bids=LEVELS, asks=LEVELS, quoted=st.booleans())
def test_every_level_survives_to_the_last_digit(
    bids: list[tuple[Decimal, Decimal]], asks: list[tuple[Decimal, Decimal]], quoted: bool
) -> None:
    body = msgspec.json.Encoder(decimal_format="string" if quoted else "number").encode(
        {"lastUpdateId": 1, "bids": bids, "asks": asks}
    )
    depth = decode_answer(body, Depth, origin="depth")
    assert (depth.bids, depth.asks) == (bids, asks)


@pytest.mark.parametrize("value", ['"NaN"', '"Infinity"', '"-sNaN"', '"x"', "null", "[]"])
def test_a_value_that_is_no_number_is_refused_with_its_place(value: str) -> None:
    body = f'{{"symbol":"BTCUSDT","time":1,"openInterest":{value}}}'.encode()
    with pytest.raises(BadPayload, match="openInterest of BTCUSDT: "):
        decode_answer(body, OpenInterest, origin="openInterest of BTCUSDT")


@given(st.binary(max_size=60))
def test_no_answer_fails_in_another_way(body: bytes) -> None:
    with pytest.raises(BadPayload):
        decode_answer(body, Depth, origin="depth")
