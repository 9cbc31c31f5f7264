"""Entries of the gap ledger: how they are planned, settled, written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key, fingerprint
from crypto_assets.stream.gaps import (
    Gap,
    decode_gap,
    encode_gap,
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


def test_an_entry_survives_its_encoding() -> None:
    (gap,) = trade_gaps(1, 10)
    assert decode_gap(encode_gap(gap), [(FINGERPRINT_HEADER, fingerprint(GAPS.name))]) == gap


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
