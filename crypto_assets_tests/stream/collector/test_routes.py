"""From one message to one record, without a socket and without Kafka."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode_key
from crypto_assets.stream.collector.encoding import long, text
from crypto_assets.stream.collector.routes import ROUTES, Route
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import KINDS, Stream
from crypto_assets_tests.stream.collector.messages import MESSAGES, T0, book, kline, trade

RECEIVED_US = T0 * 1_000 + 5_000_000


@dataclass
class Kept:
    """In the place of the sink: what would have gone to Kafka."""

    records: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def emit(self, outlet: Outlet, key: bytes, value: bytes, timestamp_ms: int) -> None:
        assert key == encode_key("BTCUSDT")
        assert timestamp_ms == RECEIVED_US // 1_000
        self.records.append(decode(outlet.name, value, [(FINGERPRINT_HEADER, outlet.fingerprint)]))


@dataclass
class Here:
    """A connection."""

    name: str = "c1"
    sequence: int = 0
    received_us: int = RECEIVED_US
    received_ms: int = RECEIVED_US // 1_000

    def __post_init__(self) -> None:
        self.connection, self.received = text(self.name), long(self.received_us)


class Way:
    """One stream of BTCUSDT."""

    def __init__(self, kind: str) -> None:
        self.kind = KINDS[kind]
        self.state = CollectedState(Stream(self.kind, "BTCUSDT"), Outlet.of(self.kind.topic, "simulator-7"))
        self.kept = Kept()
        self.link = Here()
        self.route = self.on(self.link)

    def on(self, link: Here) -> Route:
        """Its route on a connection."""
        return ROUTES[self.kind.topic.name](self.state, link, cast("Sink", self.kept))

    def send(self, data: object, *, route: Route | None = None) -> None:
        (route or self.route)(json.dumps({"stream": self.state.stream.name, "data": data}).encode())

    def sent(self, name: str) -> list[Any]:
        return [record[name] for record in self.kept.records]


@pytest.mark.parametrize("topic", sorted(MESSAGES))
def test_a_message_of_each_kind_becomes_its_record(topic: str) -> None:
    kind, _, data, expected = MESSAGES[topic]
    way = Way(kind)
    way.send(data)
    (record,) = way.kept.records
    assert {name: record[name] for name in expected} == expected
    common = {"symbol": "BTCUSDT", "source": "live", "connection": "c1", "sequence": 0}
    assert {name: record[name] for name in common} == common
    assert (way.state.messages, way.state.received_us, way.link.sequence) == (1, RECEIVED_US, 1)


@pytest.mark.parametrize(
    ("topic", "changed"),
    [
        ("trades", {"s": "ETHUSDT"}),
        ("klines", {"s": "ETHUSDT"}),
        ("tickers", {"s": "ETHUSDT"}),
        ("book_tickers", {"s": "ETHUSDT"}),
        ("depth_updates", {"s": "ETHUSDT"}),
        ("mark_price", {"s": "ETHUSDT"}),
        ("liquidations", {"o": MESSAGES["liquidations"][2]["o"] | {"s": "ETHUSDT"}}),
    ],
)
def test_a_message_of_another_symbol_is_refused_and_nothing_goes_on(topic: str, changed: dict[str, Any]) -> None:
    kind, _, data, _ = MESSAGES[topic]
    way = Way(kind)
    with pytest.raises(ValueError, match="'ETHUSDT'"):
        way.send(data | changed)
    assert (way.kept.records, way.link.sequence, way.state.messages) == ([], 0, 0)


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("trade", trade(1, p="1e5"), r"price '1e5' or quantity '0\.00839000' is no number"),
        ("trade", trade(1, q="-1"), "quantity '-1' is no number"),
        ("trade", trade(1, p="9" * 500), f"price '{'9' * 40}' or"),
        ("kline_1m", kline(0, closed=True) | {"k": kline(0, closed=True)["k"] | {"i": "5m"}}, "'5m' in the stream"),
        ("kline_1m", kline(0, closed=True) | {"k": kline(0, closed=True)["k"] | {"t": T0 + 1}}, "no.* multiple of 1m"),
        ("bookTicker", {"u": 4, "s": "BTCUSDT", "b": "", "B": "1", "a": "1", "A": "1"}, "is no number"),
        ("bookTicker", {"u": 4, "s": "BTCUSDT", "b": "1", "B": "-1", "a": "1", "A": "1"}, "is no number"),
        ("bookTicker", {"u": 4, "s": "BTCUSDT", "b": "1", "B": "\u0661", "a": "1", "A": "1"}, "is no number"),
        ("depth10@100ms", book(1) | {"bids": [["1.5", "NaN"]]}, "of the book is no number"),
        ("depth@100ms", MESSAGES["depth_updates"][2] | {"b": [["-1", "1"]]}, "of the book is no number"),
    ],
)
def test_what_no_message_of_the_stream_says_is_refused_with_the_reason(
    kind: str, data: dict[str, Any], reason: str
) -> None:
    way = Way(kind)
    with pytest.raises(ValueError, match=reason):
        way.send(data)
    assert (way.kept.records, way.link.sequence) == ([], 0)


def test_bytes_of_another_shape_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"data\.t"):
        Way("trade").send(trade(1, t="1"))


def test_a_trade_goes_on_once_and_those_that_come_late_are_no_copies() -> None:
    way = Way("trade")
    for number in (10, 11, 11, 14, 12, 10, 13, 12, 15):
        way.send(trade(number))
    assert way.sent("trade_id") == [10, 11, 14, 12, 13, 15]
    assert way.sent("sequence") == list(range(6))
    assert (way.state.duplicates, way.state.track.holes) == (3, [])


def test_a_jump_of_trade_ids_is_a_hole_between_the_times_beside_it() -> None:
    way = Way("trade")
    way.send(trade(1))
    way.send(trade(5))
    (hole,) = way.state.track.holes
    assert (hole.first, hole.last) == (2, 4)
    assert (hole.since_us, hole.until_us) == ((T0 + 13) * 1_000, (T0 + 53) * 1_000)


def test_a_candle_counts_once_it_is_closed() -> None:
    way = Way("kline_1m")
    for minute, closed in ((0, False), (0, True), (2, False)):
        way.send(kline(minute, closed=closed))
    assert way.sent("closed") == [False, True, False]
    (hole,) = way.state.track.holes
    assert (hole.first, hole.last) == (T0 // 60_000 + 1, T0 // 60_000 + 1)


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("kline_1m", kline(0, closed=False), kline(1, closed=False)),
        ("bookTicker", MESSAGES["book_tickers"][2], MESSAGES["book_tickers"][2] | {"u": 5}),
        ("depth10@100ms", book(1), book(2)),
        ("markPrice@1s", MESSAGES["mark_price"][2], MESSAGES["mark_price"][2] | {"E": T0 + 1_000}),
    ],
)
def test_of_two_connections_that_overlap_the_second_copy_is_dropped(
    kind: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    way = Way(kind)
    other = way.on(Here("c2"))
    way.send(first)
    way.send(first)
    assert len(way.kept.records) == 2, "one connection alone may say the same twice"
    way.state.shared = True
    way.send(first, route=other)
    way.send(second, route=other)
    way.send(second)
    assert way.sent("connection") == ["c1", "c1", "c2"]
    assert way.state.duplicates == 2
