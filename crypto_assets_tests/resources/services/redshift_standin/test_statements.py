"""What the stand-in understands of Redshift's SQL: what is dropped, what is refused, and what nobody may touch."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.warehouse.ddl import FOLDER, create_table
from crypto_assets.warehouse.tables import DIM_SYMBOL, DIM_TIME, FACT_TRADES, DayTable
from resources.services.redshift_standin.refusals import Refusal
from resources.services.redshift_standin.statements import CopyCommand, understood


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "create table T (a varchar(9) encode zstd, b numeric(18, 0)) diststyle key distkey (b) sortkey (a, B);",
            "create table T (a varchar(9), b numeric(18, 0))",
        ),
        (
            "-- a\n/* b */ CREATE TEMP TABLE x (\n    id BIGINT NOT NULL,\n    at TIMESTAMP\n) DISTSTYLE ALL",
            "CREATE TEMP TABLE x (id BIGINT NOT NULL, at TIMESTAMP)",
        ),
        ("CREATE TABLE IF NOT EXISTS s.x (LIKE s.y)", "CREATE TABLE IF NOT EXISTS s.x (LIKE s.y)"),
        ("CREATE TABLE x (a DOUBLE PRECISION, b TIMESTAMP WITH TIME ZONE) COMPOUND SORTKEY (a)",
         "CREATE TABLE x (a DOUBLE PRECISION, b TIMESTAMP WITH TIME ZONE)"),
    ],
)  # fmt: skip
def test_how_redshift_stores_a_table_is_dropped(sql: str, expected: str) -> None:
    assert understood(sql) == expected


@pytest.mark.parametrize("table", [FACT_TRADES, DIM_TIME, DIM_SYMBOL])
def test_every_column_of_a_table_of_the_warehouse_is_kept(table: DayTable) -> None:
    translated = str(understood(create_table(table)))
    assert all(f"{name} " in translated for name in table.schema.names)
    assert not {"DISTKEY", "DISTSTYLE", "SORTKEY"} & set(translated.split())


def test_a_copy_names_files_table_and_role() -> None:
    sql = "COPY s.\"Facts\" FROM 's3://b/it''s/--day/' IAM_ROLE 'arn:x' FORMAT AS PARQUET"
    assert understood(sql) == CopyCommand('s."Facts"', "b", "it's/--day/", "arn:x", has_manifest=False)
    assert understood("copy t\nfrom 's3://b/m'\niam_role default\nformat parquet\nmanifest ;") == CopyCommand(
        "t", "b", "m", "default", has_manifest=True
    )


@pytest.mark.parametrize(
    "sql",
    [
        "",
        " ; -- nothing",
        "SELECT 'COPY x' /* INSERT ON CONFLICT */",
        "CREATE TABLE x AS SELECT 1 AS a",
        "CREATE VIEW v AS SELECT 1",
        "INSERT INTO t VALUES ('on conflict ''returning''')",
        *(
            path.read_text(encoding="utf-8")
            for path in sorted(Path(FOLDER).glob("*.sql"))
            if path.stem not in ("copy_staging", "create_staging", "create_warehouse_loads")
        ),
    ],
)
def test_everything_else_goes_to_postgresql_as_it_is(sql: str) -> None:
    assert understood(sql) is None


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE INDEX i ON t (a)", "CREATE INDEX"),
        ("CREATE UNIQUE INDEX i ON t (a)", "CREATE UNIQUE INDEX"),
        ("CREATE SEQUENCE s", "CREATE SEQUENCE"),
        ("CREATE TRIGGER t BEFORE INSERT ON x EXECUTE FUNCTION f()", "CREATE TRIGGER"),
        ("CREATE TABLE t (a INT CHECK (a > 0))", "syntax error"),
        ("CREATE TABLE t (a INT, CHECK (a > 0))", "syntax error"),
        ("CREATE TABLE t (a JSONB)", 'Column "t.a" has unsupported type "jsonb"'),
        ("CREATE TABLE t (a INT[])", "unsupported type"),
        ("CREATE TABLE t (a SERIAL)", "unsupported type"),
        ("CREATE TABLE t (a SUPER)", "unsupported type"),
        ("CREATE TABLE t (a INT) PARTITION BY RANGE (a)", "does not execute this CREATE TABLE"),
        ("CREATE TABLE t (a INT) DISTKEY (b)", 'column "b" named as a key does not exist'),
        ("CREATE TABLE t (a INT", "does not execute this CREATE TABLE"),
        ("CREATE TABLE t (a INT); SELECT 1", "alone in its query"),
        ("COPY t FROM 's3://b/k' IAM_ROLE 'a' PARQUET; SELECT 1", "alone in its query"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", 'near "CONFLICT"'),
        ("INSERT INTO t VALUES (1) RETURNING a", 'near "RETURNING"'),
        ("DO $$ BEGIN END $$", 'SQL command "DO"'),
    ],
)
def test_what_redshift_does_not_do_is_refused(sql: str, reason: str) -> None:
    with pytest.raises(Refusal) as refused:
        understood(sql)
    assert reason in str(refused.value)
