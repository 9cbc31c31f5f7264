"""Entries of the gap ledger: how they are planned, settled, written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from crypto_assets.errors import BadPayload
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key, fingerprint
from crypto_assets.stream.gaps import (
    Gap,
    decode_gap,
    encode_gap,
    latest_entries,
    plan_kline_gaps,
    plan_lost_span,
    plan_trade_gaps,
    read_ledger,
    settle_gap,
)
from crypto_assets.stream.topics import GAPS

NOW = datetime(2026, 1, 19, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def trade_gaps(first_id: int, last_id: int) -> list[Gap]:
    return plan_trade_gaps(
        "BTCUSDT", first_id=first_id, last_id=last_id, start=NOW - SECOND, end=NOW, cause="disconnected", now=NOW
    )


def test_of_a_gap_beyond_what_rest_is_asked_for_the_oldest_part_is_unrecoverable() -> None:
    *asked, too_old = trade_gaps(11, 2_000_015)
    assert {gap.state for gap in asked} == {"open"}
    assert (asked[0].first_id, asked[-1].last_id) == (16, 2_000_015)
    assert (too_old.gap_id, too_old.first_id, too_old.last_id) == ("trades:BTCUSDT:11-15", 11, 15)
    assert (too_old.state, too_old.detail.partition(" are")[0]) == ("unrecoverable", "5 trades")


@pytest.mark.parametrize(
    ("first_id", "last_id", "expected"),
    [
        (5, 5, [(5, 5)]),
        (1, 10_000, [(1, 10_000)]),
        (1, 10_001, [(1, 10_000), (10_001, 10_001)]),
        (7, 25_000, [(7, 10_006), (10_007, 20_006), (20_007, 25_000)]),
        (7, 6, []),
    ],
)
def test_a_long_gap_of_trades_is_repaired_in_parts(
    first_id: int, last_id: int, expected: list[tuple[int, int]]
) -> None:
    gaps = trade_gaps(first_id, last_id)
    assert [(gap.first_id, gap.last_id) for gap in gaps] == expected
    assert len({gap.gap_id for gap in gaps}) == len(gaps)
    assert all(gap.state == "open" for gap in gaps)


@pytest.mark.parametrize(("count", "parts"), [(1, [1]), (1_000, [1_000]), (2_500, [1_000, 1_000, 500])])
def test_a_gap_of_candles_spans_their_open_times(count: int, parts: list[int]) -> None:
    step = timedelta(minutes=1)
    gaps = plan_kline_gaps("BTCUSDT", "1m", first=NOW, count=count, step=step, cause="silent", now=NOW)
    assert [(gap.end - gap.start) // step for gap in gaps] == parts
    assert gaps[0].start == NOW
    assert gaps[-1].end == NOW + count * step


@pytest.mark.parametrize(
    ("length", "pace", "is_gap"),
    [
        (timedelta(seconds=2), SECOND, False),
        (timedelta(seconds=2.1), SECOND, True),
        (timedelta(seconds=0.1), None, True),
        (timedelta(0), None, False),
        (-SECOND, SECOND, False),
    ],
)
def test_a_silence_of_the_normal_pace_is_no_gap(length: timedelta, pace: timedelta | None, is_gap: bool) -> None:
    gap = plan_lost_span("mark_price", "BTCUSDT", start=NOW, end=NOW + length, pace=pace, cause="disconnected", now=NOW)
    assert (gap is not None) is is_gap
    if gap is not None:
        assert gap.state == "unrecoverable"


@pytest.mark.parametrize(
    ("before", "recovered", "absent", "state", "total"),
    [
        (0, 10, 0, "repaired", 10),
        (4, 6, 0, "repaired", 10),
        (0, 0, 0, "repaired", 0),
        (0, 7, 3, "repaired", 7),
        (0, 0, 10, "halted", 0),
    ],
)
def test_what_became_of_a_gap(before: int, recovered: int, absent: int, state: str, total: int) -> None:
    (gap,) = trade_gaps(1, 10)
    begun = gap.become("open", now=NOW, detail="", recovered=before)
    settled = settle_gap(begun, recovered=recovered, absent=absent, now=NOW + SECOND)
    assert (settled.state, settled.recovered, settled.gap_id) == (state, total, gap.gap_id)


def test_an_entry_says_what_is_missing_since_when_and_why() -> None:
    assert trade_gaps(5, 1_204) == [
        Gap(
            gap_id="trades:BTCUSDT:5",
            dataset="trades",
            symbol="BTCUSDT",
            start=NOW - SECOND,
            end=NOW,
            first_id=5,
            last_id=1_204,
            cause="disconnected",
            state="open",
            detail="1,200 trades did not come",
            noticed_at=NOW,
            changed_at=NOW,
        )
    ]
    first, second = plan_kline_gaps(
        "BTCUSDT", "1m", first=NOW, count=1_001, step=timedelta(minutes=1), cause="silent", now=NOW + SECOND
    )
    assert first.detail == "1,000 candles did not come closed"
    assert second == Gap(
        gap_id="klines:BTCUSDT:1m:2026-01-20T04:40:00",
        dataset="klines",
        symbol="BTCUSDT",
        timeframe="1m",
        start=NOW + timedelta(minutes=1_000),
        end=NOW + timedelta(minutes=1_001),
        cause="silent",
        state="open",
        detail="1 candles did not come closed",
        noticed_at=NOW + SECOND,
        changed_at=NOW + SECOND,
    )
    lost = plan_lost_span(
        "order_book", "BTCUSDT", start=NOW, end=NOW + 2_500 * SECOND, pace=SECOND, cause="full", now=NOW + SECOND
    )
    assert lost == Gap(
        gap_id="order_book:BTCUSDT:full:2026-01-19T12:00:00.000000",
        dataset="order_book",
        symbol="BTCUSDT",
        start=NOW,
        end=NOW + 2_500 * SECOND,
        cause="full",
        state="unrecoverable",
        detail="2,500.0 s: messages between may be missing, and nobody gives them again",
        noticed_at=NOW + SECOND,
        changed_at=NOW + SECOND,
    )
    counted = plan_lost_span(
        "book", "BTCUSDT", start=NOW, end=NOW + SECOND, pace=None, cause="full", now=NOW, messages=1_234
    )
    assert counted is not None
    assert counted.detail == "1.0 s: 1,234 messages were dropped, and nobody gives them again"


def test_of_trades_beyond_what_rest_is_asked_for_the_entry_says_how_many() -> None:
    assert {gap.state for gap in trade_gaps(1, 2_000_000)} == {"open"}
    too_old = trade_gaps(1, 2_001_234)[-1]
    assert (too_old.gap_id, too_old.state) == ("trades:BTCUSDT:1-1234", "unrecoverable")
    assert too_old.detail == "1,234 trades are more than REST is asked for; the archive will have them"


def test_a_gap_whose_events_came_in_another_order_ends_where_it_starts() -> None:
    (gap,) = plan_trade_gaps(
        "BTCUSDT", first_id=1, last_id=1, start=NOW, end=NOW - SECOND, cause="disconnected", now=NOW
    )
    assert (gap.start, gap.end) == (NOW, NOW)


@pytest.mark.parametrize(
    ("recovered", "absent", "detail"),
    [
        (1_234, 0, "1,234 rows came from REST"),
        (0, 0, "all came late"),
        (1_234, 5_678, "1,234 rows came from REST; 5,678 do not exist at the exchange"),
        (0, 5_678, "the exchange confirms that 5,678 do not exist"),
    ],
)
def test_what_became_of_a_gap_is_told_when_it_did(recovered: int, absent: int, detail: str) -> None:
    (gap,) = trade_gaps(1, 10)
    settled = settle_gap(gap, recovered=recovered, absent=absent, now=NOW + SECOND)
    assert (settled.detail, settled.changed_at, settled.noticed_at) == (detail, NOW + SECOND, NOW)


def test_what_was_recovered_stays_unless_another_count_is_given() -> None:
    (gap,) = trade_gaps(1, 10)
    four = gap.become("open", now=NOW, detail="begun", recovered=4)
    assert (four.recovered, four.become("open", now=NOW, detail="goes on").recovered) == (4, 4)
    assert (four.state, four.detail) == ("open", "begun")


def test_the_newest_entry_of_each_gap_stands_where_it_was_noticed() -> None:
    first, second = (trade_gaps(n, n)[0] for n in (1, 2))
    late = trade_gaps(3, 3)[0].become("open", now=NOW, detail="")
    early = plan_kline_gaps(
        "BTCUSDT", "1m", first=NOW, count=1, step=timedelta(minutes=1), cause="silent", now=NOW - SECOND
    )[0]
    settled = settle_gap(second, recovered=1, absent=0, now=NOW + SECOND)
    assert latest_entries([late, second, first, settled, early]) == [early, first, settled, late]
    assert latest_entries([]) == []


def test_an_entry_survives_its_encoding() -> None:
    (gap,) = trade_gaps(1, 10)
    assert decode_gap(encode_gap(gap), [(FINGERPRINT_HEADER, fingerprint(GAPS.name))]) == gap
    assert decode_gap(encode_gap(gap), None) == gap
    with pytest.raises(BadPayload):
        decode_gap(b"no entry", None)


def test_the_ledger_gives_each_gap_in_its_newest_state_also_after_compaction_holes(kafka: str) -> None:
    exchange = f"ledger-{uuid4().hex[:8]}"
    assert read_ledger(kafka, exchange) == []
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(GAPS.of(exchange), 1, config={"cleanup.policy": "compact"})])[
        GAPS.of(exchange)
    ].result()
    first, second = (trade_gaps(n, n)[0] for n in (1, 2))
    settled = settle_gap(first, recovered=1, absent=0, now=NOW + SECOND)
    # Markers of a transaction take offsets that no message has, as compaction leaves them.
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": exchange})
    producer.init_transactions()
    producer.begin_transaction()
    for gap in (first, second, settled):
        producer.produce(GAPS.of(exchange), encode_gap(gap), encode_key(gap.gap_id))
    producer.commit_transaction()
    assert read_ledger(kafka, exchange) == [settled, second]
