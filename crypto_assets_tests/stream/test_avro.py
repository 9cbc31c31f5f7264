"""Avro of stream messages: exact, and readable after the schema has changed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.spans import EPOCH, MICROSECOND
from crypto_assets.stream import avro
from crypto_assets.stream.topics import TOPICS

NOW = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
ORIGIN: dict[str, Any] = {
    "event_time": NOW,
    "received_at": NOW,
    "connection": "spot-trades-1",
    "sequence": 0,
    "source": "live",
}
TRADE: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "trade_id": 3_000_000_001,
    "trade_time": NOW,
    "price": "61234.56000000",
    "quantity": "0.00012000",
    "is_buyer_maker": True,
    **ORIGIN,
}


def headers_of(name: str) -> list[tuple[str, bytes]]:
    return [(avro.FINGERPRINT_HEADER, avro.fingerprint(name))]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_topic_has_a_schema_whose_fields_say_what_they_are(topic: Any) -> None:
    schema = json.loads((avro.SCHEMAS / f"{topic.name}.avsc").read_text())
    assert schema["doc"]
    assert [field["name"] for field in schema["fields"] if not field.get("doc") and field["name"] != "symbol"] == []


@given(
    trade_id=st.integers(0, 2**62),
    micros=st.integers(0, 4 * 10**15),
    price=st.decimals("0.00000001", "99999999", places=8).map(lambda value: format(value, "f")),
    event=st.booleans(),
)
def test_a_trade_comes_back_as_it_was_written(trade_id: int, micros: int, price: str, event: bool) -> None:
    moment = EPOCH + micros * MICROSECOND
    trade = TRADE | {
        "trade_id": trade_id,
        "trade_time": moment,
        "price": price,
        "event_time": moment if event else None,
    }
    assert avro.decode("trades", avro.encode("trades", trade), headers_of("trades")) == trade


def test_a_key_is_the_symbol_as_an_avro_string() -> None:
    assert fastavro.schemaless_reader(io.BytesIO(avro.encode_key("BTCUSDT")), "string") == "BTCUSDT"  # type: ignore[call-arg]


def test_a_message_of_an_unknown_schema_says_where_the_schema_belongs() -> None:
    with pytest.raises(BadPayload, match="schemas/former"):
        avro.decode("trades", avro.encode("trades", TRADE), [(avro.FINGERPRINT_HEADER, b"12345678")])


@given(cut=st.integers(0, 40))
def test_half_a_message_is_refused(cut: int) -> None:
    value = avro.encode("trades", TRADE)
    with pytest.raises(BadPayload, match="trades"):
        avro.decode("trades", value[: min(cut, len(value) - 1)], headers_of("trades"))


def test_a_message_written_before_the_schema_changed_is_read_as_the_schema_of_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, headers = avro.encode("trades", TRADE), headers_of("trades")
    today = json.loads((avro.SCHEMAS / "trades.avsc").read_text())
    former = json.dumps(today)
    today["fields"].append({"name": "venue", "type": "string", "default": "spot", "doc": "market"})
    (tmp_path / "former").mkdir()
    (tmp_path / "trades.avsc").write_text(json.dumps(today))
    (tmp_path / "former" / f"trades.{avro.fingerprint('trades').hex()}.avsc").write_text(former)
    caches = [value for value in vars(avro).values() if hasattr(value, "cache_clear")]
    with monkeypatch.context() as patched:
        patched.setattr(avro, "SCHEMAS", tmp_path)
        for cached in caches:
            cached.cache_clear()
        assert avro.fingerprint("trades") != headers[0][1]
        assert avro.decode("trades", value, headers) == TRADE | {"venue": "spot"}
    for cached in caches:
        cached.cache_clear()
