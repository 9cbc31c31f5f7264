"""A day of a table from S3 into Redshift: in one transaction, once, and counted on both sides afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, NoReturn, Protocol

import psycopg2
import psycopg2.errors
import pyarrow as pa

from crypto_assets.errors import ServiceUnavailable, WarehouseError
from crypto_assets.warehouse.ddl import check_columns, create_table, literal, statement
from crypto_assets.warehouse.figures import (
    Figure,
    as_text,
    bounds_of,
    condition_of,
    day_column,
    differences,
    figures_of,
    names_of_figures,
    rows_of_day,
    select_figures,
)
from crypto_assets.warehouse.tables import DayTable

CREATE_ATTEMPTS = 3
"""Two that create the same table at once: one of them is refused, and finds it there the next time."""

PASSING_CLASSES = ("08", "40", "53", "57")
"""Classes of SQLSTATE that say nothing about the statement: connection, rollback, resources, an operator."""

CONFLICT_SIGNS = ("Serializable isolation violation", "conflict with concurrent transaction")
"""How a transaction that Redshift undid for the sake of another one says so: under the class of internal errors."""

CREATED_MEANWHILE = (
    psycopg2.errors.UniqueViolation,
    psycopg2.errors.DuplicateTable,
    psycopg2.errors.DuplicateObject,
)
"""How CREATE TABLE IF NOT EXISTS is refused where another makes the table: it depends on how far the other one is."""

BUSY_SIGNS = ("Error SlowDown", "Status 503")
"""How an error of COPY says that S3 answered 503 to every attempt."""


class RedshiftClient(Protocol):
    """Executes SQL: what the client of dagster-aws does.

    Both log the statement, commit at the end, and undo everything where a statement fails. Results are fetched only
    where they are asked for: asked of an INSERT, psycopg2 raises, and what was done so far would be committed.
    """

    def execute_query(self, query: str, fetch_results: bool = False) -> list[tuple[Any, ...]] | None:
        """Rows of one statement; None where there are none."""
        ...

    def execute_queries(
        self, queries: list[str], fetch_results: bool = False, *, error_callback: Callable[..., None] | None = None
    ) -> object:
        """Execute statements in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class DayLoad:
    """A day to load."""

    table: DayTable
    day: date
    manifest_uri: str
    """COPY's list of files, `s3://…`."""
    data_version: str
    """Says which rows they are, as the store's manifest of the day does."""
    rows: pa.Table
    """The day as its Parquet files hold it, to compare with."""

    def __str__(self) -> str:
        return f"{self.table.name} {self.day}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did."""

    rows: int
    changed: bool
    """False where Redshift held exactly these files before."""
    figures: str
    """What was counted on both sides."""


def load_day(redshift: RedshiftClient, load: DayLoad, *, role: str, now: Callable[[], datetime]) -> Loaded:
    """Bring Redshift to what S3 holds of a day, and compare the two.

    Nothing is copied where the last load of the day was of the same files and Redshift still holds them. An end at any
    point leaves the day as it was or as it is to be. Raises WarehouseError with what Redshift says or what differs,
    ServiceUnavailable (retryable) where it does not answer.
    """
    ensure_table(redshift, load.table)
    if last_load(redshift, load) == load.data_version and not compare(redshift, load):
        return Loaded(load.rows.num_rows, False, as_text(figures_of(load.rows)))
    _in_one_transaction(redshift, plan_load(load, role=role, at=now()), what=str(load))
    if wrong := compare(redshift, load):
        raise WarehouseError(
            f"{load} was loaded, and S3 and Redshift do not hold the same: {'; '.join(wrong)}. Somebody else writes to "
            f"{load.table.name}, or {load.manifest_uri} was replaced meanwhile. Materialise it again."
        )
    return Loaded(load.rows.num_rows, True, as_text(figures_of(load.rows)))


def plan_load(load: DayLoad, *, role: str, at: datetime) -> list[str]:
    """The statements of a load, in their order, for one transaction; `at` is aware."""
    table, staging = load.table, f"{load.table.name}_staging"
    names = {"table": table.name, "staging": staging, "columns": ", ".join(table.schema.names)}
    column = day_column(table)
    if column is None:
        (key,) = table.key
        removal = statement("delete_staged_keys").format(**names, column=key)
    else:
        start, end = map(literal, bounds_of(load.day))
        removal = statement("delete_day").format(**names, column=column, start=start, end=end)
    iam_role = role if role == "default" else literal(role)
    record = statement("insert_load").format(
        table=literal(table.name),
        day=literal(load.day),
        data_version=literal(load.data_version),
        rows=load.rows.num_rows,
        sums=literal(as_text(figures_of(load.rows))),
        loaded_at=literal(at.astimezone(UTC)),
    )
    return [
        statement("lock_loads"),
        statement("create_staging").format(**names),
        statement("copy_staging").format(**names, manifest=literal(load.manifest_uri), role=iam_role),
        statement("check_staged").format(**names, condition=condition_of(figures_of(load.rows))),
        removal,
        statement("insert_staged").format(**names),
        record,
        statement("drop_staging").format(**names),
    ]


def ensure_table(redshift: RedshiftClient, table: DayTable) -> None:
    """Make the table, and the one of loads, where they are missing; raises WarehouseError where it is another one."""
    for attempt in range(1, CREATE_ATTEMPTS + 1):
        try:
            _in_one_transaction(
                redshift, [statement("create_warehouse_loads"), create_table(table)], what=f"the table {table.name}"
            )
            break
        except _CreatedMeanwhile:
            if attempt == CREATE_ATTEMPTS:
                raise
    check_columns(table, _rows(redshift, statement("select_columns").format(table=literal(table.name))))


def last_load(redshift: RedshiftClient, load: DayLoad) -> str | None:
    """The data version of the newest load of the day; None where it was never loaded."""
    query = statement("select_last_load").format(table=literal(load.table.name), day=literal(load.day))
    return next((version for (version,) in _rows(redshift, query)), None)


def compare(redshift: RedshiftClient, load: DayLoad) -> list[str]:
    """What S3 and Redshift differ in of the day; empty where they hold the same."""
    query = select_figures(load.table, where=rows_of_day(load.table, load.day, load.rows))
    (values,) = _rows(redshift, query)
    held: dict[str, Figure] = dict(zip(names_of_figures(load.table), values, strict=True))
    return differences(figures_of(load.rows), held)


class _CreatedMeanwhile(WarehouseError):
    """Raised when another session has just made the table that was to be made."""


class _Explained(Exception):
    """An error of the database with what it noted about the files of the last COPY."""

    def __init__(self, error: psycopg2.Error, note: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.note = note


def _in_one_transaction(redshift: RedshiftClient, queries: list[str], *, what: str) -> None:
    try:
        redshift.execute_queries(queries, error_callback=_explain)
    except _Explained as explained:
        _raise(explained.error, what=what, note=explained.note)
    except psycopg2.Error as error:
        _raise(error, what=what)


def _rows(redshift: RedshiftClient, query: str) -> Sequence[tuple[Any, ...]]:
    try:
        return redshift.execute_query(query, fetch_results=True) or []
    except psycopg2.Error as error:
        _raise(error, what="what it holds")


def _explain(error: Exception, cursor: Any, log: object) -> None:
    """Called in the same session after the transaction was undone."""
    del log
    if not isinstance(error, psycopg2.Error):
        raise error
    if _may_pass(error):
        raise _Explained(error, None)
    try:
        cursor.execute(statement("select_load_error"))
        noted = cursor.fetchone()
    except psycopg2.Error:  # the first error is the one to tell
        noted = None
    raise _Explained(error, None if noted is None else ", ".join(part for part in noted if part)) from error


def _may_pass(error: psycopg2.Error) -> bool:
    """Whether the connection is gone, or the session was ended, queued or rolled back for another's sake."""
    if error.pgcode is None:
        return isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    if error.pgcode == "XX000":
        return any(sign in str(error) for sign in CONFLICT_SIGNS)
    return error.pgcode[:2] in PASSING_CLASSES or error.pgcode == "55P03"


def _raise(error: psycopg2.Error, *, what: str, note: str | None = None) -> NoReturn:
    lines = str(error).strip().splitlines()
    reason = lines[0].strip().rstrip(".") if lines else type(error).__name__
    if error.diag.message_detail and reason.isdecimal():
        reason = f"{reason}, {error.diag.message_detail.strip()}"
    if _may_pass(error):
        raise ServiceUnavailable(
            f"Redshift did not answer about {what}: {reason}. It is as it was or as it is to be, never in between; "
            "the next load finds out which. See that the server of WAREHOUSE_URL runs."
        ) from error
    if any(sign in f"{reason} {note}" for sign in BUSY_SIGNS):
        raise ServiceUnavailable(
            f"S3 asked Redshift for fewer requests while it loaded {what}: {note or reason}. What it held before "
            "stays. Where that goes on, load fewer days in one run, or spread the bucket's readers over time."
        ) from error
    if isinstance(error, CREATED_MEANWHILE):
        raise _CreatedMeanwhile(f"Redshift refused {what}: {reason}.") from error
    if isinstance(error, psycopg2.errors.DivisionByZero):
        raise WarehouseError(
            f"{what}: the files were replaced while they were copied, and hold something else than what was judged. "
            "What Redshift held before stays. Load it again."
        ) from error
    detail = f" It notes: {note}." if note else ""
    raise WarehouseError(f"Redshift refused {what}: {reason}.{detail} What it held before stays.") from error
