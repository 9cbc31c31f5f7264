"""A statement of Redshift's SQL as PostgreSQL executes it, or the reason why Redshift would not execute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resources.services.standin.create_table import translate_add_column, translate_create_table
from resources.services.standin.cursor import Cursor
from resources.services.standin.database import SCHEMA
from resources.services.standin.refusals import Refusal, not_in_stand_in, not_on_redshift, syntax_error
from resources.services.standin.tokens import Kind, Token, significant, text_of, word_set, words_of

NOT_CREATED = word_set(
    "index sequence trigger extension rule domain type tablespace aggregate operator foreign event policy cast "
    "collation server publication subscription statistics unlogged constraint transform access text"
)
"""What PostgreSQL makes and Redshift does not know."""
NOT_EXECUTED = word_set("do listen notify unlisten cluster reindex checkpoint load import security")
DELETE_AND_INSERT = "Redshift has no ON CONFLICT: delete and insert in one transaction, or use MERGE."


@dataclass(frozen=True, slots=True)
class LastCopy:
    """What a session's functions tell of its last COPY."""

    query: int = -1
    rows: int = 0


def translate(statement: Sequence[Token], last: LastCopy) -> str:
    """The statement for PostgreSQL; raises Refusal for what Redshift refuses. COPY is not one of these statements."""
    tokens = [Token(token.kind, token.folded) for token in statement]
    first, second, third, fourth = (*words_of(tokens, count=4), *("",) * 4)[:4]
    match first:
        case "create":
            after = {"or", "replace", "unique", "temp", "temporary", "local"}
            made = next((word for word in (second, third, fourth) if word not in after), "")
            if made == "table":
                return translate_create_table(tokens)
            _refuse_creating(made, verb="CREATE")
        case "alter" if second == "table":
            tokens = _alter_table(tokens)
        case "alter" | "drop":
            _refuse_creating(second, verb=first.upper())
        case "insert" | "update" | "delete" | "with":
            _refuse_clauses(tokens)
        case "unload":
            raise not_in_stand_in("UNLOAD", instead="Read the table instead.")
        case "merge" if any(token.word == "remove" for token in tokens[-6:]):
            raise not_in_stand_in("MERGE … REMOVE DUPLICATES", instead="Write its WHEN clauses.")
        case word if word in NOT_EXECUTED:
            raise not_on_redshift(f'SQL command "{first.upper()}"')
        case _:
            pass
    return text_of(_with_functions(tokens, last))


def _refuse_creating(what: str, *, verb: str) -> None:
    if what in NOT_CREATED:
        raise not_on_redshift(f'SQL command "{verb} {what.upper()}"')
    if what == "external":
        raise not_in_stand_in(f"{verb} EXTERNAL", instead="COPY reads Parquet.")


def _refuse_clauses(tokens: Sequence[Token]) -> None:
    depth, before = 0, ""
    for token in significant(tokens):
        if token.kind is Kind.OTHER:
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        if before == "on" and token.word == "conflict" and depth == 0:
            raise Refusal('syntax error at or near "CONFLICT"', code="42601", detail=DELETE_AND_INSERT)
        if token.word == "returning" and depth == 0:
            raise syntax_error(token.text)
        before = token.word


def _alter_table(tokens: Sequence[Token]) -> list[Token]:
    cursor = Cursor(tokens)
    cursor.take_word("alter")
    cursor.take_word("table")
    if cursor.is_at("if"):
        raise syntax_error("IF")
    table = cursor.take_dotted_name()
    match cursor.word:
        case "add":
            cursor.take()
            if cursor.is_at("column"):
                cursor.take()
            text = translate_add_column(cursor.rest())
            return [Token(Kind.OTHER, f"ALTER TABLE {table} ADD COLUMN {text}")]
        case "append":
            raise not_in_stand_in("ALTER TABLE … APPEND", instead="INSERT and DELETE in one transaction.")
        case "alter" if {"diststyle", "distkey", "sortkey", "encode", "compound"} & {token.word for token in tokens}:
            raise not_in_stand_in("ALTER TABLE of distribution, order or encodings", instead="They have no effect.")
        case _:
            return list(tokens)


def _with_functions(tokens: Sequence[Token], last: LastCopy) -> list[Token]:
    """Calls of functions that know the session, or that PostgreSQL has for itself, go to the stand-in's own."""
    values = {"version": "", "pg_last_copy_count": str(last.rows), "pg_last_copy_id": str(last.query)}
    out = list(tokens)
    places = [place for place, token in enumerate(tokens) if not token.is_blank]
    for index, place in enumerate(places[:-2]):
        name, opening, closing = (tokens[each] for each in places[index : index + 3])
        before = tokens[places[index - 1]].text if index else ""
        if name.word in values and (opening.text, closing.text) == ("(", ")") and before != ".":
            out[place] = Token(Kind.WORD, f"{SCHEMA}.{name.word}")
            out[places[index + 1]] = Token(Kind.OTHER, f"({values[name.word]}")
    return out
