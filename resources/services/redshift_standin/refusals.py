"""What Redshift, or its stand-in, does not do: the sentence a client is told, and the row that explains a load."""

from __future__ import annotations

from dataclasses import dataclass

FEATURE_NOT_SUPPORTED = "0A000"
SYNTAX_ERROR = "42601"
INTERNAL_ERROR = "XX000"
NAME = "This stand-in for Amazon Redshift"


class Refusal(Exception):
    """Raised for a statement that is not executed; the transaction it is in fails, as with any error."""

    def __init__(self, message: str, *, code: str = FEATURE_NOT_SUPPORTED, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row of stl_load_errors: where a load has stopped, and why."""

    filename: str
    reason: str
    code: int
    line: int = 0
    column: str = ""
    type: str = ""


class LoadRefusal(Refusal):
    """Raised where a COPY cannot load what it was pointed at; `explanation` is kept in stl_load_errors."""

    def __init__(self, message: str, explanation: Explanation, *, detail: str | None = None) -> None:
        super().__init__(message, code=INTERNAL_ERROR, detail=detail)
        self.explanation = explanation


def syntax_error(near: str) -> Refusal:
    """A statement that Redshift cannot parse."""
    return Refusal(f'syntax error at or near "{near}"', code=SYNTAX_ERROR)


def not_on_redshift(what: str) -> Refusal:
    """Something of PostgreSQL that Redshift lacks."""
    return Refusal(f"{what} is not supported on Redshift tables.")


def not_in_stand_in(what: str, *, instead: str) -> Refusal:
    """Something of Redshift that the stand-in lacks."""
    return Refusal(f"{NAME} does not execute {what}. {instead}")
