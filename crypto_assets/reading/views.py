"""SQL over the lake: DuckDB with a view of each dataset that a query names, able to read those and nothing else."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from crypto_assets.errors import BadQuestion, LakeBusy, LakeError
from crypto_assets.lake.lake import READ_ATTEMPTS
from crypto_assets.reading.relations import RELATIONS, Changed, Places, Relation, columns_of
from crypto_assets.reading.serving import SCHEME, ServedFiles
from crypto_assets.warehouse.tables import sql_type

BATCH_ROWS = 100_000
CONFIGURATION: Mapping[str, str] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",  # a name in a query is a dataset, never a variable of this program
    "temp_directory": "",  # what does not fit into memory fails, rather than being written to a disk
}
LOCKED = (
    "SET TimeZone = 'UTC'",
    f"SET allowed_directories = ['{SCHEME}://']",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
"""Settled before the query is run, in this order; none of them can be taken back."""

_TYPES: Mapping[pa.DataType, str] = {
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.timestamp("us"): "TIMESTAMP",
    pa.date32(): "DATE",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.int8(): "TINYINT",
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.binary(): "BLOB",
}
_CATALOG = re.compile(r"\b(show|describe|information_schema|duckdb_\w+|pragma\w*|pg_\w+)\b", re.IGNORECASE)
_OTHER_COLUMNS = "schema mismatch in glob"
"""What DuckDB says of a file that lacks a column of the first one."""
_INTERRUPTED = "Query interrupted"
"""What it makes of a Ctrl-C."""


def run_sql(sql: str, *, places: Places) -> Iterator[pa.RecordBatch]:
    """The answer in pieces, at least one even where it has no rows.

    One SELECT (or DESCRIBE, SHOW, SUMMARIZE, EXPLAIN) over views named like the datasets, which have `symbol` and
    `date` as columns: a filter on them opens the files of those days only. Of a day in parts just those count that its
    manifest lists. A day that is published anew meanwhile is read again from the start, until the first piece is out.

    Raises BadQuestion with one sentence for a query that has no meaning or would do more than read, and LakeError.
    """
    _refuse_other_statements(sql)
    named = _named_in(sql)
    loosely, changed = False, ""
    for _ in range(READ_ATTEMPTS):
        try:
            with _views(named, places, loosely=loosely, catalog=bool(_CATALOG.search(sql))) as (connection, served):
                yield from _answer(connection, served, sql)
                return
        except Changed as error:
            changed = str(error)
        except _ColumnsDiffer:
            loosely = True
    raise LakeBusy(f"{changed or 'The lake'} changed {READ_ATTEMPTS} times while it was read. Ask again.")


def table_of(sql: str, *, places: Places) -> pa.Table:
    """The whole answer; raises like `run_sql`."""
    return pa.Table.from_batches(list(run_sql(sql, places=places)))


class _ColumnsDiffer(Exception):
    """Some file is of another version of the dataset."""


def _refuse_other_statements(sql: str) -> None:
    try:
        kinds = [statement.type for statement in duckdb.extract_statements(sql)]
    except duckdb.Error as error:
        raise BadQuestion(_sentence(error)) from None
    if len(kinds) != 1 or kinds[0] not in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN):
        raise BadQuestion(
            "A query is one SELECT (or DESCRIBE, SHOW, SUMMARIZE, EXPLAIN): it reads the lake and changes nothing."
        )


def _named_in(sql: str) -> list[Relation]:
    """Datasets whose name stands anywhere in the text: at least those that are meant."""
    words = set(re.findall(r"\w+", sql.lower()))
    return [relation for name, relation in RELATIONS.items() if name in words]


@contextmanager
def _views(
    named: list[Relation], places: Places, *, loosely: bool, catalog: bool
) -> Generator[tuple[duckdb.DuckDBPyConnection, ServedFiles]]:
    served = ServedFiles()
    connection = duckdb.connect(config=dict(CONFIGURATION))
    try:
        connection.register_filesystem(served)
        for statement in LOCKED:
            connection.execute(statement)
        for relation in named:
            _define(connection, served, relation, places, loosely=loosely)
        for relation in RELATIONS.values() if catalog else ():
            if relation not in named:
                connection.execute(_empty_view(relation))
        yield connection, served
    finally:
        connection.close()


def _define(
    connection: duckdb.DuckDBPyConnection, served: ServedFiles, relation: Relation, places: Places, *, loosely: bool
) -> None:
    found = sorted(relation.find(places), key=lambda stored: (*stored.keys.values(), stored.path))
    paths = served.serve(relation, found)
    if not paths:
        connection.execute(_empty_view(relation))
        return
    try:
        if loosely or relation.schema is None:
            connection.execute(_loose_view(connection, relation, paths))
        else:
            connection.execute(_view(relation, _quoted(columns_of(relation)), paths, union="false"))
    except duckdb.BinderException:
        raise _ColumnsDiffer from None
    except duckdb.Error as error:
        raise _reason(error, served) from None


def _view(relation: Relation, columns: str, paths: list[str], *, union: str) -> str:
    types = ", ".join(f"{_text(key)}: {'DATE' if key == 'date' else 'VARCHAR'}" for key in relation.keys)
    files = ", ".join(map(_text, paths))
    return (
        f'CREATE OR REPLACE VIEW "{relation.name}" AS SELECT {columns} FROM read_parquet([{files}], '
        f"hive_partitioning = true, hive_types = {{{types}}}, union_by_name = {union})"
    )


def _loose_view(connection: duckdb.DuckDBPyConnection, relation: Relation, paths: list[str]) -> str:
    """Over files of which some lack columns: there, those are null."""
    everything = _view(relation, "*", paths, union="true")
    connection.execute(everything)
    if relation.schema is None:
        return everything
    described = connection.execute(f'SELECT column_name FROM (DESCRIBE "{relation.name}")').fetchall()
    present = {str(row[0]) for row in described}
    columns = ", ".join(
        f'"{name}"' if name in present else f'NULL::{_type(kind)} AS "{name}"' for name, kind in columns_of(relation)
    )
    return _view(relation, columns, paths, union="true")


def _empty_view(relation: Relation) -> str:
    """The columns without a row: nothing of it was made yet."""
    columns = ", ".join(f'NULL::{_type(kind)} AS "{name}"' for name, kind in columns_of(relation))
    return f'CREATE OR REPLACE VIEW "{relation.name}" AS SELECT {columns} WHERE false'


def _text(value: str) -> str:
    """A literal of SQL."""
    return "'" + value.replace("'", "''") + "'"


def _quoted(columns: list[tuple[str, pa.DataType]]) -> str:
    return ", ".join(f'"{name}"' for name, _ in columns)


def _type(kind: pa.DataType) -> str:
    return sql_type(kind, _TYPES, of="DuckDB")


def _answer(connection: duckdb.DuckDBPyConnection, served: ServedFiles, sql: str) -> Iterator[pa.RecordBatch]:
    begun = False
    try:
        reader: pa.RecordBatchReader = connection.sql(sql).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            begun = True
            yield batch
        if not begun:
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        reason = _reason(error, served)
        if begun and isinstance(reason, Changed | _ColumnsDiffer):
            raise LakeBusy(f"{reason or 'A day'} was published anew while it was read. Ask again.") from None
        raise reason from None
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from None
        raise


def _reason(error: Exception, served: ServedFiles) -> Exception:
    """What a failure of DuckDB means: look again, or a sentence for a person."""
    text = str(error)
    if served.changed:
        return Changed(served.changed)
    if _OTHER_COLUMNS in text:
        return _ColumnsDiffer()
    return _for_people(error, text, refused=served.refused)


def _for_people(error: Exception, text: str, *, refused: str) -> BadQuestion | LakeError:
    if refused:
        return BadQuestion(f"The query cannot be run: {refused}.")
    if "file system operations are disabled" in text or "Loading external extensions is disabled" in text:
        return BadQuestion("A query reads the datasets of the lake by their names, no other file and no address.")
    if isinstance(error, duckdb.OutOfMemoryException):
        return BadQuestion("The answer does not fit into memory: select fewer columns or days, or aggregate.")
    if isinstance(error, duckdb.IOException | duckdb.InvalidInputException) and "parquet" in text.lower():
        return LakeError(f"A file of the lake cannot be read: {_first_line(text)} Materialise that day again.")
    return BadQuestion(_sentence(error))


def _sentence(error: Exception) -> str:
    """DuckDB's reason on one line, with the names that there are where a table is not."""
    line = _first_line(str(error))
    if "Table with name" in line:
        return f"{line} There are {', '.join(RELATIONS)}."
    return line


def _first_line(text: str) -> str:
    """The first line, its candidates from the second, and a full stop."""
    first, _, rest = text.partition("\n")
    hint = rest.partition("\n")[0]
    joined = f"{first} {hint}" if hint.startswith("Candidate") else first
    return joined if joined.endswith((".", "!", "?")) else f"{joined}."
