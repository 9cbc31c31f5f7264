"""Messages on disk: their order, a kill in the middle of a write, the budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.stream.collector.spool import Lane, Record, Spool

BUDGET = 1 << 22


def record(number: int, *, size: int = 10) -> Record:
    return Record("simulator-7.trades", b"key", str(number).encode().ljust(size), number, b"12345678")


def values(spool: Spool, lane: Lane) -> list[int]:
    return [int(found.value) for path in spool.segments(lane) for found in spool.read(path)]


def test_messages_come_back_in_order_over_many_segments_and_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    for number in range(100):
        spool.append(Lane.KEPT, record(number, size=10_000))
    assert len(spool.segments(Lane.KEPT)) > 3
    spool.close()
    again = Spool(tmp_path, budget=BUDGET).open()
    again.append(Lane.KEPT, record(100))
    again.prepend(Lane.KEPT, [record(-2), record(-1)])
    assert values(again, Lane.KEPT) == list(range(-2, 101))


@pytest.mark.parametrize("cut", [1, 7, 20, 40])
def test_a_segment_that_a_kill_cut_gives_what_was_whole(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    for number in range(10):
        spool.append(Lane.KEPT, record(number))
    spool.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    assert values(Spool(tmp_path, budget=BUDGET).open(), Lane.KEPT) == list(range(9))


def test_nothing_that_is_put_before_makes_no_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    spool.prepend(Lane.KEPT, [])
    assert (spool.is_empty, spool.oldest(Lane.KEPT), list(tmp_path.iterdir())) == (True, None, [])


def test_what_was_flushed_is_there_without_a_close(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    spool.append(Lane.BOOKS, record(1))
    spool.flush()
    assert values(Spool(tmp_path, budget=BUDGET).open(), Lane.BOOKS) == [1]


def test_books_are_given_up_before_changes_and_trades_never(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=100_000).open()
    for lane in Lane:
        for number in range(3):
            spool.append(lane, record(number, size=20_000))
        spool.seal(lane)
    given_up: list[Lane] = []
    while spool.is_full and (path := spool.droppable()) is not None:
        given_up.append(Lane(int(path.name[0])))
        spool.remove(path)
    assert given_up == [Lane.BOOKS, Lane.CHANGES]
    assert values(spool, Lane.KEPT) == [0, 1, 2]
    for number in range(3):
        spool.append(Lane.KEPT, record(number, size=20_000))
    assert spool.is_full
    assert spool.droppable() is None


def test_a_segment_handed_over_just_before_a_kill_counts_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    spool.append(Lane.KEPT, record(1))
    (path,) = spool.segments(Lane.KEPT)
    spool.retire(path)
    assert spool.is_empty
    assert values(Spool(tmp_path, budget=BUDGET).open(), Lane.KEPT) == [1]


@pytest.mark.parametrize("is_before", [False, True])
def test_a_segment_handed_over_just_before_a_kill_replaces_none_that_came_after_it(
    tmp_path: Path, is_before: bool
) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()

    def keep(number: int) -> None:
        if is_before:
            spool.prepend(Lane.KEPT, [record(number)])
        else:
            spool.append(Lane.KEPT, record(number))

    keep(1)
    (path,) = spool.segments(Lane.KEPT)
    spool.retire(path)
    keep(2)
    spool.flush()
    assert values(Spool(tmp_path, budget=BUDGET).open(), Lane.KEPT) == ([2, 1] if is_before else [1, 2])


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_its_bytes_are_those_on_disk_whatever_came_and_went(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    for number in range(40):
        spool.append(Lane(number % 3), record(number, size=number * 300))
    spool.prepend(Lane.CHANGES, [record(-2), record(-1)])
    spool.close()
    assert spool.bytes == on_disk(tmp_path) > 0
    again = Spool(tmp_path, budget=BUDGET).open()
    assert again.bytes == spool.bytes
    kept, *_ = again.segments(Lane.KEPT)
    size = kept.stat().st_size
    retired = again.retire(kept)
    assert again.bytes == on_disk(tmp_path) - size
    again.remove(retired)  # what was taken out already costs nothing more
    for lane in Lane:
        for path in again.segments(lane):
            again.remove(path)
    assert (again.bytes, again.is_empty, list(tmp_path.iterdir())) == (0, True, [])


def test_it_is_full_once_it_is_over_its_budget(tmp_path: Path) -> None:
    measured = Spool(tmp_path / "measured", budget=BUDGET).open()
    measured.append(Lane.BOOKS, record(1, size=5_000))
    for budget, expected in ((measured.bytes, False), (measured.bytes - 1, True)):
        spool = Spool(tmp_path / str(budget), budget=budget).open()
        spool.append(Lane.BOOKS, record(1, size=5_000))
        assert spool.is_full is expected


@pytest.mark.parametrize(
    ("budget", "size", "segment"), [(1 << 30, 100_000, 4 << 20), (1 << 22, 10_000, 1 << 17), (1, 10_000, 1 << 16)]
)
def test_a_segment_ends_with_the_message_that_fills_it(tmp_path: Path, budget: int, size: int, segment: int) -> None:
    spool = Spool(tmp_path, budget=budget).open()
    for number in range(segment // size + 2):
        spool.append(Lane.KEPT, record(number, size=size))
    first, _ = sorted(tmp_path.iterdir())
    assert segment <= first.stat().st_size < segment + size + 100


def test_a_damaged_message_and_what_is_behind_it_are_not_given(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    for number in range(5):
        spool.append(Lane.KEPT, record(number))
    (path,) = spool.segments(Lane.KEPT)
    content = bytearray(path.read_bytes())
    content[content.index(b"3         ")] ^= 1
    path.write_bytes(content)
    assert values(spool, Lane.KEPT) == [0, 1, 2]


def test_the_folder_is_made_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    Spool(tmp_path / "state" / "spool", budget=BUDGET).open()
    assert (tmp_path / "state" / "spool").stat().st_mode & 0o777 == 0o700
    Spool(tmp_path / "state" / "spool", budget=BUDGET).open()


def test_the_oldest_segment_of_a_lane_is_ended_before_it_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    assert spool.oldest(Lane.KEPT) is None
    spool.append(Lane.KEPT, record(1))
    spool.append(Lane.BOOKS, record(2))
    first = spool.oldest(Lane.KEPT)
    assert first is not None
    spool.append(Lane.KEPT, record(3))
    assert [int(found.value) for found in spool.read(first)] == [1]
    assert spool.oldest(Lane.KEPT) == first
    assert values(spool, Lane.KEPT) == [1, 3]
    spool.append(Lane.BOOKS, record(4))
    assert len(spool.segments(Lane.BOOKS)) == 1  # another lane's is not ended


def test_the_oldest_segment_ends_even_where_a_newer_one_is_open(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    spool.append(Lane.KEPT, record(1))
    spool.seal(Lane.KEPT)
    spool.append(Lane.KEPT, record(2))
    spool.oldest(Lane.KEPT)
    spool.append(Lane.KEPT, record(3))
    assert len(spool.segments(Lane.KEPT)) == 2  # the open one went on


def test_a_segment_that_was_dropped_reads_as_empty(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    spool.append(Lane.BOOKS, record(1))
    (path,) = spool.segments(Lane.BOOKS)
    spool.remove(path)
    assert list(spool.read(path)) == []


def test_what_failed_on_its_way_is_put_before_what_failed_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    spool.prepend(Lane.KEPT, [])
    assert spool.is_empty
    spool.prepend(Lane.KEPT, [record(3), record(4)])
    spool.prepend(Lane.KEPT, [record(1), record(2)])
    spool.append(Lane.KEPT, record(5))
    spool.prepend(Lane.BOOKS, [record(9)])
    assert values(spool, Lane.KEPT) == [1, 2, 3, 4, 5]


def test_a_message_comes_back_with_all_that_kafka_needs(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET).open()
    sent = Record("simulator-7.klines", b"\0key", b"\xffvalue", 1_722_470_400_000, b"abcdefgh")
    spool.append(Lane.CHANGES, sent)
    (path,) = spool.segments(Lane.CHANGES)
    assert list(spool.read(path)) == [sent]
