"""Which messages of a topic become rows of which day, however they are read; beside a topic kept in memory."""

from __future__ import annotations

import itertools
import logging
import re
import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.convergence import live as live_module
from crypto_assets.convergence.live import commit, drain
from crypto_assets.convergence.live_ranges import Ends, TopicEnds
from crypto_assets.convergence.work import PartitionWork
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest, Position
from crypto_assets.schemas import BRONZE_ORDERBOOK, BRONZE_TRADES, Dataset
from crypto_assets.spans import to_us
from crypto_assets.stream.reader import LiveTopics
from crypto_assets_tests.convergence.archive_folder import DAY
from crypto_assets_tests.convergence.live_world import SYMBOL, trade
from crypto_assets_tests.convergence.place import START
from crypto_assets_tests.convergence.topic_in_memory import EXCHANGE, TopicInMemory

NEXT = DAY + timedelta(days=1)


def of_day(number: int, *, days: int = 0, **other: Any) -> dict[str, Any]:
    """A trade so many seconds into the day that lies so many days later."""
    return trade(number, at=START + timedelta(days=days, seconds=number), **other)


def work_of(folder: Path, *, day: date = DAY, dataset: Dataset = BRONZE_TRADES) -> PartitionWork:
    return PartitionWork(dataset, SYMBOL, day, lake=Lake(str(folder / "lake")), exchange=EXCHANGE)


def take(
    folder: Path,
    topic: TopicInMemory,
    *,
    day: date = DAY,
    dataset: Dataset = BRONZE_TRADES,
    ends: Ends | None = None,
    is_killed: bool = False,
) -> PartitionWork:
    """Drain a day; without a manifest at the end where the run is killed before it."""
    work = work_of(folder, day=day, dataset=dataset)
    drain(work, cast("LiveTopics", topic), ends=ends)
    if not is_killed:
        work.publish(())
    return work


def manifest_of(folder: Path, day: date = DAY, *, dataset: Dataset = BRONZE_TRADES) -> Manifest:
    found = Lake(str(folder / "lake")).manifest(dataset, SYMBOL, day)
    return Manifest() if found is None else found


def rows_of(folder: Path, day: date = DAY) -> list[dict[str, Any]]:
    table = Lake(str(folder / "lake")).read(BRONZE_TRADES, SYMBOL, day)
    return [] if table is None else table.sort_by("offset").to_pylist()


def ids(folder: Path, day: date = DAY) -> list[int]:
    return [row["trade_id"] for row in rows_of(folder, day)]


def rejected(folder: Path) -> list[tuple[bytes, int, str]]:
    """Bytes, offset and origin of what could not be used, of all days."""
    files = sorted((folder / "lake" / "bronze/_rejected").rglob("*.parquet"))
    rows = itertools.chain.from_iterable(pq.read_table(file).to_pylist() for file in files)
    return sorted((row["raw"], row["line"], row["origin"]) for row in rows)


SENT = st.tuples(
    st.integers(0, 1),  # partition
    st.sampled_from([0, 0, 0, 1, 1]),  # day
    st.integers(0, 23),  # hour of which
    st.booleans(),  # whether the exchange sends it twice
    st.booleans(),  # whether another symbol's comes before it
)
RUNS = st.lists(
    st.tuples(
        st.integers(0, 12),  # messages that come before it
        st.integers(0, 1),  # day
        st.booleans(),  # whether it is killed
        st.none() | st.integers(0, 30),  # where it is asked to stop, in every partition
        st.integers(1, 7),  # offsets at a time
    ),
    max_size=6,
)


@settings(max_examples=30)
@given(sent=st.lists(SENT, max_size=30), runs=RUNS, most_rows=st.integers(1, 9))
def test_each_message_is_a_row_of_its_day_once_whatever_the_pieces_stops_and_kills(
    sent: Sequence[tuple[int, int, int, bool, bool]],
    runs: Sequence[tuple[int, int, bool, int | None, int]],
    most_rows: int,
) -> None:
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_module, "MOST_ROWS", most_rows)
        folder, topic, coming = Path(made), TopicInMemory(partitions=2), list(enumerate(sent))
        topic.put(partition=1)
        for count, day, is_killed, asked, chunk in [*runs, (30, 0, False, None, 2), (0, 1, False, None, 5)]:
            for number, (partition, days, hour, is_double, has_other) in coming[:count]:
                if has_other:
                    topic.put(of_day(number, symbol="ETHUSDT"), partition=partition, symbol="ETHUSDT")
                at = START + timedelta(days=days, hours=hour, seconds=number)
                topic.put(*[trade(number, at=at)] * (1 + is_double), partition=partition)
            coming = coming[count:]
            topic.chunk = chunk
            ends = None if asked is None else {"trades": TopicEnds(topic.topic_id, (asked, asked))}
            take(folder, topic, day=(DAY, NEXT)[day], ends=ends, is_killed=is_killed)
        for place, day in enumerate((DAY, NEXT)):
            own = [(number, is_double) for number, (_, days, _, is_double, _) in enumerate(sent) if days == place]
            manifest = manifest_of(folder, day)
            assert sorted(ids(folder, day)) == [number for number, _ in own]
            assert manifest.duplicates == sum(is_double for _, is_double in own)
            assert [p.taken for p in manifest.positions] == [len(topic.messages.get(n, [])) for n in (0, 1)]
            assert len({part.path for part in manifest.parts}) == len(manifest.parts)


def test_a_row_says_where_it_lay(tmp_path: Path) -> None:
    topic = TopicInMemory(partitions=2)
    topic.put(of_day(1), of_day(2))
    topic.put(of_day(3), partition=1)
    take(tmp_path, topic)
    kept = ("trade_id", "exchange", "topic", "partition", "offset", "source", "received_at")
    assert sorted(tuple(row[name] for name in kept) for row in rows_of(tmp_path)) == [
        (number, EXCHANGE, "simulator-7.trades", partition, offset, "live", _received(number))
        for number, partition, offset in ((1, 0, 0), (2, 0, 1), (3, 1, 0))
    ]


def _received(number: int) -> datetime:
    return START + timedelta(seconds=number, milliseconds=50)


def book(number: int, *, hour: int) -> dict[str, Any]:
    level = [["1.0", "2.0"]]
    moment = to_us(START + timedelta(hours=hour)) + number
    known = {"symbol": SYMBOL, "last_update_id": number, "bids": level, "asks": level, "source": "live"}
    return known | {"event_time": None, "received_at": moment, "connection": "c1", "sequence": number}


def test_a_file_holds_one_hour_and_is_named_for_the_offsets_that_it_was_read_from(tmp_path: Path) -> None:
    topic = TopicInMemory("orderbook", chunk=2)
    topic.put(*(book(number, hour=hour) for number, hour in enumerate((0, 0, 0, 1, 1, 1, 0))))
    take(tmp_path, topic, dataset=BRONZE_ORDERBOOK)
    parts = manifest_of(tmp_path, dataset=BRONZE_ORDERBOOK).parts
    assert [(part.path.partition("/")[0], part.path.split("-", 2)[2], part.rows) for part in parts] == [
        ("hour=00", "0-0-6.parquet", 3),  # written once a piece held none of the hour
        ("hour=00", "0-6-7.parquet", 1),
        ("hour=01", "0-2-7.parquet", 3),
    ]
    assert all(re.fullmatch(r"hour=0[01]/live-[0-9a-f]{8}-0-\d-\d\.parquet", part.path) for part in parts)
    assert [part.origin for part in parts] == [f"simulator-7.orderbook/0 {span}" for span in ("0-6", "6-7", "2-7")]


def test_a_file_ends_once_it_has_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "MOST_ROWS", 4)
    topic = TopicInMemory(chunk=2)
    topic.put(*(of_day(n) for n in range(9)))
    take(tmp_path, topic)
    assert [part.rows for part in manifest_of(tmp_path).parts] == [4, 4, 1]


def test_the_sentence_counts_what_was_read(tmp_path: Path) -> None:
    topic = TopicInMemory(partitions=2)
    topic.put(of_day(1), of_day(1, connection="c2"), b"no Avro", of_day(2, days=1))
    topic.put(of_day(3), partition=1)
    assert take(tmp_path, topic).sentences == [
        "live: 5 messages of simulator-7.trades, 2 new rows of the day, 1 copies, 1 rejected."
    ]
    assert take(tmp_path, topic).sentences == [
        "live: 0 messages of simulator-7.trades, 0 new rows of the day, 0 copies, 0 rejected."
    ]


def test_what_kafka_deleted_or_lost_is_told_by_partition(tmp_path: Path) -> None:
    topic = TopicInMemory(partitions=2)
    topic.put(*(of_day(n) for n in range(4)))
    topic.put(*(of_day(n) for n in range(4, 10)), partition=1)
    take(tmp_path, topic, ends={"trades": TopicEnds("first", (4, 2))})
    del topic.messages[0][1:]
    topic.lows[1] = 5
    (sentence,) = take(tmp_path, topic).sentences
    assert sentence.partition("rejected. ")[2] == (
        "Kafka lost 3 messages that had been taken (partition 0). "
        "Kafka deleted 3 messages before they were taken (partition 1)."
    )


def test_offsets_that_kafka_gives_twice_make_a_file_beside_the_first(tmp_path: Path) -> None:
    topic = TopicInMemory(chunk=10)
    topic.put(of_day(1), of_day(2), of_day(3))
    take(tmp_path, topic)
    topic.messages[0] = []
    topic.put(of_day(1), of_day(4))
    take(tmp_path, topic)  # what was taken is beyond the end: read again from the beginning
    topic.put(of_day(5))
    topic.messages[0] = topic.messages[0][:1] + topic.messages[0][2:] + topic.messages[0][:1]
    take(tmp_path, topic)
    assert sorted(ids(tmp_path)) == [1, 2, 3, 4]
    assert manifest_of(tmp_path).duplicates == 2


def test_files_of_the_same_offsets_with_other_rows_are_both_kept(tmp_path: Path) -> None:
    topic = TopicInMemory(chunk=10)
    topic.put(of_day(1), of_day(2))
    first = take(tmp_path, topic)
    again = work_of(tmp_path)
    again.positions = tuple(Position(p.topic, p.topic_id, p.partition, 0, None) for p in first.positions)
    topic.messages[0] = []
    topic.put(of_day(3), of_day(4))
    drain(again, cast("LiveTopics", topic), ends=None)
    again.publish(())
    assert sorted(ids(tmp_path)) == [1, 2, 3, 4]
    names = [part.path for part in manifest_of(tmp_path).parts]
    assert len(set(names)) == 2
    shorter, longer = sorted(names, key=len)
    assert longer.startswith(f"{shorter.removesuffix('.parquet')}-")
    assert len(longer) == len(shorter) + 9


def test_ends_of_a_former_topic_of_that_name_say_nothing(tmp_path: Path) -> None:
    topic = TopicInMemory(topic_id="second")
    topic.put(*(of_day(n) for n in range(3)))
    take(tmp_path, topic, ends={"trades": TopicEnds("first", (1,)), "klines": TopicEnds("second", (1,))})
    assert ids(tmp_path) == [0, 1, 2]


def test_a_partition_that_was_added_since_the_ends_were_asked_for_is_read_to_its_last_message(tmp_path: Path) -> None:
    topic = TopicInMemory(partitions=2)
    topic.put(*(of_day(n) for n in range(3)))
    topic.put(*(of_day(n) for n in range(3, 5)), partition=1)
    take(tmp_path, topic, ends={"trades": TopicEnds("first", (2,))})
    assert sorted(ids(tmp_path)) == [0, 1, 3, 4]


def test_a_day_knows_where_the_next_begins(tmp_path: Path) -> None:
    topic = TopicInMemory(chunk=2)
    topic.put(of_day(0), of_day(1), of_day(2), of_day(0, days=1), of_day(3), of_day(1, days=1), of_day(2, days=2))
    take(tmp_path, topic)
    assert manifest_of(tmp_path).positions == (Position("simulator-7.trades", "first", 0, 7, 3),)
    topic.put(of_day(3, days=2))
    take(tmp_path, topic)
    assert manifest_of(tmp_path).positions == (Position("simulator-7.trades", "first", 0, 8, 3),)
    (sentence,) = take(tmp_path, topic, day=NEXT).sentences
    assert sentence.startswith("live: 5 messages")
    assert ids(tmp_path, NEXT) == [0, 1]


@pytest.mark.parametrize(("days", "read"), [(1, 1), (8, 1), (9, 4)])
def test_the_nearest_day_within_eight_says_where_to_begin(tmp_path: Path, days: int, read: int) -> None:
    topic = TopicInMemory()
    topic.put(of_day(0, days=-days), of_day(1, days=-days), of_day(2, days=-days))
    take(tmp_path, topic, day=DAY - timedelta(days=days))
    topic.put(of_day(3))
    (sentence,) = take(tmp_path, topic).sentences
    assert sentence.startswith(f"live: {read} messages")
    assert ids(tmp_path) == [3]


def test_a_nearer_day_that_no_topic_was_read_for_says_nothing(tmp_path: Path) -> None:
    topic = TopicInMemory()
    topic.put(*(of_day(n, days=-2) for n in range(5)))
    take(tmp_path, topic, day=DAY - timedelta(days=2))
    work_of(tmp_path, day=DAY - timedelta(days=1)).publish(())
    topic.put(of_day(7))
    (sentence,) = take(tmp_path, topic).sentences
    assert sentence.startswith("live: 1 messages")


@pytest.mark.parametrize(("days", "is_read"), [(1, True), (2, False)])
def test_a_topic_whose_first_message_is_of_a_later_day_than_the_next_is_not_read(
    tmp_path: Path, days: int, is_read: bool
) -> None:
    topic = TopicInMemory(partitions=2)
    topic.put(of_day(0, days=5))
    topic.put(of_day(1, days=days), of_day(2), partition=1)
    work = take(tmp_path, topic)
    assert (ids(tmp_path), len(work.positions)) == (([2], 2) if is_read else ([], 0))
    if not is_read:
        assert work.sentences == ["live: simulator-7.trades begins after this day."]


def test_without_the_topic_nothing_is_noted(tmp_path: Path) -> None:
    work = take(tmp_path, TopicInMemory())
    assert work.sentences == ["live: Kafka has no topic simulator-7.trades."]
    assert work.positions == ()


def test_what_cannot_be_decoded_is_of_the_day_of_the_message_before_it(tmp_path: Path) -> None:
    topic = TopicInMemory(chunk=2)
    topic.put(b"a", of_day(0), of_day(1), b"b", of_day(2, days=1), b"c", b"d", of_day(3), b"e")
    work = take(tmp_path, topic)
    assert rejected(tmp_path) == [
        (raw, offset, "simulator-7.trades/0 first") for raw, offset in ((b"a", 0), (b"b", 3), (b"e", 8))
    ]
    assert "3 rejected" in work.sentences[0]
    take(tmp_path, topic, day=NEXT)
    assert [raw for raw, _, _ in rejected(tmp_path)] == [b"a", b"b", b"c", b"d", b"e"]
    assert [manifest_of(tmp_path, day).rejected for day in (DAY, NEXT)] == [3, 2]


def test_a_message_that_says_another_symbol_than_its_key_is_rejected_and_its_neighbours_are_not(tmp_path: Path) -> None:
    topic = TopicInMemory(chunk=10)
    topic.put(of_day(0), of_day(1, symbol="ETHUSDT"), of_day(2), of_day(3, price="much"))
    take(tmp_path, topic)
    assert ids(tmp_path) == [0, 2]
    files = (tmp_path / "lake" / "bronze/_rejected").rglob("*.parquet")
    found = sorted((row["line"], row["reason"]) for file in files for row in pq.read_table(file).to_pylist())
    assert [line for line, _ in found] == [1, 3]
    assert found[0][1] == "the key says BTCUSDT, the message another symbol"
    assert found[1][1].startswith("price 'much'")


class TestCommit:
    def test_tools_are_told_how_far_each_partition_was_read(self, tmp_path: Path) -> None:
        topic = TopicInMemory(partitions=2)
        topic.put(of_day(0), of_day(1))
        topic.put(of_day(2), partition=1)
        commit(take(tmp_path, topic), cast("LiveTopics", topic))
        assert topic.committed == [("bronze.bronze_trades.BTCUSDT", "simulator-7.trades", {0: 2, 1: 1})]

    def test_a_day_without_positions_tells_nothing(self, tmp_path: Path) -> None:
        topic = TopicInMemory()
        commit(take(tmp_path, topic), cast("LiveTopics", topic))
        assert topic.committed == []

    def test_that_kafka_does_not_take_it_is_only_a_warning(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        topic = TopicInMemory(refusal=ServiceUnavailable("Kafka is away."))
        topic.put(of_day(0))
        with caplog.at_level(logging.WARNING):
            commit(take(tmp_path, topic), cast("LiveTopics", topic))
        assert caplog.messages == [
            "bronze.bronze_trades.BTCUSDT: what was read is not shown to Kafka's tools. Kafka is away."
        ]
