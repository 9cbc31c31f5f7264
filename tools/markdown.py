"""Tables of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence


def cell(text: str) -> str:
    """Text as it can stand in one cell: a line, with bars that do not end it.

    >>> cell("a | b\\nc <day>")
    'a \\\\| b c &lt;day>'
    """
    code = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("|", "\\|"))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in code)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table and an empty one behind it."""
    yield f"| {' | '.join(head)} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
