"""The generated encoder gives the bytes of fastavro, for every topic and any record."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.stream.avro import encode, schema_of
from crypto_assets.stream.collector.encoding import encoder, long, message_encoder, text
from crypto_assets.stream.collector.routes import ROUTES
from crypto_assets.stream.collector.wire import BookMessage

ASCII = st.text(st.characters(max_codepoint=127), max_size=300)
LONGS = st.integers(-(2**63), 2**63 - 1)
TIMES = st.integers(0, 253_402_300_799_999_999)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    match kind:
        case "string":
            return ASCII
        case "boolean":
            return st.booleans()
        case "long":
            return LONGS
        case {"logicalType": "timestamp-micros"}:
            return TIMES
        case ["null", other]:
            return st.none() | values_of(other)
        case {"type": "array", "items": {"type": "array"}}:
            return st.lists(st.tuples(ASCII, ASCII).map(list), max_size=30)
        case _:
            raise AssertionError(kind)


@pytest.mark.parametrize("name", sorted(ROUTES))
@given(data=st.data())
def test_the_bytes_are_those_of_fastavro(name: str, data: st.DataObject) -> None:
    fields = schema_of(name)["fields"]
    record = {field["name"]: data.draw(values_of(field["type"])) for field in fields}
    assert encoder(name)(**record) == encode(name, record)


@pytest.mark.parametrize("name", sorted(ROUTES))
@given(data=st.data())
def test_fields_may_come_prepared(name: str, data: st.DataObject) -> None:
    fields = schema_of(name)["fields"]
    record = {field["name"]: data.draw(values_of(field["type"])) for field in fields}
    prepared = {key: text(record[key]) for key in ("symbol", "connection", "source")}
    prepared["received_at"] = long(record["received_at"])
    assert encoder(name, *prepared)(**{**record, **prepared}) == encode(name, record)


def test_a_message_that_lacks_a_field_of_its_topic_is_refused_before_the_first_one_comes() -> None:
    with pytest.raises(TypeError, match="BookMessage has no field trade_id of trades"):
        message_encoder("trades", BookMessage)


def test_a_text_that_is_not_ascii_is_refused_instead_of_written_wrong() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        text("prix: 1 é")


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**70])
def test_a_number_beyond_a_long_is_refused(number: int) -> None:
    with pytest.raises(OverflowError):
        long(number)


def test_a_field_of_a_type_that_no_fast_way_writes_is_refused_before_the_first_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    schema = {"name": "odd", "fields": [{"name": "odd", "type": "double"}]}
    monkeypatch.setattr("crypto_assets.stream.collector.encoding.schema_of", lambda name: schema)
    with pytest.raises(TypeError, match="odd: no fast encoding of double"):
        encoder("odd")  # a name of its own: encoders are kept by name
