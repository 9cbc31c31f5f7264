"""Streams of an exchange in the test's hands, through the collector, into real Kafka."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient
from pydantic import SecretStr

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, kafka_servers
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import encode, encode_key
from crypto_assets.stream.collector import pulse
from crypto_assets.stream.collector.options import CollectorOptions
from crypto_assets.stream.collector.pulse import LeaseHeld
from crypto_assets.stream.collector.sink import Outlet
from crypto_assets.stream.collector.spool import Record, Spool
from crypto_assets.stream.collector.subscriptions import KINDS
from crypto_assets.stream.topics import TRADES
from crypto_assets_tests.stream.collector.conftest import QUICK, WAIT_S, Running
from crypto_assets_tests.stream.collector.feeder import Feeder
from crypto_assets_tests.stream.collector.messages import (
    BOOK,
    KLINE,
    MESSAGES,
    T0,
    TICKER,
    TRADE,
    book,
    kline,
    rest_trade,
    ticker,
    trade,
)
from crypto_assets_tests.waiting import wait_for

type Collect = Callable[..., Running]


def ids(collector: Running) -> list[int]:
    return [record["trade_id"] for record in collector.records("trades")]


def wait_ids(collector: Running, expected: list[int]) -> None:
    wait_for(lambda: sorted(ids(collector)), until=lambda found: found == expected, deadline_s=WAIT_S)


def test_every_kind_of_message_is_in_its_topic_as_it_was_printed(feeder: Feeder, collect: Collect) -> None:
    collector = collect(*(kind for kind, *_ in MESSAGES.values()))
    for _, stream, data, _ in MESSAGES.values():
        feeder.wait_for_listener(stream)
        feeder.send(stream, data)
    for name, (_, _, _, expected) in MESSAGES.items():
        (record,) = collector.wait_records(name, 1)
        assert record["symbol"] == "BTCUSDT"
        assert record["source"] == "live"
        assert record["received_at"] is not None
        assert {key: record[key] for key in expected} == expected
    assert collector.figure("dead_letters") == 0


BAD: dict[str, object] = {
    "no JSON": '{"stream":"btcusdt@trade","data":{"e":"trade"',
    "price is a number": trade(1, p=66325.7),
    "price is no number": trade(1, p="1e5"),
    "price is NaN": trade(1, p="NaN"),
    "quantity is empty": trade(1, q=""),
    "price of foreign digits": trade(1, p="١٢"),
    "id is a text": trade(1, t="1"),
    "id is beyond any": trade(1, t=2**63),
    "time is negative": trade(1, T=-1),
    "flag is a number": trade(1, m=1),
    "a field is missing": {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 1},
    "another symbol": trade(1, s="ETHUSDT"),
    "not asked for": '{"stream":"dogeusdt@trade","data":{}}',
    "no stream": "[1,2,3]",
    "an error": '{"code":2,"msg":"Invalid request"}',
    "no text": b"\xff\xfe\x00",
    "more than a megabyte": json.dumps({"stream": TRADE, "data": trade(1, x="y" * (1 << 20))}),
}


def test_a_message_that_cannot_be_used_is_kept_with_the_reason_and_the_connection_lives_on(
    feeder: Feeder, collect: Collect
) -> None:
    collector = collect("trade")
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(1))
    for message in BAD.values():
        if isinstance(message, dict):
            feeder.send(TRADE, message)
        else:
            feeder.send_raw(TRADE, message)  # pyright: ignore[reportArgumentType]
    feeder.send(TRADE, trade(2, somethingNew={"of": ["the", "exchange"]}))
    letters = collector.wait_records("dead_letters", len(BAD))
    assert len(letters) == len(BAD)
    assert all(letter["reason"] and len(letter["raw"]) <= 1 << 16 for letter in letters)
    assert max(letter["size"] for letter in letters) > 1 << 20
    wait_ids(collector, [1, 2])
    records = collector.records("trades")
    numbers = sorted(record["sequence"] for record in [*records, *letters])
    assert numbers == list(range(len(BAD) + 2))
    assert {record["connection"] for record in [*records, *letters]} == {records[0]["connection"]}
    assert feeder.opened == 1


def test_a_price_longer_than_any_costs_its_message_only(feeder: Feeder, collect: Collect) -> None:
    collector = collect("depth10@100ms")
    feeder.wait_for_listener(BOOK)
    feeder.send(BOOK, {**book(1), "bids": [["1" * 10_000, "1"]]})
    feeder.send(BOOK, book(2))
    assert [record["last_update_id"] for record in collector.wait_records("orderbook", 1)] == [2]
    (letter,) = collector.wait_records("dead_letters", 1)
    assert "longer than any" in letter["reason"]
    assert feeder.opened == 1


def test_an_answer_and_another_order_of_keys_are_no_faults(feeder: Feeder, collect: Collect) -> None:
    collector = collect("trade")
    feeder.wait_for_listener(TRADE)
    feeder.send_raw(TRADE, '{"result":null,"id":1}')
    feeder.send_raw(TRADE, json.dumps({"data": trade(1), "stream": TRADE}))
    wait_ids(collector, [1])
    assert collector.figure("dead_letters") == 0


def test_a_trade_that_comes_again_is_dropped_and_one_that_comes_late_is_not(feeder: Feeder, collect: Collect) -> None:
    collector = collect("trade")
    feeder.wait_for_listener(TRADE)
    for number in (10, 11, 11, 14, 12, 10, 13, 12, 15):
        feeder.send(TRADE, trade(number))
    wait_ids(collector, [10, 11, 12, 13, 14, 15])
    assert ids(collector) == [10, 11, 14, 12, 13, 15]
    assert collector.figure("duplicates") == 3
    assert [record["sequence"] for record in collector.records("trades")] == list(range(6))


def test_old_and_new_connection_overlap_and_each_message_comes_once(feeder: Feeder, collect: Collect) -> None:
    collector = collect("trade", "kline_1m", care=replace(QUICK, life_s=4.0, overlap_s=2.0))
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(1))
    feeder.wait_for_listener(TRADE, count=2)
    for number in range(2, 30):
        feeder.send(TRADE, trade(number))
    feeder.send(KLINE, kline(0, closed=False))
    wait_for(lambda: len(feeder.listening(TRADE)), until=lambda count: count == 1, deadline_s=WAIT_S)
    feeder.send(TRADE, trade(30))
    wait_ids(collector, list(range(1, 31)))
    assert len(collector.records("klines")) == 1
    assert collector.wait_gaps(lambda gaps: True) == []


def test_a_shutdown_that_is_announced_costs_nothing(feeder: Feeder, collect: Collect) -> None:
    collector = collect("trade")
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(1))
    feeder.send_raw(TRADE, '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}')
    feeder.wait_for_listener(TRADE, count=2)
    feeder.send(TRADE, trade(2))
    wait_ids(collector, [1, 2])
    assert collector.figure("dead_letters") == 0


def test_what_is_missed_after_a_shutdown_that_was_announced_is_in_the_ledger(feeder: Feeder, collect: Collect) -> None:
    collector = collect("ticker", care=replace(QUICK, overlap_s=60.0))
    feeder.wait_for_listener(TICKER)
    feeder.send(TICKER, ticker(0))
    collector.wait_figure("messages", lambda count: count == 1)
    feeder.is_away = True
    feeder.send_raw(TICKER, '{"e":"serverShutdown","E":1770123456789}')
    wait_for(lambda: feeder.turned_away, until=lambda count: count >= 2, deadline_s=WAIT_S)
    feeder.send(TICKER, ticker(3))  # the old connection speaks until its end
    collector.wait_figure("messages", lambda count: count == 2)
    feeder.close(TICKER)
    feeder.is_away = False
    feeder.wait_for_listener(TICKER)
    feeder.send(TICKER, ticker(60))
    (gap,) = collector.wait_gaps(bool)
    assert (gap.dataset, gap.cause, gap.state) == ("tickers", "disconnected", "unrecoverable")
    assert [to_us(moment) // 1_000 - T0 for moment in (gap.start, gap.end)] == [3_000, 60_000]


def test_what_a_disconnection_cost_is_repaired_or_known(feeder: Feeder, collect: Collect) -> None:
    feeder.trades = {number: rest_trade(number) for number in range(1, 200) if number not in (7, 8)}
    collector = collect("trade", "depth10@100ms")
    for stream in (TRADE, BOOK):
        feeder.wait_for_listener(stream)
    feeder.send(TRADE, trade(1))
    feeder.send(BOOK, book(1))
    collector.wait_records("orderbook", 1)
    feeder.close(TRADE)
    feeder.close(BOOK)
    for stream in (TRADE, BOOK):
        feeder.wait_for_listener(stream)
    wait_for(
        lambda: feeder.send(BOOK, book(2)), until=lambda _: len(collector.records("orderbook")) > 5, deadline_s=WAIT_S
    )
    feeder.send(TRADE, trade(100))
    gaps = collector.wait_gaps(lambda gaps: any(g.dataset == "trades" and g.state == "repaired" for g in gaps))
    wait_ids(collector, [n for n in range(1, 101) if n not in (7, 8)])
    repaired = {r["trade_id"]: r for r in collector.records("trades") if r["source"] == "rest"}
    assert sorted(repaired) == [n for n in range(2, 100) if n not in (7, 8)]
    assert (repaired[50]["price"], repaired[50]["quantity"]) == ("66325.7", "0.0083900")
    assert to_us(repaired[50]["trade_time"]) == (T0 + 500) * 1000
    (gap,) = [gap for gap in gaps if gap.dataset == "trades"]
    assert (gap.cause, gap.first_id, gap.last_id, gap.recovered) == ("disconnected", 2, 99, 96)
    assert "2 do not exist" in gap.detail
    assert [g.state for g in gaps if g.dataset == "orderbook"] == ["unrecoverable"]


def test_candles_that_did_not_close_are_asked_for(feeder: Feeder, collect: Collect) -> None:
    feeder.klines = [
        [T0 + m * 60_000, *["2.0"] * 5, T0 + m * 60_000 + 59_999, "2.0", 7, "2.0", "2.0", "0"] for m in (2, 3)
    ]
    collector = collect("kline_1m")
    feeder.wait_for_listener(KLINE)
    feeder.send(KLINE, kline(0, closed=True))
    feeder.send(KLINE, kline(1, closed=True))
    feeder.send(KLINE, kline(5, closed=False))
    gaps = collector.wait_gaps(lambda gaps: any(gap.state == "repaired" for gap in gaps))
    found = {(to_us(r["open_time"]) // 1000 - T0) // 60_000: r["source"] for r in collector.records("klines")}
    assert found == {0: "live", 1: "live", 2: "rest", 3: "rest", 5: "live"}
    (gap,) = gaps
    assert (gap.timeframe, gap.recovered, "1 do not exist" in gap.detail) == ("1m", 2, True)


def test_a_gap_of_which_the_exchange_has_nothing_is_halted(feeder: Feeder, collect: Collect) -> None:
    feeder.trades = {9: rest_trade(9)}
    collector = collect("trade")
    feeder.wait_for_listener(TRADE)
    for number in (1, 9):
        feeder.send(TRADE, trade(number))
    (gap,) = collector.wait_gaps(lambda gaps: any(gap.state == "halted" for gap in gaps))
    assert (gap.cause, gap.first_id, gap.last_id) == ("skipped", 2, 8)


def test_one_broken_connection_stops_no_other(feeder: Feeder, collect: Collect) -> None:
    collector = collect("trade", "depth10@100ms")
    for stream in (TRADE, BOOK):
        feeder.wait_for_listener(stream)
    feeder.send(TRADE, trade(1))
    kept = feeder.listening(TRADE)
    for _ in range(3):
        feeder.close(BOOK)
        feeder.wait_for_listener(BOOK)
    feeder.send(TRADE, trade(2))
    wait_ids(collector, [1, 2])
    assert feeder.listening(TRADE) == kept


def test_a_stream_that_is_silent_on_a_live_socket_gets_a_new_connection(feeder: Feeder, collect: Collect) -> None:
    collector = collect("depth10@100ms", care=replace(QUICK, silence_scale=0.1))
    feeder.wait_for_listener(BOOK)
    feeder.send(BOOK, book(1))
    wait_for(lambda: feeder.opened, until=lambda opened: opened >= 2, deadline_s=WAIT_S)
    wait_for(lambda: feeder.send(BOOK, book(2)), until=lambda _: collector.figure("messages") >= 2, deadline_s=WAIT_S)
    (gap, *_) = collector.wait_gaps(bool)
    assert (gap.dataset, gap.cause, gap.state) == ("orderbook", "silent", "unrecoverable")


def test_the_next_run_repairs_what_lies_between(feeder: Feeder, collect: Collect) -> None:
    feeder.trades = {number: rest_trade(number) for number in range(1, 60)}
    first = collect("trade")
    feeder.wait_for_listener(TRADE)
    for number in (1, 2, 3):
        feeder.send(TRADE, trade(number))
    wait_ids(first, [1, 2, 3])
    first.stop()
    second = collect("trade")
    feeder.wait_for_listener(TRADE)
    second.wait_figure("connections", lambda count: count == 1)
    feeder.send(TRADE, trade(50))
    wait_ids(second, [*range(1, 51)])
    (gap,) = second.wait_gaps(lambda gaps: any(gap.state == "repaired" for gap in gaps))
    assert (gap.cause, gap.first_id, gap.last_id) == ("restarted", 4, 49)


def test_the_first_run_misses_nothing_before_its_first_message(feeder: Feeder, collect: Collect) -> None:
    collector = collect("trade", "kline_1m")
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(1_000_000))
    feeder.send(KLINE, kline(5, closed=False))
    wait_ids(collector, [1_000_000])
    collector.stop()
    assert collector.wait_gaps(lambda gaps: True) == []


def test_a_deleted_topic_is_made_again_and_its_trades_come_from_rest(
    feeder: Feeder, collect: Collect, live: Settings
) -> None:
    feeder.trades = {number: rest_trade(number) for number in range(1, 60)}
    collector = collect("trade")
    feeder.wait_for_listener(TRADE)
    for number in range(1, 11):
        feeder.send(TRADE, trade(number))
    wait_ids(collector, [*range(1, 11)])
    topic = TRADES.of(exchange_name(live))
    admin = AdminClient({"bootstrap.servers": kafka_servers(live)})
    admin.delete_topics([topic])[topic].result()
    collector.wait_figure("topics_lost", lambda count: count >= 1)
    feeder.send(TRADE, trade(11))
    wait_for(lambda: sorted(set(ids(collector))), until=lambda found: found == [*range(1, 12)], deadline_s=WAIT_S)
    gaps = collector.wait_gaps(lambda gaps: any(gap.state == "repaired" for gap in gaps))
    assert {gap.cause for gap in gaps} == {"kafka_lost"}


@pytest.mark.parametrize("kinds", [("trade",)])
def test_two_collectors_at_once_break_nothing(feeder: Feeder, collect: Collect, kinds: tuple[str, ...]) -> None:
    one = collect(*kinds)
    feeder.wait_for_listener(TRADE)
    two = collect(*kinds, standby=True)
    feeder.send(TRADE, trade(1))
    wait_ids(one, [1])
    assert len(feeder.listening(TRADE)) == 1
    one.stop()
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(2))
    wait_ids(two, [1, 2])


def test_the_next_collector_delivers_what_the_first_left_on_disk_while_it_waited(
    feeder: Feeder, collect: Collect, live: Settings
) -> None:
    one = collect("trade")
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(1))
    (record,) = one.wait_records("trades", 1)
    two = collect("trade", standby=True)
    folder = live.data_dir / "spool"
    wait_for(lambda: list(folder.iterdir()), until=lambda found: found == [], deadline_s=WAIT_S)
    outlet = Outlet.of(TRADES, exchange_name(live))
    left = Spool(folder, budget=1 << 20).open()
    for number in (2, 3):
        value = encode("trades", {**record, "trade_id": number})
        left.append(outlet.lane, Record(outlet.topic, encode_key("BTCUSDT"), value, T0, outlet.fingerprint))
    left.close()
    one.stop()
    feeder.wait_for_listener(TRADE)
    feeder.send(TRADE, trade(4))
    wait_ids(two, [1, 2, 3, 4])
    assert two.wait_gaps(lambda gaps: True) == []


def test_without_redis_a_folder_is_still_one_collectors(
    feeder: Feeder, collect: Collect, live: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "LEASE_MS", 0)
    alone = live.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")})
    one = collect("trade", settings=alone)
    feeder.wait_for_listener(TRADE)
    two = Running(alone, CollectorOptions(kinds=(KINDS["trade"],), spool=alone.data_dir / "spool"))
    two.join()
    assert isinstance(two.error, LeaseHeld)
    feeder.send(TRADE, trade(1))
    wait_ids(one, [1])
    assert feeder.opened == 1
