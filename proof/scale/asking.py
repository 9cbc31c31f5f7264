"""What it costs to ask an instance of Dagster: seconds, processor time, and statements, which no other load changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import msgspec
from sqlalchemy import event
from sqlalchemy.engine import Engine


class Asked(msgspec.Struct, frozen=True):
    """One question."""

    what: str
    wall_s: float
    cpu_s: float
    """Of this process; the database's own is not in it."""
    statements: int
    """That reached the database."""
    answer: str


@contextmanager
def counted_statements() -> Generator[Callable[[], int]]:
    """How many statements SQLAlchemy has sent, in this process, since the context began."""
    number = 0

    def count(*_: object) -> None:
        nonlocal number
        number += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield lambda: number
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def ask(what: str, question: Callable[[], object]) -> Asked:
    """Ask once."""
    with counted_statements() as statements:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = str(question())
        return Asked(what, time.perf_counter() - wall, time.process_time() - cpu, statements(), answer[:300])
