"""A walk over the tokens of a statement, as a parser reads them: blanks are passed over."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from resources.services.standin.refusals import SYNTAX_ERROR, Refusal, syntax_error
from resources.services.standin.tokens import Kind, Token, closing_of, text_of


class Cursor:
    """Stands before a token; true while there is one. What is not expected raises Refusal, a syntax error."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._pass_blanks()
        self.last = ""
        """The token taken last, as it is written."""

    def __bool__(self) -> bool:
        return self._place < len(self._tokens)

    @property
    def word(self) -> str:
        """The next token if it is a word, in lower case."""
        return self._tokens[self._place].word if self else ""

    @property
    def text(self) -> str:
        """The next token as it is written; empty at the end."""
        return self._tokens[self._place].text if self else ""

    def is_at(self, word: str) -> bool:
        """Whether this word comes next."""
        return self.word == word

    def take(self) -> Token:
        """The next token."""
        if not self:
            raise _end_of_input()
        token = self._tokens[self._place]
        self._place += 1
        self._pass_blanks()
        self.last = token.text
        return token

    def take_word(self, *allowed: str) -> str:
        """The next token, which has to be one of these words."""
        token = self.take()
        if token.word not in allowed:
            raise syntax_error(token.text)
        return token.word

    def take_symbol(self, symbol: str) -> None:
        """The next token, which has to be this."""
        token = self.take()
        if token.kind is not Kind.OTHER or token.text != symbol:
            raise syntax_error(token.text)

    def take_name(self) -> str:
        """The name that comes next, folded to lower case."""
        token = self.take()
        if not token.name:
            raise syntax_error(token.text)
        return token.name

    def take_dotted_name(self) -> str:
        """A name with those of its schema and database, folded and quoted: "public"."trades"."""
        parts = [quoted(self.take_name())]
        while self.text == ".":
            self.take()
            parts.append(quoted(self.take_name()))
        return ".".join(parts)

    def take_group(self) -> list[Token]:
        """What stands in the parentheses that come next."""
        if self.text != "(":
            raise syntax_error(self.text) if self else _end_of_input()
        try:
            end = closing_of(self._tokens, self._place)
        except ValueError:
            raise _end_of_input() from None
        inner = list(self._tokens[self._place + 1 : end])
        self._place = end + 1
        self._pass_blanks()
        return inner

    def take_names(self) -> list[str]:
        """Names in parentheses, between commas."""
        inner = Cursor(self.take_group())
        names = [inner.take_name()]
        while inner:
            inner.take_symbol(",")
            names.append(inner.take_name())
        return names

    def take_numbers(self) -> list[int]:
        """Whole numbers in parentheses, between commas."""
        inner = Cursor(self.take_group())
        numbers = [_number(inner.take())]
        while inner:
            inner.take_symbol(",")
            numbers.append(_number(inner.take()))
        return numbers

    def take_until(self, words: Collection[str]) -> str:
        """Text of at least one token, up to one of these words outside of parentheses."""
        start = self._place
        while self._place == start or (self and self.word not in words):
            if self.text == "(":
                self.take_group()
            else:
                self.take()
        return text_of(self._tokens[start : self._place]).strip()

    def rest(self) -> list[Token]:
        """All that is left."""
        start, self._place = self._place, len(self._tokens)
        return list(self._tokens[start:])

    def _pass_blanks(self) -> None:
        while self and self._tokens[self._place].is_blank:
            self._place += 1


def quoted(name: str) -> str:
    """A name as an identifier of SQL."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _number(token: Token) -> int:
    if token.kind is not Kind.NUMBER or not token.text.isdecimal():
        raise syntax_error(token.text)
    return int(token.text)


def _end_of_input() -> Refusal:
    return Refusal("syntax error at end of input", code=SYNTAX_ERROR)
