"""The two statements that PostgreSQL does not execute as Redshift does, and what Redshift refuses of the others.

Only what a load sends is understood: COPY of Parquet from S3, and CREATE TABLE with plain columns. A query that begins
otherwise is PostgreSQL's own matter, whatever it holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resources.services.redshift_standin.refusals import Refusal, not_in_stand_in, not_on_redshift, syntax_error

CLUSTERS_OWN_ROLE = "default"
_NAME = r'(?:"[^"]+"|[\w$]+)'
_TABLE = rf"{_NAME}(?:\.{_NAME})*"
_BLANK = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*", re.DOTALL)
_COPY = re.compile(
    rf"""
    copy \s+ (?P<table>{_TABLE})
    \s+ from \s+ 's3://(?P<bucket>[^/']+)/?(?P<key>(?:[^']|'')*)'
    \s+ iam_role \s+ (?:'(?P<role>[^']*)'|(?P<default>default))
    \s+ (?:format \s+ (?:as \s+)?)? parquet
    (?P<manifest>\s+ manifest)? [\s;]*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CREATE_TABLE = re.compile(
    rf"""
    (?P<head>create \s+ (?:temp \s+|temporary \s+)? table \s+ (?:if \s+ not \s+ exists \s+)? (?P<table>{_TABLE}))
    \s* \( (?P<columns>(?:[^()]|\([^()]*\))*) \)
    (?P<storage>(?:\s*(?:diststyle \s+ \w+ | (?:distkey|(?:compound \s+)? sortkey) \s* \([^()]*\)))*) [\s;]*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_COLUMN = re.compile(
    rf"""
    (?P<name>{_NAME}) \s+ (?P<type>(?P<kind>[a-z]\w*(?:\s+(?:precision|varying|with(?:out)?\s+time\s+zone))?) [^a-z]*?)
    (?P<required>\s+ not \s+ null)? (?:\s+ encode \s+ \w+)?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TYPES = frozenset(
    (
        *("smallint", "int2", "integer", "int", "int4", "bigint", "int8", "numeric", "decimal", "real", "float4"),
        *("double precision", "float8", "float", "boolean", "bool", "date", "char", "character", "varchar"),
        *("character varying", "timestamp", "timestamp without time zone", "timestamptz", "timestamp with time zone"),
    )
)
"""Those of Redshift that mean the same in PostgreSQL."""
_OF_POSTGRES = re.compile(
    r"(?P<verb>create\s+(?:unique\s+)?(?:index|sequence|trigger|extension|rule|domain|type)|do|listen|notify)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"\b(?:on\s+(?P<conflict>conflict)|(?P<returning>returning))\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class CopyCommand:
    """What is loaded from where into which table."""

    table: str
    """As it was written."""
    bucket: str
    key: str
    """Beginning of the files' keys, or the manifest's whole key."""
    role: str
    has_manifest: bool

    @property
    def shown_table(self) -> str:
        """The table as messages name it."""
        return self.table.replace('"', "")

    @property
    def uri(self) -> str:
        """Where the files or their manifest are."""
        return f"s3://{self.bucket}/{self.key}"


def understood(sql: str) -> CopyCommand | str | None:
    """A COPY, or the CREATE TABLE that PostgreSQL is to execute; None for a query that it gets as it is.

    Raises Refusal for what Redshift refuses and PostgreSQL does not, and for a COPY or CREATE TABLE of another form.
    """
    statement = sql[_BLANK.match(sql).end() :]  # pyright: ignore[reportOptionalMemberAccess]  it matches nothing, too
    match statement.split(maxsplit=3):
        case [first, *_] if first.lower() == "copy":
            return _copy(statement)
        case [first, *words] if first.lower() == "create" and "table" in map(str.lower, words[:2]):
            return None if re.match(rf"create\s+\w*\s*table\s+{_TABLE}\s+as\b", statement, re.I) else _table(statement)
        case [first, *_] if first.lower() in ("insert", "update", "delete"):
            _refuse_clauses(statement)
        case _:
            if found := _OF_POSTGRES.match(statement):
                raise not_on_redshift(f'SQL command "{" ".join(found["verb"].upper().split())}"')
    return None


def _copy(statement: str) -> CopyCommand:
    found = _COPY.fullmatch(statement)
    if found is None:
        raise not_in_stand_in(
            "this COPY",
            instead="It takes COPY table FROM 's3://bucket/key' IAM_ROLE 'arn:…' FORMAT AS PARQUET [MANIFEST], "
            "alone in its query.",
        )
    key = found["key"].replace("''", "'")
    return CopyCommand(
        found["table"], found["bucket"], key, found["role"] or CLUSTERS_OWN_ROLE, has_manifest=bool(found["manifest"])
    )


def _table(statement: str) -> str:
    """The statement without what says how Redshift stores the table."""
    found = _CREATE_TABLE.fullmatch(statement)
    if found is None:
        raise not_in_stand_in(
            "this CREATE TABLE",
            instead="It takes columns with their types and NOT NULL, then DISTSTYLE, DISTKEY and SORTKEY, alone in its "
            "query.",
        )
    if re.match(r"\s*like\b", found["columns"], re.IGNORECASE):
        return f"{found['head']} ({found['columns']})"
    columns = dict(_column(text, table=found["table"]) for text in re.split(r",(?![^()]*\))", found["columns"]))
    for names in re.findall(r"\(([^()]*)\)", found["storage"]):
        for name in names.split(","):
            if name.strip().lower() not in columns:
                raise Refusal(f'column "{name.strip()}" named as a key does not exist', code="42703")
    return f"{found['head']} ({', '.join(columns.values())})"


def _column(text: str, *, table: str) -> tuple[str, str]:
    """Name of a column, and what PostgreSQL is told of it."""
    found = _COLUMN.fullmatch(text.strip())
    if found is None:
        raise syntax_error(text.strip())
    if " ".join(found["kind"].lower().split()) not in _TYPES or "[" in found["type"]:
        raise Refusal(f'Column "{table}.{found["name"]}" has unsupported type "{found["type"].lower()}".')
    return found["name"].lower(), f"{found['name']} {found['type']}{found['required'] or ''}"


def _refuse_clauses(statement: str) -> None:
    if found := _CLAUSE.search(_LITERAL.sub("''", statement)):
        raise syntax_error((found["conflict"] or found["returning"]).upper())
