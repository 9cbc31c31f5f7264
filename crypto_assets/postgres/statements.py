"""SQL of the PostgreSQL database: a statement or a procedure in each file of `crypto_assets/sql/postgres`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

FOLDER = Path(__file__).resolve().parents[1] / "sql" / "postgres"


@cache
def statement(name: str) -> str:
    """Text of `<name>.sql`."""
    return (FOLDER / f"{name}.sql").read_text(encoding="utf-8")


def execute_files(connection: sa.Connection, *names: str) -> None:
    """Execute the statements of these files, one after the other, in the connection's transaction."""
    # by the driver's own cursor: SQLAlchemy would take every % of a text for a parameter
    cursor = connection.connection.cursor()
    try:
        for name in names:
            cursor.execute(statement(name))
    finally:
        cursor.close()
