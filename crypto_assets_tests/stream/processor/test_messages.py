"""Messages of Kafka as tickers and trades, or with the reason why they are none."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.errors import BadPayload
from crypto_assets.stream import avro
from crypto_assets.stream.processor.messages import Message, parse_ticker, parse_trade, sort_out
from crypto_assets_tests.stream.processor.samples import BEGIN, at, message, ticker, trade


def test_a_ticker_keeps_its_price_to_the_digit() -> None:
    found = parse_ticker(message(ticker("60123.45000001", seconds=1), offset=7, partition=2))
    assert (found.symbol, found.price, found.event_time) == ("BTCUSDT", Decimal("60123.45000001"), at(1))
    assert found.order == (found.event_us, 2, 7)


def test_a_trade_repaired_from_rest_is_a_trade_like_the_others() -> None:
    found = parse_trade(message(trade(5, seconds=1, source="rest", event_time=None)))
    assert (found.trade_id, found.source, found.quantity) == (5, "rest", Decimal("0.001"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"price": "NaN"}, "price: 'NaN'"),
        ({"price": "-1"}, "price: '-1'"),
        ({"price": "1e5"}, "price: '1e5'"),
        ({"price": "\u0661"}, "price"),  # a digit, but none that an exchange prints
        ({"quantity": ""}, "quantity: ''"),
        ({"quantity": "0.123456789"}, "8 decimals"),
        ({"price": "1" * 15}, "at most 14 digits"),
        ({"price": "1" * 12, "quantity": "1" * 12}, "more than can be kept"),
        ({"trade_time": BEGIN.replace(year=1970)}, "trade_time: 1970"),
        ({"trade_time": BEGIN.replace(year=9999)}, "trade_time: 9999"),
        ({"symbol": "B" * 41}, "symbol: 'BBB"),
        ({"symbol": "BTC\0"}, "symbol: 'BTC"),
        ({"source": "live\0"}, "source"),
    ],
)
def test_a_trade_that_postgresql_could_not_keep_exactly_is_rejected(changes: dict[str, object], reason: str) -> None:
    bad = message(trade(1, seconds=0, **changes), offset=4)
    sorted_out = sort_out([bad, message(trade(2, seconds=0), offset=5)])
    assert [t.trade_id for t in sorted_out.trades] == [2]
    assert [rejected.message for rejected in sorted_out.rejected] == [bad]
    assert reason in sorted_out.rejected[0].reason


def test_a_ticker_without_event_time_is_rejected() -> None:
    with pytest.raises(BadPayload, match="event_time"):
        parse_ticker(message(ticker("1", seconds=0, event_time=None)))


def test_a_message_without_value_or_of_an_unknown_schema_is_rejected() -> None:
    good = message(trade(1, seconds=0))
    rejected = sort_out([replace(good, value=None), replace(good, fingerprint=b"elsewhere")]).rejected
    assert ["without a value" in rejected[0].reason, "knows nothing" in rejected[1].reason] == [True, True]


def test_a_message_without_headers_is_read_by_the_schema_of_today() -> None:
    assert len(sort_out([replace(message(trade(1, seconds=0)), fingerprint=None)]).trades) == 1


@given(topic=st.sampled_from(["tickers", "trades"]), value=st.binary(max_size=400))
def test_whatever_the_bytes_are_they_cost_only_their_own_message(topic: str, value: bytes) -> None:
    stray = Message(topic, 0, 0, 0, value, avro.fingerprint(topic))
    sorted_out = sort_out([stray, message(trade(9, seconds=0), offset=1)])
    assert sorted_out.trades[-1].trade_id == 9
    assert len(sorted_out.rejected) + len(sorted_out.tickers) + len(sorted_out.trades) == 2


@given(kept=st.integers(min_value=0, max_value=60))
def test_a_message_that_was_cut_short_is_rejected(kept: int) -> None:
    whole = message(trade(1, seconds=0))
    assert whole.value is not None
    assert len(sort_out([replace(whole, value=whole.value[:kept])]).rejected) == 1


def test_tickers_come_in_the_order_of_their_offsets() -> None:
    messages = [message(ticker("1", seconds=n), offset=n) for n in (3, 1, 2)]
    assert [t.offset for t in sort_out(messages).tickers] == [1, 2, 3]


def test_an_old_message_is_read_by_the_schema_it_was_written_with(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    import json

    folder = tmp_path_factory.mktemp("schemas")
    (folder / "former").mkdir()
    for path in avro.SCHEMAS.glob("*.avsc"):
        (folder / path.name).write_text(path.read_text())
    former = json.loads((folder / "trades.avsc").read_text())
    (folder / "former" / "trades.0.avsc").write_text(json.dumps(former))
    old = message(trade(1, seconds=0))
    today = {**former, "fields": [*former["fields"], {"name": "venue", "type": "string", "default": "spot"}]}
    (folder / "trades.avsc").write_text(json.dumps(today))
    monkeypatch.setattr(avro, "SCHEMAS", folder)
    caches = (avro.schema_of, avro.fingerprint, avro._known)
    for cached in caches:
        cached.cache_clear()
    try:
        new = message({**trade(2, seconds=0), "venue": "spot"})
        assert new.fingerprint != old.fingerprint
        assert [t.trade_id for t in sort_out([old, new]).trades] == [1, 2]
    finally:
        for cached in caches:
            cached.cache_clear()
