"""Each fault of messages does what it says, and no more."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import parse_faults_json
from crypto_assets.simulator.streams.damage import damaged
from crypto_assets.simulator.streams.fault_pipeline import FaultPipeline
from crypto_assets.simulator.streams.session import Outgoing, head_of
from crypto_assets_tests.simulator.streams.conftest import Exchange, of_stream

TRADE = b'{"e":"trade","E":1000,"s":"BTCUSDT","t":%d,"p":"1.5","q":"2","T":1000,"m":true,"M":true}'


def run(*faults: Mapping[str, object], count: int = 10) -> list[int | str]:
    """Ids of what comes out of so many trades, one a second; then of what is held for 100 s; other text as it is."""
    book = FaultBook()
    book.add(parse_faults_json(json.dumps({"faults": list(faults)}).encode()))
    pipeline = FaultPipeline(book)
    out: list[Outgoing] = []
    for number in range(count):
        now_us = number * 1_000_000
        message = Outgoing("btcusdt@trade", head_of("btcusdt@trade"), TRADE % number, number)
        out += [*pipeline.release(now_us), *pipeline.feed(message, venue="spot", now_us=now_us)]
    book.remove()
    out += pipeline.release((count + 100) * 1_000_000)
    assert not pipeline.touched
    return [m.trade_id if m.payload == TRADE % m.trade_id else m.payload.decode() for m in out]


def test_without_faults_messages_need_not_come_through() -> None:
    assert not FaultPipeline(FaultBook()).touched
    assert run() == list(range(10))


def test_a_silent_stream_says_nothing_for_so_many_messages() -> None:
    assert run({"action": "silent_stream", "times": 4}) == [4, 5, 6, 7, 8, 9]
    assert run({"action": "silent_stream"}) == []


@pytest.mark.parametrize("other", [{"stream": "ethusdt@*"}, {"symbol": "ETHUSDT"}, {"venue": "usdm"}])
def test_other_streams_symbols_and_venues_are_left_alone(other: dict[str, object]) -> None:
    assert run({"action": "silent_stream", **other}) == list(range(10))
    assert run({"action": "silent_stream", "stream": "*@trade", "symbol": "BTCUSDT", "venue": "spot"}) == []


def test_events_are_doubled() -> None:
    assert run({"action": "duplicate_events", "copies": 2, "times": 1}, count=3) == [0, 0, 0, 1, 2]


def test_late_events_come_after_those_that_follow() -> None:
    assert run({"action": "late_events", "delay_s": 2.5, "times": 2}, count=6) == [2, 0, 3, 1, 4, 5]


def test_groups_come_in_reverse_order_and_the_rest_when_the_fault_ends() -> None:
    assert run({"action": "out_of_order", "messages": 3}, count=8) == [2, 1, 0, 5, 4, 3, 7, 6]
    assert run({"action": "out_of_order", "messages": 3, "times": 4}, count=6) == [2, 1, 0, 3, 4, 5]


def test_at_the_end_of_a_recording_nothing_stays_held() -> None:
    book = FaultBook()
    faults = [
        {"action": "late_events", "delay_s": 100, "times": 2},
        {"action": "out_of_order", "messages": 5},
    ]
    book.add(parse_faults_json(json.dumps({"faults": faults}).encode()))
    pipeline = FaultPipeline(book)
    given = [Outgoing("btcusdt@trade", b"", TRADE % number, number) for number in range(5)]
    sent = [each for message in given for each in pipeline.feed(message, venue="spot", now_us=0)]
    assert sent == []
    assert [message.trade_id for message in pipeline.drain()] == [0, 1, 4, 3, 2]
    assert list(pipeline.drain()) == []


def test_a_burst_is_held_and_sent_at_once() -> None:
    assert run({"action": "burst", "hold_s": 3, "times": 3}, count=6) == [0, 1, 2, 3, 4, 5]
    book = FaultBook()
    book.add(parse_faults_json(b'{"action":"burst","hold_s":3}'))
    pipeline = FaultPipeline(book)
    message = Outgoing("btcusdt@trade", b"", b"{}")
    sent = [
        len([*pipeline.release(s * 1_000_000), *pipeline.feed(message, venue="spot", now_us=s * 1_000_000)])
        for s in range(8)
    ]
    assert sent == [0, 0, 0, 3, 0, 0, 3, 0]


def test_event_times_jump_and_trade_times_stay() -> None:
    first = run({"action": "clock_jump", "seconds": -0.25, "times": 1}, count=2)
    assert first == [(TRADE % 0).replace(b'"E":1000', b'"E":750').decode(), 1]


def test_a_broken_message_comes_instead_of_the_sound_one_or_before_it() -> None:
    broken = TRADE % 0
    assert run({"action": "malformed_message", "times": 1}, count=2) == [broken[: len(broken) // 2].decode(), 1]
    both = run({"action": "malformed_message", "times": 1, "damage": "not_json", "besides": True}, count=2)
    assert both == ["<html>502 Bad Gateway</html>", 0, 1]


@given(st.lists(st.sampled_from(["duplicate_events", "late_events", "out_of_order", "burst"]), max_size=3), st.data())
def test_faults_that_withhold_nothing_lose_nothing(actions: list[str], data: st.DataObject) -> None:
    fields = {"late_events": {"delay_s": 2.0}, "burst": {"hold_s": 3.0}}
    times = [data.draw(st.none() | st.integers(1, 5)) for _ in actions]
    script = [{"action": a, "times": n, **fields.get(a, {})} for a, n in zip(actions, times, strict=True)]
    out = run(*script)
    assert set(out) == set(range(10))
    if "duplicate_events" not in actions:
        assert len(out) == 10


def test_damages_are_what_they_say() -> None:
    sound = json.loads(TRADE % 7)
    for damage in ("truncated", "not_json"):
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(damaged(TRADE % 7, damage, size_bytes=1))
    wrong = json.loads(damaged(TRADE % 7, "wrong_types", size_bytes=1))
    assert wrong.keys() == sound.keys()
    assert not [key for key in "EtpqTmM" if type(wrong[key]) is type(sound[key])]
    assert json.loads(damaged(TRADE % 7, "missing_field", size_bytes=1)).keys() == sound.keys() - {"t"}
    assert json.loads(damaged(TRADE % 7, "unknown_field", size_bytes=1)).items() > sound.items()
    huge = damaged(TRADE % 7, "huge", size_bytes=1_000_000)
    assert len(huge) == 1_000_000
    assert json.loads(huge).items() > sound.items()
    assert json.loads(damaged(TRADE % 7, "unknown_symbol", size_bytes=1))["s"] == "NOSUCHUSDT"


@pytest.mark.parametrize("damage", ["wrong_types", "missing_field", "unknown_field", "huge", "unknown_symbol"])
def test_every_stream_can_be_damaged(exchange: Exchange, damage: str) -> None:
    channels = ["trade", "kline_1s", "ticker", "bookTicker", "depth5@100ms", "depth@100ms"]
    names = [f"btcusdt@{channel}" for channel in channels]
    listener = exchange.listen(f"/stream?streams={'/'.join(names)}/btcusdt@miniTicker")
    for name in names:
        exchange.fault("malformed_message", stream=name, damage=damage, times=1, besides=True, size_bytes=5000)
    heard = listener.hear(30)
    assert all(entry["acted"] == 1 for entry in exchange.get("/simulator/faults")["faults"])
    if damage == "unknown_symbol":
        assert {m["stream"] for m in heard} >= {f"nosuchusdt@{channel}" for channel in channels}


def test_withheld_trades_count_as_never_published(exchange: Exchange) -> None:
    listener = exchange.listen("/stream?streams=btcusdt@trade/btcusdt@miniTicker")
    before = of_stream(listener.hear(20), "btcusdt@trade")
    exchange.fault("silent_stream", stream="*@trade", times=3)
    exchange.fault("malformed_message", stream="*@trade", damage="wrong_types", times=2)
    after = of_stream(listener.hear(60), "btcusdt@trade")
    last = before[-1]["t"]
    assert [m["t"] for m in after[:3]] == [f"~{last + 4}", f"~{last + 5}", last + 6]
    assert exchange.get("/simulator/published?symbol=BTCUSDT")["never"] == [[last + 1, last + 5]]
