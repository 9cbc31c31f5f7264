"""SQL text as tokens: enough of the language to tell words from what stands in literals, comments and quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a piece of text is."""

    SPACE = "space"
    COMMENT = "comment"
    LITERAL = "literal"
    QUOTED = "quoted identifier"
    WORD = "word"
    NUMBER = "number"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SQL text."""

    kind: Kind
    text: str

    @property
    def word(self) -> str:
        """A keyword or bare name in lower case; empty for anything else, also for a quoted name."""
        return self.text.lower() if self.kind is Kind.WORD else ""

    @property
    def is_blank(self) -> bool:
        """Whether it only separates others."""
        return self.kind in (Kind.SPACE, Kind.COMMENT)

    @property
    def name(self) -> str:
        """The identifier it is, folded to lower case as Redshift does with quoted ones too; empty where it is none."""
        if self.kind is Kind.QUOTED:
            return self.text[1:-1].replace('""', '"').lower()
        return self.word

    @property
    def folded(self) -> str:
        """Its text, a quoted identifier in lower case."""
        return self.text.lower() if self.kind is Kind.QUOTED else self.text

    @property
    def value(self) -> str | None:
        """What a plain literal 'text' means; None for anything else."""
        if self.kind is not Kind.LITERAL or not (len(self.text) > 1 and self.text[0] == self.text[-1] == "'"):
            return None
        return self.text[1:-1].replace("''", "'")


_LETTER = r"[^\W\d]|[\udc80-\udcff]"  # also bytes that are no UTF-8, which are decoded as lone surrogates
_PATTERN = re.compile(
    rf"""
    (?P<SPACE>\s+)
    |(?P<COMMENT>--[^\n]*)
    |(?P<LITERAL>
        [eE]'(?:[^'\\]|''|\\.)*(?:'|\\?\Z)
        |(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|\Z)
        |\$(?P<tag>(?:(?:{_LETTER})(?:{_LETTER}|\d)*)?)\$.*?(?:\$(?P=tag)\$|\Z)
    )
    |(?P<QUOTED>"(?:[^"]|"")*(?:"|\Z))
    |(?P<NUMBER>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<WORD>(?:{_LETTER})(?:{_LETTER}|[\d$])*)
    |(?P<OTHER>::|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def tokens_of(text: str) -> list[Token]:
    """Tokens that together are the text, to the last character; what is not closed reaches to its end."""
    found: list[Token] = []
    place = 0
    while place < len(text):
        if text.startswith("/*", place):
            end = _end_of_comment(text, place)
            token = Token(Kind.COMMENT, text[place:end])
        else:
            token = _token_at(text, place)
        found.append(token)
        place += len(token.text)
    return found


def statements_of(tokens: Sequence[Token]) -> list[list[Token]]:
    """Statements between semicolons, which belong to none; those without anything but blanks are left out."""
    statements: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == ";" and token.kind is Kind.OTHER:
            statements.append([])
        else:
            statements[-1].append(token)
    return [statement for statement in statements if any(not token.is_blank for token in statement)]


def text_of(tokens: Sequence[Token]) -> str:
    """The text that tokens are."""
    return "".join(token.text for token in tokens)


def words_of(tokens: Sequence[Token], *, count: int) -> tuple[str, ...]:
    """The first words, blanks left out; anything that is not a word counts as an empty one."""
    return tuple(token.word for _, token in zip(range(count), significant(tokens), strict=False))


def word_set(words: str) -> frozenset[str]:
    """Words of a text, separated by spaces."""
    return frozenset(words.split())


def significant(tokens: Sequence[Token]) -> Iterator[Token]:
    """Tokens that are not blank."""
    return (token for token in tokens if not token.is_blank)


def closing_of(tokens: Sequence[Token], opening: int) -> int:
    """Index of the parenthesis that closes the one at `opening`; raises ValueError where there is none."""
    depth = 0
    for index in range(opening, len(tokens)):
        token = tokens[index]
        if token.kind is Kind.OTHER:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if depth == 0:
                return index
    raise ValueError("a parenthesis is not closed")


def parts_of(tokens: Sequence[Token]) -> list[list[Token]]:
    """What stands between commas, not counting those inside of parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind is Kind.OTHER:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
            if token.text == "," and depth == 0:
                parts.append([])
                continue
        parts[-1].append(token)
    return parts


def _token_at(text: str, place: int) -> Token:
    match = _PATTERN.match(text, place)
    if match is None:
        raise AssertionError("any character is a token")
    kind = next(kind for kind in Kind if match[kind.name] is not None)
    return Token(kind, match[0])


def _end_of_comment(text: str, start: int) -> int:
    """Comments nest, as in PostgreSQL."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(text, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)
