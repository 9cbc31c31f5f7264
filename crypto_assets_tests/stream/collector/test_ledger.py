"""What is missing, entered by the time that it is asked for; without Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

import msgspec
import pytest

from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key
from crypto_assets.stream.collector.feed import Before
from crypto_assets.stream.collector.ledger import GRACE_S, Ledger, numbers_of
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.collector.spool import Record
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import KINDS, Stream
from crypto_assets.stream.collector.tracks import Hole
from crypto_assets.stream.gaps import Gap, decode_gap, plan_kline_gaps, plan_trade_gaps, settle_gap
from crypto_assets.stream.topics import GAPS

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
EXCHANGE = "simulator-7"


@dataclass
class Entries:
    """In the place of the sink: the entries as they would have gone to Kafka."""

    gaps: list[Gap] = field(default_factory=list[Gap])

    def emit(self, outlet: Outlet, key: bytes, value: bytes, timestamp_ms: int) -> None:
        gap = decode_gap(value, [(FINGERPRINT_HEADER, outlet.fingerprint)])
        assert (outlet.topic, key) == (f"{EXCHANGE}.gaps", encode_key(gap.gap_id))
        assert abs(timestamp_ms / 1_000 - datetime.now(UTC).timestamp()) < 60
        self.gaps.append(gap)

    @property
    def told(self) -> list[tuple[str, str, int | None, int | None, str]]:
        return [(gap.dataset, gap.state, gap.first_id, gap.last_id, gap.cause) for gap in self.gaps]


def state(kind: str, symbol: str = "BTCUSDT") -> CollectedState:
    return CollectedState(Stream(KINDS[kind], symbol), Outlet.of(KINDS[kind].topic, EXCHANGE))


class Held:
    """A ledger of some streams."""

    def __init__(self, *states: CollectedState) -> None:
        self.entries = Entries()
        self.ledger = Ledger(Outlet.of(GAPS, EXCHANGE), cast("Sink", self.entries), states)


def trade_gap(first: int, last: int, symbol: str = "BTCUSDT") -> Gap:
    (gap,) = plan_trade_gaps(symbol, first_id=first, last_id=last, start=NOW, end=NOW, cause="skipped", now=NOW)
    return gap


def candle_gap(timeframe: str, step: timedelta, count: int = 3) -> Gap:
    (gap,) = plan_kline_gaps("BTCUSDT", timeframe, first=NOW, count=count, step=step, cause="skipped", now=NOW)
    return gap


def test_a_hole_is_entered_once_when_nothing_late_has_filled_it() -> None:
    trades = state("trade")
    held = Held(trades)
    trades.track.now_s = 100.0
    for number in (1, 5):
        trades.track.admit(number, since_us=to_us(NOW), until_us=to_us(NOW + SECOND))
    held.ledger.notice(now=NOW, now_s=100.0 + GRACE_S - 0.1)
    assert (held.entries.gaps, held.ledger.unentered) == ([], 1)
    for _ in range(2):
        held.ledger.notice(now=NOW, now_s=100.0 + GRACE_S)
    assert held.entries.told == [("trades", "open", 2, 4, "skipped")]
    (gap,) = held.entries.gaps
    assert (gap.start, gap.end) == (NOW, NOW + SECOND)
    assert (list(held.ledger.open), held.ledger.unentered) == (["trades:BTCUSDT:2"], 0)


def test_a_hole_beside_which_no_time_is_known_is_of_now() -> None:
    trades = state("trade")
    held = Held(trades)
    trades.track.miss(Hole(2, 4, 0.0, "restarted"))
    held.ledger.notice(now=NOW, now_s=GRACE_S)
    (gap,) = held.entries.gaps
    assert (gap.start, gap.end, gap.cause) == (NOW, NOW, "restarted")


def test_candles_that_did_not_close_are_entered_by_their_open_times() -> None:
    candles = state("kline_5m")
    held = Held(candles)
    number = int(NOW.timestamp()) // 300
    candles.track.admit(number)
    candles.track.expect(number + 3)
    held.ledger.notice(now=NOW, now_s=GRACE_S)
    (gap,) = held.entries.gaps
    assert (gap.timeframe, gap.start, gap.end) == ("5m", NOW + 5 * MINUTE, NOW + 15 * MINUTE)
    assert gap.detail == "2 candles did not come closed"
    assert numbers_of(gap) == (number + 1, number + 2)


@pytest.mark.parametrize(("timeframe", "step"), [("1s", SECOND), ("1m", MINUTE), ("15m", 15 * MINUTE)])
def test_numbers_of_candles_are_counted_from_1970(timeframe: str, step: timedelta) -> None:
    first = int(NOW.timestamp() / step.total_seconds())
    assert numbers_of(candle_gap(timeframe, step)) == (first, first + 2)


def test_a_gap_that_is_settled_is_asked_for_no_more() -> None:
    held = Held(state("trade"))
    gap = trade_gap(2, 4)
    held.ledger.write(gap)
    assert list(held.ledger.open) == [gap.gap_id]
    for _ in range(2):
        held.ledger.write(settle_gap(gap, recovered=3, absent=0, now=NOW))
    assert held.ledger.open == {}
    assert [entry.state for entry in held.entries.gaps] == ["open", "repaired", "repaired"]


def test_the_ledger_of_earlier_runs_is_gone_on_with() -> None:
    trades = state("trade")
    held = Held(trades)
    trades.track.take_up([1, 10], since_us=None, until_us=None)
    settled = settle_gap(trade_gap(5, 6), recovered=0, absent=2, now=NOW)
    elsewhere = [trade_gap(2, 4, "ETHUSDT"), candle_gap("1m", MINUTE)]
    held.ledger.take_up([trade_gap(2, 4), settled, *elsewhere], now_s=50.0)
    assert list(held.ledger.open) == ["trades:BTCUSDT:2"]
    assert [(hole.first, hole.last, hole.planned) for hole in trades.track.holes] == [
        (2, 4, True),
        (5, 6, True),
        (7, 9, False),
    ]
    assert held.entries.gaps == [], "what is known already is not entered again"


def test_what_cannot_be_asked_for_again_is_not_taken_up() -> None:
    books = state("depth10@100ms")
    held = Held(books)
    held.ledger.take_up([msgspec.structs.replace(trade_gap(2, 4), dataset="orderbook")], now_s=1.0)
    assert (held.ledger.open, books.track.holes) == ({}, [])


def resumed(
    kind: str, *, event: Sequence[timedelta | None], received: Sequence[timedelta | None], cause: str = "disconnected"
) -> tuple[Entries, CollectedState]:
    """What a stream leaves that speaks again; event and received are those of before and of now, from NOW on."""
    one = state(kind)
    held = Held(one)

    def moment(after: timedelta | None) -> int | None:
        return None if after is None else to_us(NOW + after)

    before = Before(one, moment(event[0]), moment(received[0]), cause)
    one.event_us, one.received_us = moment(event[1]), moment(received[1])
    one.track.cause = cause
    held.ledger.resumed(before)
    return held.entries, one


def test_a_stream_that_speaks_again_has_lost_what_nobody_can_give_again() -> None:
    entries, one = resumed(
        "markPrice@1s", event=(SECOND, 31 * SECOND), received=(SECOND * 2, 32 * SECOND), cause="disconnected"
    )
    (gap,) = entries.gaps
    assert (gap.dataset, gap.state, gap.cause) == ("mark_price", "unrecoverable", "disconnected")
    assert (gap.start, gap.end, gap.noticed_at) == (NOW + SECOND, NOW + 31 * SECOND, NOW + 32 * SECOND)
    assert one.track.cause == "skipped"


def test_of_messages_without_a_time_those_of_their_receipt_count() -> None:
    entries, _ = resumed("depth10@100ms", event=(SECOND, 9 * SECOND), received=(SECOND, 10 * SECOND))
    (gap,) = entries.gaps
    assert (gap.start, gap.end) == (NOW + SECOND, NOW + 10 * SECOND)


@pytest.mark.parametrize(
    ("kind", "event", "received"),
    [
        pytest.param("trade", (SECOND, 60 * SECOND), (2 * SECOND, 61 * SECOND), id="REST gives trades again"),
        pytest.param("markPrice@1s", (SECOND, 60 * SECOND), (None, 61 * SECOND), id="nothing came before"),
        pytest.param("markPrice@1s", (SECOND, 60 * SECOND), (2 * SECOND, None), id="nothing came since"),
        pytest.param("markPrice@1s", (SECOND, None), (2 * SECOND, 61 * SECOND), id="the new message has no time"),
        pytest.param("markPrice@1s", (SECOND, 3 * SECOND), (2 * SECOND, 4 * SECOND), id="its normal pace"),
        pytest.param("forceOrder", (9 * SECOND, SECOND), (10 * SECOND, 11 * SECOND), id="no time between"),
    ],
)
def test_nothing_is_entered_where_nothing_is_lost(
    kind: str, event: Sequence[timedelta | None], received: Sequence[timedelta | None]
) -> None:
    entries, one = resumed(kind, event=event, received=received)
    assert entries.gaps == []
    assert one.track.cause == "skipped"


def test_what_a_full_disk_cost_is_entered_by_topic_and_symbol() -> None:
    one, other = state("depth10@100ms"), state("depth10@100ms", "ETHUSDT")
    held = Held(one, other)
    at_ms = int(NOW.timestamp() * 1_000)

    def record(whose: CollectedState, after_ms: int) -> Record:
        return Record(f"{EXCHANGE}.orderbook", whose.key, b"", at_ms + after_ms, b"")

    held.ledger.dropped([record(one, 500), record(one, 0), record(other, 7)], now=NOW + MINUTE)
    assert [(gap.symbol, gap.start, gap.end, gap.cause) for gap in held.entries.gaps] == [
        ("BTCUSDT", NOW, NOW + 501 * SECOND / 1_000, "buffer_full"),
        ("ETHUSDT", NOW + 7 * SECOND / 1_000, NOW + 8 * SECOND / 1_000, "buffer_full"),
    ]
    assert "2 messages were dropped" in held.entries.gaps[0].detail


def test_of_a_topic_that_was_deleted_all_that_is_known_is_asked_for_again() -> None:
    trades, unseen, books = state("trade"), state("trade", "ETHUSDT"), state("depth10@100ms")
    held = Held(trades, unseen, books)
    for number in (5, 6, 7):
        trades.track.admit(number)
    held.ledger.topic_lost(["trades"], since=NOW, now=NOW + MINUTE)
    assert [(hole.first, hole.last, hole.cause) for hole in trades.track.holes] == [(5, 7, "kafka_lost")]
    (gap,) = held.entries.gaps
    assert (gap.dataset, gap.symbol, gap.state) == ("trades", "ETHUSDT", "unrecoverable")
    held.ledger.topic_lost(["orderbook"], since=NOW, now=NOW + MINUTE)
    assert (held.entries.gaps[1].dataset, held.entries.gaps[1].end) == ("orderbook", NOW + MINUTE)


def test_a_topic_lost_before_any_candle_of_it_closed_has_lost_none() -> None:
    candles = state("kline_1m")
    held = Held(candles)
    candles.track.expect(7)
    held.ledger.topic_lost(["klines"], since=NOW, now=NOW + MINUTE)
    assert (candles.track.holes, held.entries.gaps) == ([], [])


def test_a_topic_that_was_lost_in_no_time_has_lost_nothing() -> None:
    held = Held(state("ticker"))
    held.ledger.topic_lost(["tickers"], since=NOW, now=NOW)
    assert held.entries.gaps == []
