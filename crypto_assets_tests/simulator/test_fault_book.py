"""Faults in force, and what has been used of them."""

from __future__ import annotations

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import parse_faults_json


def book_of(text: bytes) -> tuple[FaultBook, int]:
    book = FaultBook()
    (number,) = book.add(parse_faults_json(text))
    return book, number


def test_a_fault_is_used_as_often_as_it_says_and_then_no_more() -> None:
    book, number = book_of(b'{"action":"disconnect","times":2}')
    assert [book.use(number) for _ in range(3)] == [True, True, False]
    assert not book.is_in_force(number)


def test_a_fault_that_has_done_all_that_it_can_is_over_before_it_was_used_up() -> None:
    book, number = book_of(b'{"action":"disconnect"}')
    assert book.is_in_force(number)
    book.end(number)
    assert not book.is_in_force(number)
    assert not book.use(number)


def test_a_fault_that_was_removed_meanwhile_is_none_to_use_or_to_end() -> None:
    book, number = book_of(b'{"action":"disconnect"}')
    book.remove()
    book.end(number)
    assert not book.use(number)
    assert not book.is_in_force(number)
