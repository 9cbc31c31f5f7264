"""What an earlier run delivered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, Headers, encode, encode_key, fingerprint
from crypto_assets.stream.collector.spool import Lane, Record, Spool
from crypto_assets.stream.collector.tails import read_tails, tails_of
from crypto_assets.stream.collector.topic_care import TopicCare

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
AMOUNTS = ("open", "high", "low", "close", "volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")


def spooled_trade(exchange: str, number: int) -> Record:
    trade = {"symbol": "BTCUSDT", "trade_id": number, "trade_time": NOW, "price": "1", "quantity": "1"}
    about = {"is_buyer_maker": True, "event_time": NOW, "received_at": NOW, "connection": "a", "sequence": 0}
    value = encode("trades", {**trade, **about, "source": "live"})
    return Record(f"{exchange}.trades", encode_key("BTCUSDT"), value, 0, fingerprint("trades"))


def message(name: str = "trades", exchange: str = "binance", **changes: object) -> tuple[str, bytes, Headers]:
    common = {"symbol": "BTCUSDT", "event_time": NOW, "received_at": NOW, "connection": "a", "sequence": 0}
    fields: dict[str, dict[str, object]] = {
        "trades": {"trade_id": 7, "trade_time": NOW, "price": "1", "quantity": "1", "is_buyer_maker": True},
        "klines": dict.fromkeys(AMOUNTS, "1")
        | {"timeframe": "1m", "open_time": NOW, "close_time": NOW, "count": 1, "closed": True},
        "orderbook": {"last_update_id": 9, "bids": [], "asks": []},
    }
    value = encode(name, {**common, **fields[name], "source": "live", **changes})
    return f"{exchange}.{name}", value, [(FINGERPRINT_HEADER, fingerprint(name))]


def test_messages_of_others_are_no_tail() -> None:
    topic, value, headers = message()
    assert tails_of([message(exchange="simulator-1"), (topic, value[:5], headers), (topic, b"", [])], "binance") == {}


def test_candles_are_counted_by_timeframe_and_those_that_are_open_only_begin_it() -> None:
    later = NOW + timedelta(minutes=1)
    tails = tails_of(
        [
            message("klines", closed=False),
            message("klines", open_time=later),
            message("klines", timeframe="1s"),
            message("orderbook", event_time=None),
        ],
        "binance",
    )
    minute = int(NOW.timestamp()) // 60
    assert tails["klines", "BTCUSDT", "1m"].first == minute
    assert tails["klines", "BTCUSDT", "1m"].delivered == [minute + 1]
    assert tails["klines", "BTCUSDT", "1s"].delivered == [int(NOW.timestamp())]
    book = tails["orderbook", "BTCUSDT", None]
    assert (book.event_us, book.delivered) == (to_us(NOW), [])


def test_only_what_came_live_tells_from_where_the_tail_is_whole() -> None:
    came = {number: message(trade_id=number) for number in (12, 14)}
    repaired = {number: message(trade_id=number, source="rest") for number in (3, 11, 13)}
    order = [repaired[3], repaired[11], came[14], came[12], repaired[13]]
    assert tails_of(order, "binance")["trades", "BTCUSDT", None].delivered == [12, 13, 14]
    assert tails_of(order[:2], "binance")["trades", "BTCUSDT", None].delivered == [11]


def test_the_newest_event_is_that_of_the_newest_receipt() -> None:
    second = timedelta(seconds=1)
    newest = message(trade_id=8, received_at=NOW + 2 * second, event_time=NOW + second)
    late = message(trade_id=9, received_at=NOW + second, event_time=NOW + 2 * second)
    repaired = message(trade_id=10, received_at=NOW + 9 * second, event_time=NOW + 9 * second, source="rest")
    tail = tails_of([newest, late, repaired], "binance")["trades", "BTCUSDT", None]
    assert (tail.event_us, tail.received_us) == (to_us(NOW + second), to_us(NOW + 2 * second))


def test_what_waits_on_disk_is_a_tail_of_its_own_exchange_only(kafka: str, tmp_path: Path) -> None:
    mine = f"simulator-{uuid4().int % 10**9}"
    TopicCare(kafka, mine).ensure()
    spool = Spool(tmp_path, budget=1 << 20).open()
    for record in (spooled_trade("binance", 5_000_000_000), spooled_trade(mine, 7), spooled_trade(mine, 8)):
        spool.append(Lane.KEPT, record)
    tails = read_tails(kafka, mine, spool)
    assert {key: tail.numbers for key, tail in tails.items()} == {("trades", "BTCUSDT", None): {7, 8}}
