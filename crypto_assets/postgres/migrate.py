"""Brings a database to the schema of this version: Alembic revisions that execute the `.sql` files.

A revision and the files that it executes are never edited once they were released; a change is another revision.
"""

from __future__ import annotations

from pathlib import Path

import psycopg2
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from crypto_assets.errors import SchemaError
from crypto_assets.postgres.connection import connect, server_of

VERSION_TABLE = "crypto_assets_revision"
"""Not Alembic's own name: Dagster keeps its revisions under that, and may share the database."""

_LOCK = 0x63617373_6D696772
"""Advisory lock of those who migrate: one at a time, the next finds the work done."""


def migrate(url: str, *, to: str = "head") -> str:
    """The revision that the database stands at now, after all that was missing up to `to` was executed.

    All or nothing, in one transaction; harmless to repeat and for several processes at once. Raises ServiceUnavailable
    where no server answers, SchemaError where the schema is newer than this version or one was not allowed to make it.
    """
    scripts = ScriptDirectory.from_config(_config())
    engine = sa.create_engine("postgresql+psycopg2://", creator=lambda: connect(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            _refuse_newer(connection, scripts, url)
            command.upgrade(_config(connection), to)
            return _revision(connection) or ""
    except (DBAPIError, psycopg2.Error) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        raise SchemaError(
            f"The schema of {server_of(url)} could not be brought up to date; nothing was changed. PostgreSQL says: "
            f"{reason.partition('\n')[0]}"
        ) from error
    finally:
        engine.dispose()


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _revision(connection: sa.Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _refuse_newer(connection: sa.Connection, scripts: ScriptDirectory, url: str) -> None:
    found = _revision(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if found is not None and found not in known:
        raise SchemaError(
            f"The schema of {server_of(url)} is at revision {found}, which this version does not know: it goes to "
            f"{scripts.get_current_head()}. A newer version made it; use that one, or another database."
        )
