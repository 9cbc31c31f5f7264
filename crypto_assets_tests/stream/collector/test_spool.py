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
    spool = Spool(tmp_path, budget=BUDGET)
    for number in range(100):
        spool.append(Lane.KEPT, record(number, size=10_000))
    assert len(spool.segments(Lane.KEPT)) > 3
    spool.close()
    again = Spool(tmp_path, budget=BUDGET)
    again.append(Lane.KEPT, record(100))
    again.prepend(Lane.KEPT, [record(-2), record(-1)])
    assert values(again, Lane.KEPT) == list(range(-2, 101))


@pytest.mark.parametrize("cut", [1, 7, 20, 40])
def test_a_segment_that_a_kill_cut_gives_what_was_whole(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, budget=BUDGET)
    for number in range(10):
        spool.append(Lane.KEPT, record(number))
    spool.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-cut])
    assert values(Spool(tmp_path, budget=BUDGET), Lane.KEPT) == list(range(9))


def test_nothing_that_is_put_before_makes_no_segment(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET)
    spool.prepend(Lane.KEPT, [])
    assert (spool.is_empty, spool.oldest(Lane.KEPT), list(tmp_path.iterdir())) == (True, None, [])


def test_what_was_flushed_is_there_without_a_close(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=BUDGET)
    spool.append(Lane.BOOKS, record(1))
    spool.flush()
    assert values(Spool(tmp_path, budget=BUDGET), Lane.BOOKS) == [1]


def test_books_are_given_up_before_changes_and_trades_never(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=100_000)
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
    spool = Spool(tmp_path, budget=BUDGET)
    spool.append(Lane.KEPT, record(1))
    (path,) = spool.segments(Lane.KEPT)
    spool.retire(path)
    assert spool.is_empty
    assert values(Spool(tmp_path, budget=BUDGET), Lane.KEPT) == [1]
