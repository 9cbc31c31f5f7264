"""The database behind the stand-in: its roles, and the tables and functions by which Redshift tells of loads."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812  the class has a function's name
from psycopg2.extensions import encrypt_password

DATABASE = CLIENT = "warehouse"
OWNER = "redshift_standin"
STAND_IN_ROLE = "arn:aws:iam::000000000000:role/crypto-assets-standin"
"""The one that COPY may name where REDSHIFT_IAM_ROLE is not set."""
SCHEMA = "redshift_standin"
"""What clients see of Redshift's system tables and functions is found here: after their own schemas, and before
PostgreSQL's, which has a version() too."""


def make_warehouse(administrator: str, *, owner_password: str, client_password: str) -> None:
    """Make database, roles, system tables and functions where they lack; repeated by every start.

    `administrator` is the URL of a role that may create both. Raises psycopg2.Error.
    """
    with closing(psycopg2.connect(administrator)) as connection:
        connection.autocommit = True
        for role, password in ((OWNER, owner_password), (CLIENT, client_password)):
            _make_role(connection, role, password=password)
        _make_database(connection)
    own = owner_url(administrator, password=owner_password)
    with closing(psycopg2.connect(own)) as connection, connection, connection.cursor() as cursor:
        cursor.execute((Path(__file__).parent / "schema.sql").read_text(encoding="utf-8"))


def owner_url(server: str, *, password: str) -> str:
    """URL of the warehouse's database and owner on the PostgreSQL server of another URL."""
    parts = urlsplit(server)
    return parts._replace(
        netloc=f"{OWNER}:{password}@{parts.hostname}:{parts.port or 5432}", path=f"/{DATABASE}"
    ).geturl()


def _make_role(connection: Connection, role: str, *, password: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
        verb = sql.SQL("CREATE" if cursor.fetchone() is None else "ALTER")
        # Hashed here, so that no log of the server can ever show it.
        hashed = encrypt_password(password, role, scope=connection, algorithm="scram-sha-256")
        cursor.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD %s").format(verb, sql.Identifier(role)), (hashed,))


def _make_database(connection: Connection) -> None:
    names = {"database": sql.Identifier(DATABASE), "owner": sql.Identifier(OWNER), "client": sql.Identifier(CLIENT)}
    path = sql.SQL('ALTER ROLE {client} IN DATABASE {database} SET search_path = "$user", public, {schema}, pg_catalog')
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("GRANT {owner} TO CURRENT_USER").format(**names))
            cursor.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))
        cursor.execute(path.format(**names, schema=sql.Identifier(SCHEMA)))
        cursor.execute(sql.SQL("ALTER ROLE {client} SET timezone = 'UTC'").format(**names))
