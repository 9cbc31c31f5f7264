"""Deliveries that fail, wait, and are made in order."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from crypto_assets.alerts.outbox import APART, AT_EASE, LONGEST_ASKED, pause
from crypto_assets_tests.alerts.causes import NOW, Book, cause, opened

MINUTE = timedelta(minutes=1)


def fail(book: Book, *, retry_after_s: float | None = None) -> timedelta:
    """A try that comes to nothing; how long after it the next one may be."""
    return book.outbox.failed("webhook", "it is down.", retry_after_s=retry_after_s, now=book.now) - book.now


def is_due(book: Book, channel: str = "webhook", *, is_limited: bool = True) -> bool:
    return book.outbox.is_due(channel, is_limited=is_limited, now=book.now)


def test_pauses_grow_to_a_quarter_of_an_hour() -> None:
    assert [pause(n) / MINUTE for n in (1, 2, 3, 4, 5, 6, 7, 1_000)] == [0.5, 1, 2, 4, 8, 15, 15, 15]


def test_a_channel_that_fails_is_left_alone_until_its_pause_is_over(book: Book) -> None:
    assert fail(book) == timedelta(seconds=30)
    assert not is_due(book)
    assert is_due(book, "log")
    book.now += timedelta(seconds=30)
    assert is_due(book)
    assert fail(book) == MINUTE


def test_a_server_that_asks_for_a_longer_pause_gets_it_up_to_an_hour(book: Book) -> None:
    assert fail(book, retry_after_s=90) == timedelta(seconds=90)
    assert fail(book, retry_after_s=1) == MINUTE
    for endless in (1e9, 1e18, float("inf")):
        assert fail(book, retry_after_s=endless) == LONGEST_ASKED


def test_pauses_survive_a_restart_and_end_with_a_success(tmp_path: Path) -> None:
    with opened(tmp_path) as book:
        book.look(cause())
        fail(book)
        fail(book)
    with opened(tmp_path) as book:
        state = book.outbox.channel("webhook")
        assert (state.failures, state.waiting, state.problem) == (2, 1, "it is down.")
        assert state.failing_since == NOW + timedelta(seconds=30)
        assert book.told() == [("disk/DATA_DIR", "firing")]
        assert book.outbox.channel("webhook").failures == 0


def test_what_waited_is_told_in_the_order_in_which_it_happened(book: Book) -> None:
    for key in ("disk/b", "disk/a", "disk/c"):
        book.look(cause(key))
    assert [key for key, _ in book.told()] == ["disk/b", "disk/a", "disk/c"]


def test_a_beginning_that_was_not_told_is_told_with_its_end(book: Book) -> None:
    book.look(cause("disk/a"), cause("disk/b"))
    book.look(cause("disk/b"))
    assert book.told() == [("disk/a", "firing+resolved"), ("disk/b", "firing")]
    book.look()
    assert book.told() == [("disk/b", "resolved")]


def test_what_came_while_a_message_was_on_its_way_is_not_taken_to_be_told(book: Book) -> None:
    book.look(cause("disk/a"))
    (first,) = book.outbox.waiting("webhook")
    book.look(cause("disk/a"), cause("disk/b"))
    book.outbox.sent("webhook", up_to=first.number, now=book.now)
    assert book.told() == [("disk/b", "firing")]


def test_many_messages_of_an_hour_make_the_next_ones_wait_and_never_those_of_the_log(book: Book) -> None:
    for number in range(AT_EASE):
        assert is_due(book)
        book.look(cause(f"disk/{number}"))
        book.told()
        book.told("log")
    assert not is_due(book)
    assert is_due(book, "log", is_limited=False)
    book.now += APART
    assert is_due(book)
    book.look(cause("disk/x"))
    book.told()
    assert not is_due(book)
    book.now += timedelta(hours=1)
    assert is_due(book)
