"""What an earlier run delivered."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from crypto_assets.stream.avro import encode, encode_key, fingerprint
from crypto_assets.stream.collector.spool import Lane, Record, Spool
from crypto_assets.stream.collector.tails import read_tails
from crypto_assets.stream.collector.topic_care import TopicCare

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)


def spooled_trade(exchange: str, number: int) -> Record:
    trade = {"symbol": "BTCUSDT", "trade_id": number, "trade_time": NOW, "price": "1", "quantity": "1"}
    about = {"is_buyer_maker": True, "event_time": NOW, "received_at": NOW, "connection": "a", "sequence": 0}
    value = encode("trades", {**trade, **about, "source": "live"})
    return Record(f"{exchange}.trades", encode_key("BTCUSDT"), value, 0, fingerprint("trades"))


def test_what_waits_on_disk_is_a_tail_of_its_own_exchange_only(kafka: str, tmp_path: Path) -> None:
    mine = f"simulator-{uuid4().int % 10**9}"
    TopicCare(kafka, mine).ensure()
    spool = Spool(tmp_path, budget=1 << 20)
    for record in (spooled_trade("binance", 5_000_000_000), spooled_trade(mine, 7), spooled_trade(mine, 8)):
        spool.append(Lane.KEPT, record)
    tails = read_tails(kafka, mine, spool)
    assert {key: tail.numbers for key, tail in tails.items()} == {("trades", "BTCUSDT", None): {7, 8}}
