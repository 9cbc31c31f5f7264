"""Redshift's SQL as PostgreSQL gets it: what is dropped, what is refused, and what nobody may touch."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.services.standin.refusals import Refusal
from resources.services.standin.tokens import Kind, statements_of, text_of, tokens_of
from resources.services.standin.translate import LastCopy, translate

PIECES = st.sampled_from(
    [
        "'",
        "''",
        '"',
        "--",
        "\n",
        "/*",
        "*/",
        "$$",
        "$a$",
        "E'",
        "\\",
        ";",
        "a",
        "B1",
        " ",
        "(",
        ")",
        "1.5",
        "é",
        "\udcff",
    ]
)
TEXTS = st.lists(PIECES).map("".join) | st.text()


def translated(sql: str) -> str:
    (statement,) = statements_of(tokens_of(sql))
    return translate(statement, LastCopy(query=7, rows=3))


@given(TEXTS)
def test_tokens_are_the_whole_text(text: str) -> None:
    assert text_of(tokens_of(text)) == text


@given(st.lists(st.text(), min_size=1))
def test_a_literal_is_one_token_whatever_it_holds(values: list[str]) -> None:
    literals = ["'" + value.replace("'", "''") + "'" for value in values]
    found = [token.value for token in tokens_of(", ".join(literals)) if token.kind is Kind.LITERAL]
    assert found == values


@given(st.text().map(lambda text: text.replace("$q$", "")))
def test_literals_and_comments_are_never_touched(text: str) -> None:
    literal = "'" + text.replace("'", "''") + "'"
    comment = "/*" + text.replace("*/", "").replace("/*", "") + " */"
    sql = f"SELECT {literal}, {comment} $q${text}$q$ FROM t"
    if len(statements_of(tokens_of(sql))) == 1 and not text.endswith("$"):
        assert translated(sql) == sql


def test_semicolons_separate_statements_only_outside_of_literals_and_comments() -> None:
    sql = "SELECT ';' /* ; */; -- ;\n;\nSELECT \";\", $$;$$"
    assert [text_of(each).strip() for each in statements_of(tokens_of(sql))] == [
        "SELECT ';' /* ; */",
        'SELECT ";", $$;$$',
    ]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "create table T (a varchar encode zstd, b numeric distkey, c text) diststyle key sortkey (a, b)",
            'CREATE TABLE "t" (a varchar(256), b numeric(18,0), c varchar(256))',
        ),
        (
            "CREATE TEMP TABLE x (id BIGINT IDENTITY(1, 2), at TIMESTAMP DEFAULT getdate() NOT NULL) BACKUP NO",
            'CREATE TEMP TABLE "x" (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1 INCREMENT BY 2), '
            "at timestamp DEFAULT getdate() NOT NULL)",
        ),
        (
            "CREATE TABLE x (a INT, b INT REFERENCES y (b), UNIQUE (b), PRIMARY KEY (a), FOREIGN KEY (b) REFERENCES y)",
            'CREATE TABLE "x" (a integer NOT NULL, b integer)',
        ),
        ("CREATE TABLE IF NOT EXISTS s.x (LIKE s.y)", 'CREATE TABLE IF NOT EXISTS "s"."x" (LIKE s.y)'),
        ("CREATE TABLE x DISTKEY (a) AS SELECT 1 AS a", 'CREATE TABLE "x" AS SELECT 1 AS a'),
        ('CREATE TABLE x ("A b" VARCHAR(MAX))', 'CREATE TABLE "x" ("a b" varchar(65535))'),
        ("ALTER TABLE x ADD COLUMN y INT ENCODE az64", 'ALTER TABLE "x" ADD COLUMN y integer'),
        ("SELECT pg_last_copy_count()", "SELECT redshift_standin.pg_last_copy_count(3)"),
        ("SELECT PG_LAST_COPY_ID ( )", "SELECT redshift_standin.pg_last_copy_id (7 )"),
        ('SELECT version, "Version" FROM t', 'SELECT version, "version" FROM t'),
    ],
)
def test_what_only_redshift_says_is_dropped_or_said_otherwise(sql: str, expected: str) -> None:
    assert translated(sql) == expected


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE INDEX i ON t (a)", "CREATE INDEX"),
        ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX"),
        ("CREATE SEQUENCE s", "CREATE SEQUENCE"),
        ("CREATE TRIGGER t BEFORE INSERT ON x EXECUTE FUNCTION f()", "CREATE TRIGGER"),
        ("CREATE TABLE t (a INT CHECK (a > 0))", "CHECK constraint"),
        ("CREATE TABLE t (a INT, CHECK (a > 0))", "CHECK constraint"),
        ("CREATE TABLE t (a JSONB)", 'Column "t.a" has unsupported type "jsonb"'),
        ("CREATE TABLE t (a INT[])", "unsupported type"),
        ("CREATE TABLE t (a SERIAL)", "unsupported type"),
        ("CREATE TABLE t (a SUPER)", "stand-in for Amazon Redshift does not execute"),
        ("CREATE TABLE t (a DECIMAL(39, 2))", "precision 39 must be between 1 and 38"),
        ("CREATE TABLE t (a VARCHAR(65536))", "cannot exceed 65535"),
        ("CREATE TABLE t (a INT) PARTITION BY RANGE (a)", 'near "PARTITION"'),
        ("CREATE TABLE t (a INT ENCODE quick)", 'near "quick"'),
        ("CREATE TABLE t (a INT) DISTKEY (b)", 'column "b" named in DISTKEY does not exist'),
        ("CREATE TABLE t (a INT DISTKEY, b INT DISTKEY)", "more than one DISTKEY"),
        ("CREATE TABLE t (a INT DISTKEY) DISTSTYLE ALL", "DISTSTYLE ALL"),
        ("CREATE TABLE t (a INT", "end of input"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", 'near "CONFLICT"'),
        ("INSERT INTO t VALUES (1) RETURNING a", 'near "RETURNING"'),
        ("UNLOAD ('SELECT 1') TO 's3://b/k'", "UNLOAD"),
        ("DO $$ BEGIN END $$", 'SQL command "DO"'),
    ],
)
def test_what_redshift_does_not_do_is_refused(sql: str, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        translated(sql)
    assert reason in str(refused.value)
