"""Parsers of what arrives over a wire: REST answers, WebSocket messages, Kafka's values, and variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec

from crypto_assets.binance.archive_tables import KLINE_COLUMNS
from crypto_assets.binance.rest_rows import read_page
from crypto_assets.binance.typed_rows import Column
from crypto_assets.binance.wire import ExchangeInfo, PrintedKline, PrintedTrade, ServerTime, decode_answer
from crypto_assets.config import Settings, read_settings
from crypto_assets.errors import BadPayload, ConfigurationError
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, decode, encode, fingerprint, schema_of
from crypto_assets.stream.collector.encoding import long
from crypto_assets.stream.collector.link import Link
from crypto_assets.stream.collector.routes import ROUTES
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import KINDS, Stream
from crypto_assets.stream.columns import OFFSET, Raw, read_columns
from proof.fuzz.target import Target, Try, picked

_KLINES = KLINE_COLUMNS[:-1]
_TRADES = (
    Column("trade_id", "count", ("id",)),
    Column("price", "amount"),
    Column("quantity", "amount", ("qty",)),
    Column("time", "time"),
    Column("is_buyer_maker", "flag", ("isBuyerMaker",)),
)
_ROWS = (_KLINES, _TRADES)
_STRUCTS: tuple[type[Any], ...] = (ServerTime, ExchangeInfo, list[PrintedTrade], list[PrintedKline])
_ANSWERS = (*_ROWS, *_STRUCTS)


def _answers() -> Iterator[bytes]:
    minute = '[1722470400000,"1.0","2.0","0.5","1.5","10",1722470459999,"15.0",7,"5","7.5","0"]'
    trade = (
        '{"id":1,"price":"1.0","qty":"2","quoteQty":"2","time":1722470400000,"isBuyerMaker":true,"isBestMatch":true}'
    )
    symbol = (
        '{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","filters":'
        '[{"filterType":"PRICE_FILTER","tickSize":"0.01","minPrice":"0.01"},{"filterType":"LOT_SIZE","stepSize":"0.1"}]}'
    )
    limit = '{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}'
    yield f"\0[{minute},{minute}]".encode()
    yield f"\1[{trade},{trade}]".encode()
    yield b'\2{"serverTime":1722470400000}'
    yield f'\3{{"timezone":"UTC","serverTime":1,"rateLimits":[{limit}],"symbols":[{symbol}]}}'.encode()
    yield f"\4[{trade}]".encode()
    yield f"\5[{minute}]".encode()


def _try_answer(_: Path) -> Try:
    """Each element of a list is a row, accepted or rejected; or a struct whose times are times; or BadPayload."""

    def attempt(data: bytes) -> None:
        number, body = picked(range(len(_ANSWERS)), data)
        try:
            if number >= len(_ROWS):
                _take(decode_answer(body, _STRUCTS[number - len(_ROWS)], origin="fuzzed"))
                return
            page = read_page(body, _ROWS[number], origin="fuzzed")
        except BadPayload:
            return
        assert page.received == page.rows.accepted().height + page.rejected().num_rows
        assert page.received == len(msgspec.json.decode(body, type=list[msgspec.Raw]))

    return attempt


def _take(answer: Any) -> None:
    """What is done with every answer of its kind."""
    match answer:
        case ServerTime():
            assert answer.time.tzinfo is UTC
        case ExchangeInfo():
            assert answer.weight_per_minute is None or answer.weight_per_minute >= 0
        case rows:
            for row in rows:
                long((row.time_ms if isinstance(row, PrintedTrade) else row.open_time_ms) * 1000)


class _Emitted:
    """Takes the place of the producer."""

    def __init__(self) -> None:
        self.values: list[tuple[Outlet, bytes]] = []

    def emit(self, outlet: Outlet, _key: bytes, value: bytes, _received_ms: int) -> None:
        self.values.append((outlet, value))


def _link(emitted: _Emitted, refused: list[object]) -> Link:
    """A connection that brings every kind of stream; what it refuses is said by its reason."""
    link = Link("fuzzed", refuse=lambda *refusal: refused.append(refusal[-1]), on_shutdown=lambda: None)
    link.stamp(to_us(datetime(2024, 8, 1, tzinfo=UTC)) * 1000)
    for kind in KINDS.values():
        stream = Stream(kind, "BTCUSDT")
        state = CollectedState(stream, Outlet.of(kind.topic, "fuzzed"))
        link.set_handler(stream.name, ROUTES[kind.topic.name](state, link, cast("Sink", emitted)))
    return link


def _stream_messages() -> Iterator[bytes]:
    for kind in KINDS.values():
        yield f'{{"stream":"btcusdt@{kind.name}","data":{_EXAMPLES[kind.topic.name]}}}'.encode()
    yield b'{"result":null,"id":1}'
    yield b'{"e":"serverShutdown","E":1722470400000}'


_EXAMPLES = {
    "trades": '{"e":"trade","E":1722470400001,"s":"BTCUSDT","t":12,"p":"1.0","q":"2.0","T":1722470400000,"m":true,'
    '"M":true}',
    "klines": '{"e":"kline","E":1722470400001,"s":"BTCUSDT","k":{"t":1722470400000,"T":1722470459999,"s":"BTCUSDT",'
    '"i":"1m","f":1,"L":2,"o":"1","c":"1","h":"2","l":"0.5","v":"3","n":4,"x":true,"q":"5","V":"1","Q":"2","B":"0"}}',
    "tickers": '{"e":"24hrTicker","E":1722470400001,"s":"BTCUSDT","p":"-1","P":"-2.5","w":"1","x":"1","c":"1","Q":"1",'
    '"b":"1","B":"1","a":"1","A":"1","o":"1","h":"1","l":"1","v":"1","q":"1","O":1,"C":2,"F":-1,"L":-1,"n":0}',
    "orderbook": '{"lastUpdateId":7,"bids":[["1.0","2"]],"asks":[["1.1","2"]]}',
    "book_tickers": '{"u":9,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}',
    "depth_updates": '{"e":"depthUpdate","E":1722470400001,"s":"BTCUSDT","U":1,"u":2,"b":[["1","2"]],"a":[["2","0"]]}',
    "mark_price": '{"e":"markPriceUpdate","E":1722470400001,"s":"BTCUSDT","p":"1","i":"1","P":"1","r":"0.0001","T":1}',
    "liquidations": '{"e":"forceOrder","E":1722470400001,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"1",'
    '"p":"1","ap":"1","X":"FILLED","l":"1","z":"1","T":1722470400000}}',
}


def _try_message(_: Path) -> Try:
    """A message goes on or is refused, one of both; what goes on can be read by those behind Kafka."""
    emitted, refused = _Emitted(), list[object]()
    link = _link(emitted, refused)

    def attempt(data: bytes) -> None:
        emitted.values.clear()
        refused.clear()
        link.receive(data)
        assert len(emitted.values) + len(refused) <= 1
        for outlet, value in emitted.values:
            record = decode(outlet.name, value, [(FINGERPRINT_HEADER, outlet.fingerprint)])
            assert record["symbol"] == "BTCUSDT"
            assert encode(outlet.name, record) == value

    return attempt


_TOPICS = tuple(sorted(ROUTES))


@cache
def _kafka_values() -> list[bytes]:
    emitted = _Emitted()
    link = _link(emitted, [])
    for message in _stream_messages():
        link.receive(message)
    return [bytes([_TOPICS.index(outlet.name)]) + value for outlet, value in emitted.values]


def _try_avro(_: Path) -> Try:
    """A record, or BadPayload; and as columns every message is there, decoded or named as undecodable."""

    good_of = {_TOPICS[seed[0]]: seed[1:] for seed in _kafka_values()}

    def attempt(data: bytes) -> None:
        name, value = picked(_TOPICS, data)
        good = good_of[name]
        with suppress(BadPayload):
            decode(name, value, [])
        raws = [Raw(0, good, None), Raw(1, value, fingerprint(name)), Raw(2, good, fingerprint(name))]
        columns = read_columns(name, raws, symbol="BTCUSDT")
        found = columns.frame[OFFSET].to_list() + [raw.offset for raw, _ in columns.undecodable]
        assert sorted(found) == [0, 1, 2], found
        assert {0, 2} <= set(columns.frame[OFFSET].to_list())
        assert columns.frame.columns == [*(field["name"] for field in schema_of(name)["fields"]), OFFSET]

    return attempt


_SECRETS = tuple(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))


_NAMES = frozenset(name.upper() for name in Settings.model_fields)


def _leave_variables(folder: Path) -> None:
    """Let nothing of this machine's environment be read, nor a .env but that of the folder."""
    os.chdir(folder)
    for name in _NAMES & set(os.environ):
        del os.environ[name]


def _variables() -> Iterator[bytes]:
    yield b"EXCHANGE=replay\nREPLAY_URI=/data\nSYMBOLS=BTCUSDT,ETHUSDT"
    yield b"KAFKA_SECURITY_PROTOCOL=SASL_SSL\nKAFKA_SASL_USERNAME=me\nKAFKA_SASL_PASSWORD=hidden-1"
    yield b"POSTGRES_URL=postgresql://me:hidden-1@host:5432/db\nREDIS_URL=redis://:hidden-1@host:6379/0"
    yield b"PARTITIONS_START=2017-08-17\nSIMULATOR_SEED=7\nSIMULATOR_SPEED=2.5\nSTREAM_MANAGED=false"
    for name in Settings.model_fields:
        yield f"{name.upper()}=1".encode()


def _try_variables(folder: Path) -> Try:
    """Settings, or ConfigurationError whose sentence tells no secret; the same from the environment and from .env."""
    _leave_variables(folder)

    def attempt(data: bytes) -> None:
        text = data.replace(b"\0", b"").decode(errors="surrogateescape")
        pairs = (line.partition("=") for line in text.splitlines())
        values = {name: value for name, _, value in pairs if name in _NAMES}
        os.environ.update(values)
        try:
            read_settings()
        except ConfigurationError as error:
            _hides(str(error), values)
        finally:
            for name in values:
                del os.environ[name]

    return attempt


def _hides(sentence: str, values: dict[str, Any]) -> None:
    for name in _SECRETS:
        secret = values.get(name.upper(), "")
        assert len(secret) < 8 or secret not in sentence, (name, sentence)


def _dotenvs() -> Iterator[bytes]:
    yield from _variables()
    yield b"# comment\nexport SYMBOLS='BTCUSDT'\nDATA_DIR=\"/tmp/${HOME}\"\n"


def _try_dotenv(folder: Path) -> Try:
    """Settings, or ConfigurationError."""
    _leave_variables(folder)

    def attempt(data: bytes) -> None:
        (folder / ".env").write_bytes(data)
        try:
            read_settings()
        except ConfigurationError:
            return

    return attempt


MESSAGES = (
    Target("rest-json", "REST answers", _answers, _try_answer),
    Target("websocket-json", "messages of streams", _stream_messages, _try_message),
    Target("avro", "values of Kafka's topics", lambda: iter(_kafka_values()), _try_avro),
    Target("variables", "configuration from the environment", _variables, _try_variables),
    Target("dotenv", "configuration from .env", _dotenvs, _try_dotenv),
)
