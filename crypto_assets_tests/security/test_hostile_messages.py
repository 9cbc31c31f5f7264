"""Avro from a topic that others may write to: a record or BadPayload, whatever the bytes and their lengths say."""

from __future__ import annotations

import io
from contextlib import suppress

import fastavro
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, fingerprint, schema_of
from crypto_assets.stream.topics import TOPICS
from crypto_assets_tests.security.hostile import MEBIBYTE, bytes_needed

NAMES = [topic.name for topic in TOPICS]
HUGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"
"""The largest length that Avro writes, 2**63 - 1."""
NEGATIVE = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"


@pytest.mark.parametrize("name", NAMES)
@given(value=st.binary(max_size=120))
@example(value=HUGE * 12)
@example(value=NEGATIVE * 12)
@example(value=b"\x0eBTCUSDT" + HUGE * 8)
@settings(max_examples=60)
def test_any_bytes_are_a_record_or_refused(name: str, value: bytes) -> None:
    with suppress(BadPayload):
        assert set(decode(name, value, None)) == {field["name"] for field in schema_of(name)["fields"]}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("length", [HUGE, NEGATIVE], ids=["huge", "negative"])
def test_a_length_that_is_a_lie_takes_no_memory(name: str, length: bytes) -> None:
    def read() -> None:
        for place in range(60):
            with suppress(BadPayload):
                decode(name, b"\x02" * place + length * 4, None)

    assert bytes_needed(read) < 32 * MEBIBYTE


def test_a_schema_that_a_message_names_is_never_taken_from_the_message() -> None:
    bomb = fastavro.parse_schema({"type": "record", "name": "r", "fields": [{"name": "r", "type": ["null", "r"]}]})
    sink = io.BytesIO()
    fastavro.schemaless_writer(sink, bomb, {"r": {"r": None}})
    with pytest.raises(BadPayload, match="of which schemas/ knows nothing"):
        decode("trades", sink.getvalue(), [(FINGERPRINT_HEADER, b"\0" * 8)])
    with pytest.raises(BadPayload):
        decode("trades", b"\x02" * 100_000, [(FINGERPRINT_HEADER, fingerprint("trades")[:4])])
