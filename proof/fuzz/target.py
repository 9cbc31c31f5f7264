"""What a parser is fuzzed with: where it starts from, and what must hold of whatever comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

Try = Callable[[bytes], None]
"""Gives an input to a parser and asserts what must hold; what it raises is a finding."""


@dataclass(frozen=True, slots=True)
class Target:
    """One parser."""

    name: str
    about: str
    seeds: Callable[[], Iterator[bytes]]
    """Inputs that are right, from which others are made."""
    open: Callable[[Path], Try]
    """Given a folder for its files, what is called with each input."""
    longest_bytes: int = 4096
    words: Sequence[bytes] = ()
    """Pieces worth putting together."""


def picked[T](choices: Sequence[T], data: bytes) -> tuple[T, bytes]:
    """One of the choices by the first byte of an input, and the rest of it."""
    return choices[(data[0] if data else 0) % len(choices)], data[1:]
