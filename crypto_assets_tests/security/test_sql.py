"""SQL takes values as parameters only: whatever puts a statement together is listed here, with what it puts in."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("crypto_assets", "resources", "sensors")
EXECUTING = {"execute", "executemany", "execute_query", "execute_values", "execute_batch", "copy_expert", "mogrify"}
EXECUTING |= {"sql", "jdbc", "query", "text", "SQL"}
STATEMENT = re.compile(
    r"\s*\(?(SELECT\s|INSERT\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|(CREATE|ALTER|DROP)\s+(OR\s|TABLE|TEMP|VIEW|INDEX|"
    r"ROLE|DATABASE|EXTERNAL|SCHEMA)|COPY\s+\S+\s*(\(|FROM\s)|UNLOAD\s*\(|LOCK\s+TABLE|TRUNCATE|SET\s+\w|VACUUM|ANALYZE|CALL\s|MERGE\s+INTO|"
    r"GRANT\s|WITH\s+\w+\s+AS)"
)

REVIEWED = {
    "crypto_assets.alerts.store:Store._prepare": "a number that the module declares",
    "crypto_assets.postgres.days:wait_for_writers": "names of declared tables",
    "crypto_assets.postgres.days:drop_day": "a declared table's name and a date",
    "crypto_assets.postgres.rows:upsert_rows": "names of a declared table and of its columns",
    "crypto_assets.postgres.rows:_days": "names of a declared table and of its column",
    "crypto_assets.reading.views:": "the name of a file system that the module declares",
    "crypto_assets.reading.views:_view": "names of a declared dataset and paths of the reader's own lake",
    "crypto_assets.reading.views:_loose_view": "a declared dataset's name",
    "crypto_assets.reading.views:_empty_view": "a declared dataset's name and columns",
    "crypto_assets.share.hive:HiveTable._run": "declared names, paths of the lake with their quotes escaped, and dates",
    "crypto_assets.share.hive:HiveTable.days": "a declared table's name; Spark takes no parameter there",
    "crypto_assets.share.hive:HiveTable._check": "a declared table's name; Spark takes no parameter there",
    "crypto_assets.stream.forecaster.store:write_predictions": "names of a declared struct's fields",
    "crypto_assets.warehouse.ddl:create_table": "a declared table",
    "crypto_assets.warehouse.extract:_read_trades": "a date, and the exchange's name by `ddl.literal`: JDBC's source "
    "takes no parameters",
    "crypto_assets.warehouse.figures:select_figures": "declared columns; the condition is made of `ddl.literal`",
    "crypto_assets.warehouse.load:ensure_table": "a declared table's name",
    "crypto_assets.warehouse.load:last_load": "`ddl.literal`: dagster-aws' client takes no parameters",
    "crypto_assets.warehouse.load:plan_load": "`ddl.literal`: dagster-aws' client takes no parameters",
    "crypto_assets.warehouse.snapshot:Snapshot.join_statement": "the name that PostgreSQL gave the snapshot",
    "resources.services.redshift_standin.diagnostics:Diagnostics.begin_load": "the stand-in's own schema",
    "resources.services.redshift_standin.diagnostics:Diagnostics.write_error": "names of its own table and columns",
    "resources.services.redshift_standin.load:Loader.load": "a COPY that its client sent, and may run",
    "resources.services.redshift_standin.session:Session._fail": "a code of five letters that the stand-in declares",
}
"""Names are declared in the code; what comes from outside is bound, but where a system takes no parameters."""


def made_statements(source: str) -> Iterator[str]:
    """Qualified name of each function that puts a statement together, or gives what it put together to be executed."""
    for name, node in _nodes(ast.parse(source)):
        is_statement = _is_put_together(node) and STATEMENT.match(_beginning(node))
        if is_statement or (isinstance(node, ast.Call) and (_is_executed(node) or _is_filled_file(node))):
            yield name


def _nodes(tree: ast.AST, name: str = "") -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(tree):
        inner = name
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{name}.{child.name}".lstrip(".")
        yield inner, child
        yield from _nodes(child, inner)


def _is_put_together(node: ast.AST) -> bool:
    match node:
        case ast.JoinedStr(values=values):
            return any(isinstance(value, ast.FormattedValue) for value in values)
        case ast.BinOp(left=left, op=ast.Add() | ast.Mod(), right=right):
            return any(_is_text(side) for side in (left, right))
        case ast.Call(func=ast.Attribute(value=text, attr="format" | "join" | "replace" | "substitute")):
            return _is_text(text)
        case _:
            return False


def _is_executed(node: ast.Call) -> bool:
    is_asked = isinstance(node.func, ast.Attribute) and node.func.attr in EXECUTING
    return is_asked and bool(node.args) and _is_put_together(node.args[0])


def _is_filled_file(node: ast.Call) -> bool:
    """Whether it fills the places of a `.sql` file."""
    match node.func:
        case ast.Attribute(value=ast.Call(func=ast.Name(id="statement")), attr="format"):
            return True
        case _:
            return False


def _is_text(node: ast.AST) -> bool:
    return (
        (isinstance(node, ast.Constant) and isinstance(node.value, str))
        or isinstance(node, ast.JoinedStr)
        or (_is_put_together(node))
    )


def _beginning(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_beginning(value) or "x" for value in values)
        case ast.BinOp(left=left):
            return _beginning(left)
        case ast.Call(func=ast.Attribute(value=text)):
            return _beginning(text)
        case _:
            return ""


def test_every_statement_that_is_put_together_was_reviewed() -> None:
    found = {
        f"{path.relative_to(ROOT).with_suffix('')}:{name}".replace("/", ".")
        for top in FOLDERS
        for path in sorted((ROOT / top).rglob("*.py"))
        for name in made_statements(path.read_text(encoding="utf-8"))
    }
    assert found == set(REVIEWED)


@pytest.mark.parametrize(
    "line",
    [
        "cursor.execute(f\"SELECT 1 FROM t WHERE symbol = '{symbol}'\")",
        "cursor.execute(\"SELECT 1 FROM t WHERE symbol = '%s'\" % symbol)",
        'cursor.execute("SELECT 1 FROM t WHERE symbol = \'" + symbol + "\'")',
        'cursor.execute("SELECT 1 FROM t WHERE symbol = {}".format(symbol))',
        'query = f"DELETE FROM {table}"',
        'query = "INSERT INTO t VALUES (" + value + ")"',
        'session.sql(f"{anything}")',
        'sa.text("LOCK TABLE " + name)',
        'run(statement("select_prices").format(symbol=symbol))',
    ],
)
def test_the_search_finds_a_value_in_a_statement(line: str) -> None:
    assert list(made_statements(f"class A:\n    def b(self):\n        {line}")) != []


def test_the_search_lets_parameters_through() -> None:
    assert list(made_statements('cursor.execute("SELECT 1 FROM t WHERE symbol = %s", (symbol,))')) == []
    assert list(made_statements('say(f"Select {what} first.")')) == []
