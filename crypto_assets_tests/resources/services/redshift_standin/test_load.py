"""COPY of Parquet from S3 as a client sees it: what is loaded, what is refused, and what is told of both."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg2
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812

from crypto_assets_tests.resources.services.redshift_standin.conftest import PARQUET, Bucket, execute

TEXT = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
MINUTE = datetime(2025, 9, 10, 0, 1, tzinfo=UTC).replace(tzinfo=None)
TABLE = """
CREATE TABLE facts (
    symbol VARCHAR(16) NOT NULL ENCODE zstd,
    trade_minute TIMESTAMP NOT NULL,
    price DECIMAL(28, 8) NOT NULL,
    vwap DECIMAL(38, 18),
    trades BIGINT
) DISTSTYLE KEY DISTKEY (symbol) COMPOUND SORTKEY (trade_minute, symbol)
"""
SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("trade_minute", pa.timestamp("us")),
        ("price", pa.decimal128(28, 8)),
        ("vwap", pa.decimal128(38, 18)),
        ("trades", pa.int64()),
    ]
)
ROWS = [
    ("BTCUSDT", MINUTE, Decimal("61000.12000000"), Decimal("61000.123456789012345678"), 7),
    ("ETHUSDT", MINUTE + timedelta(minutes=1), Decimal("0.00000001"), None, None),
]


def facts(rows: Sequence[tuple[object, ...]] = ROWS, schema: pa.Schema = SCHEMA) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


@pytest.fixture
def table(connection: Connection) -> Connection:
    """A connection that sees the empty table facts."""
    execute(connection, TABLE)
    connection.commit()
    return connection


def test_rows_arrive_to_the_last_digit(table: Connection, files: Bucket) -> None:
    files.put_table("day/part-0.parquet", facts())
    execute(table, f"COPY facts FROM '{files.uri('day/')}' {PARQUET}")
    assert execute(table, "SELECT * FROM facts ORDER BY symbol") == ROWS
    assert "2 record(s) loaded successfully" in table.notices[-1]


def test_a_manifest_names_the_files_and_nothing_else_is_read(table: Connection, files: Bucket) -> None:
    size = files.put_table("day/a.parquet", facts(ROWS[:1]))
    files.put("day/_SUCCESS", b"")
    entry = {"url": files.uri("day/a.parquet"), "mandatory": True, "meta": {"content_length": size}}
    absent = {"url": files.uri("day/b.parquet"), "mandatory": False, "meta": {"content_length": 1}}
    files.put_manifest("load.manifest", entry, absent)
    execute(table, f"COPY facts FROM '{files.uri('load.manifest')}' {PARQUET} MANIFEST")
    assert execute(table, "SELECT count(*) FROM facts") == [(1,)]
    with pytest.raises(psycopg2.InternalError, match="invalid version number"):
        execute(table, f"COPY facts FROM '{files.uri('day/')}' {PARQUET}")


def test_every_type_that_redshift_loads_arrives_as_it_was(connection: Connection, files: Bucket) -> None:
    stated = {
        "BOOLEAN": (pa.bool_(), [True, False, None]),
        "SMALLINT": (pa.int16(), [-32768, 32767, None]),
        "INTEGER": (pa.int32(), [-(2**31), 2**31 - 1, None]),
        "BIGINT": (pa.int64(), [-(2**63), 2**63 - 1, None]),
        "REAL": (pa.float32(), [0.5, -1.25, None]),
        "DOUBLE PRECISION": (pa.float64(), [0.1, 1e-300, None]),
        "DATE": (pa.date32(), [date(1970, 1, 1), date(2025, 9, 10), None]),
        "TIMESTAMPTZ": (pa.timestamp("us", "UTC"), [datetime(2025, 9, 10, 1, 2, 3, 4, tzinfo=UTC), None, None]),
        "TIMESTAMP": (pa.timestamp("ms"), [MINUTE + timedelta(milliseconds=4), None, None]),
        "VARCHAR(9)": (pa.string(), ['a,"b"\n\\N', "", None]),
        "CHAR(3)": (pa.string(), ["abc", "xyz", None]),
        "DECIMAL(38,37)": (
            pa.decimal128(38, 37),
            [Decimal(1).scaleb(-37), Decimal(-5).scaleb(-37), None],
        ),
    }
    names = [f"c{place}" for place in range(len(stated))]
    execute(connection, f"CREATE TABLE kinds ({', '.join(f'{n} {t}' for n, t in zip(names, stated, strict=True))})")
    arrays = [pa.array(values, type_) for type_, values in stated.values()]
    files.put_table("x.parquet", pa.table(arrays, names=names))
    execute(connection, f"COPY kinds FROM '{files.uri('x')}' {PARQUET}")
    got = [list(column) for column in zip(*execute(connection, "SELECT * FROM kinds"), strict=True)]
    assert got == [values for _, values in stated.values()]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(
        st.one_of(st.none(), st.text(alphabet=st.one_of(st.sampled_from("\\tnrN.,\"' \t\n\r\x0b"), TEXT))),
        min_size=1,
        max_size=30,
    )
)
def test_a_text_arrives_whatever_it_is(texts: list[str | None], connection: Connection, files: Bucket) -> None:
    execute(connection, "DROP TABLE IF EXISTS texts")
    execute(connection, "CREATE TABLE texts (n BIGINT, t VARCHAR(500), same VARCHAR(500))")
    column = pa.array(texts, pa.string())
    files.put_table("x.parquet", pa.table({"n": range(len(texts)), "t": column, "same": column.dictionary_encode()}))
    execute(connection, f"COPY texts FROM '{files.uri('x')}' {PARQUET}")
    assert execute(connection, "SELECT t, same FROM texts ORDER BY n") == [(text, text) for text in texts]


def test_timestamps_that_spark_writes_as_int96_arrive(connection: Connection, files: Bucket) -> None:
    execute(connection, "CREATE TABLE spark (at TIMESTAMP)")
    table = pa.table({"at": pa.array([MINUTE], pa.timestamp("us"))})
    files.put_table("x.parquet", table, use_deprecated_int96_timestamps=True)
    execute(connection, f"COPY spark FROM '{files.uri('x')}' {PARQUET}")
    assert execute(connection, "SELECT * FROM spark") == [(MINUTE,)]


def test_a_file_of_many_row_groups_arrives_whole(connection: Connection, files: Bucket) -> None:
    execute(connection, "CREATE TABLE many (n BIGINT)")
    count = 100_000
    files.put_table("x.parquet", pa.table({"n": pa.array(range(count))}), row_group_size=30_000)
    execute(connection, f"COPY many FROM '{files.uri('x')}' {PARQUET}")
    expected = (count, count * (count - 1) // 2)
    assert execute(connection, "SELECT count(*), sum(n)::bigint FROM many") == [expected]


def with_column(name: str, type_: pa.DataType, values: list[object]) -> pa.Table:
    table = facts()
    return table.set_column(table.schema.get_field_index(name), name, pa.array(values, type_))


REFUSED_SCHEMAS = {
    "nanoseconds": (with_column("trade_minute", pa.timestamp("ns"), [MINUTE, MINUTE]), "nanoseconds", "trade_minute"),
    "scale": (
        with_column("price", pa.decimal128(28, 6), [1, 2]),
        r"NUMERIC\(28,8\), Parquet schema: dec.*28, 6",
        "price",
    ),
    "precision": (with_column("price", pa.decimal128(18, 8), [1, 2]), r"Parquet schema: dec.*18, 8", "price"),
    "float": (with_column("price", pa.float64(), [1, 2]), "Parquet schema: double", "price"),
    "narrower": (with_column("trades", pa.int32(), [1, 2]), "Column type: BIGINT, Parquet schema: int32", "trades"),
    "unsigned": (with_column("trades", pa.uint64(), [1, 2]), "type uint64 is not supported", "trades"),
    "nested": (with_column("symbol", pa.list_(pa.string()), [["a"], []]), "type list.* is not supported", "symbol"),
    "time": (with_column("trades", pa.time64("us"), [1, 2]), "type time64.* is not supported", "trades"),
    "more": (facts().append_column("x", pa.array([1, 2])), "Table columns: 5, Data columns: 6", ""),
    "fewer": (facts().drop_columns("vwap"), "Table columns: 5, Data columns: 4", ""),
}


def load_errors(connection: Connection) -> list[tuple[object, ...]]:
    """File, line, column and reason of what the session's last COPY is told to have failed for."""
    query = "SELECT filename, line_number, colname, err_reason FROM stl_load_errors WHERE query = pg_last_copy_id()"
    return execute(connection, query)


@pytest.mark.parametrize("case", REFUSED_SCHEMAS)
def test_a_file_of_another_schema_is_refused_and_told_of(case: str, table: Connection, files: Bucket) -> None:
    wrong, reason, column = REFUSED_SCHEMAS[case]
    files.put_table("a.parquet", facts())
    files.put_table("b.parquet", wrong)
    with pytest.raises(psycopg2.InternalError, match=reason):
        execute(table, f"COPY facts FROM '{files.uri('')}' {PARQUET}")
    table.rollback()
    ((filename, line, name, told),) = load_errors(table)
    assert (filename, line, name) == (files.uri("b.parquet"), 0, column)
    assert re.search(reason, str(told))
    assert execute(table, "SELECT count(*) FROM facts") == [(0,)]


def test_null_where_none_may_be_is_refused_with_its_line(table: Connection, files: Bucket) -> None:
    files.put_table("a.parquet", with_column("price", pa.decimal128(28, 8), [Decimal(1), None]))
    with pytest.raises(psycopg2.InternalError, match="Missing data for not-null field"):
        execute(table, f"COPY facts FROM '{files.uri('a')}' {PARQUET}")
    table.rollback()
    assert load_errors(table) == [(files.uri("a.parquet"), 2, "price", "Missing data for not-null field")]


def test_the_length_of_a_text_counts_in_bytes(connection: Connection, files: Bucket) -> None:
    execute(connection, "CREATE TABLE texts (t VARCHAR(4))")
    connection.commit()
    files.put_table("a.parquet", pa.table({"t": ["abcd", "äöü"]}))
    with pytest.raises(psycopg2.InternalError, match="longer than the length defined"):
        execute(connection, f"COPY texts FROM '{files.uri('a')}' {PARQUET}")
    connection.rollback()
    assert [row[1:3] for row in load_errors(connection)] == [(2, "t")]


def test_what_postgresql_finds_wrong_in_a_row_is_told_as_redshift_does(connection: Connection, files: Bucket) -> None:
    execute(connection, "CREATE TABLE texts (t VARCHAR(4))")
    connection.commit()
    files.put_table("a.parquet", pa.table({"t": ["a\0b"]}))
    with pytest.raises(psycopg2.InternalError, match="Check 'stl_load_errors'"):
        execute(connection, f"COPY texts FROM '{files.uri('a')}' {PARQUET}")
    connection.rollback()
    assert "invalid byte sequence" in str(load_errors(connection))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"meta": {"content_length": 5}}, "content_length is 5"),
        ({}, "lacks meta.content_length"),
        ({"url": "s3://warehouse-files/nowhere", "meta": {"content_length": 5}}, "Status 404,Error NoSuchKey"),
        ({"url": "http://elsewhere.example/x"}, "begins with s3://"),
    ],
)
def test_a_manifest_that_is_not_true_is_refused(
    entry: dict[str, object], reason: str, table: Connection, files: Bucket
) -> None:
    files.put_table("a.parquet", facts())
    files.put_manifest("m", {"url": files.uri("a.parquet"), "mandatory": True} | entry)
    with pytest.raises(psycopg2.InternalError, match=reason):
        execute(table, f"COPY facts FROM '{files.uri('m')}' {PARQUET} MANIFEST")
    table.rollback()
    assert reason in str(load_errors(table))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"entries": []}', b'{"entries": [{"mandatory": true}]}'])
def test_a_manifest_that_is_none_is_refused(body: bytes, table: Connection, files: Bucket) -> None:
    files.put("m", body)
    with pytest.raises(psycopg2.InternalError, match="manifest"):
        execute(table, f"COPY facts FROM '{files.uri('m')}' {PARQUET} MANIFEST")


def test_a_prefix_without_files_is_refused(table: Connection, files: Bucket) -> None:
    with pytest.raises(psycopg2.InternalError, match=r"S3 prefix .* does not exist"):
        execute(table, f"COPY facts FROM '{files.uri('nothing/')}' {PARQUET}")


def test_another_role_is_refused(table: Connection, files: Bucket) -> None:
    role = "arn:aws:iam::123456789012:role/other"
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match=f"not authorized to assume IAM Role {role}"):
        execute(table, f"COPY facts FROM '{files.uri('a')}' IAM_ROLE '{role}' PARQUET")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("COPY nowhere FROM '{uri}' {parquet}", "Cannot COPY into nonexistent table nowhere"),
        ("COPY facts FROM '{uri}' {parquet} MAXERROR 10", "does not execute this COPY"),
        ("COPY facts FROM '{uri}' IAM_ROLE 'a' FORMAT AS CSV", "FORMAT AS PARQUET"),
        ("COPY facts FROM '{uri}' PARQUET", "IAM_ROLE"),
        ("COPY facts FROM STDIN", "does not execute this COPY"),
    ],
)
def test_a_command_that_cannot_be_says_why(command: str, reason: str, table: Connection, files: Bucket) -> None:
    with pytest.raises(psycopg2.Error, match=reason):
        execute(table, command.format(uri=files.uri("a"), parquet=PARQUET))
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        execute(table, "SELECT 1")
    table.rollback()
    assert execute(table, "SELECT count(*) FROM facts") == [(0,)]


def test_a_load_is_seen_by_others_when_it_is_committed_and_not_before(
    table: Connection, connect: Callable[[], Connection], files: Bucket
) -> None:
    files.put_table("a.parquet", facts())
    reader = connect()
    reader.autocommit = True
    execute(table, f"COPY facts FROM '{files.uri('a')}' {PARQUET}")
    assert execute(reader, "SELECT count(*) FROM facts") == [(0,)]
    table.commit()
    assert execute(reader, "SELECT count(*) FROM facts") == [(2,)]
