"""Connections to PostgreSQL whose failures are sentences, and never show a password."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case
from psycopg2.extensions import parse_dsn

from crypto_assets.errors import ConfigurationError, ServiceUnavailable

CONNECT_TIMEOUT_S = 10


def connect(url: str) -> Connection:
    """A connection in UTC that begins a transaction with its first statement; close it when done.

    Raises ConfigurationError where the URL is none, ServiceUnavailable (retryable) where no server answers it.
    """
    place = server_of(url)
    try:
        return psycopg2.connect(
            url, connect_timeout=CONNECT_TIMEOUT_S, application_name="crypto_assets", options="-c timezone=UTC"
        )
    except psycopg2.OperationalError as error:
        raise ServiceUnavailable(
            f"PostgreSQL at {place} cannot be used: {_reason(error, url)}. Start the embedded one with `make up`, or "
            "see that the server of POSTGRES_URL runs and knows its user and database."
        ) from None


@contextmanager
def transaction(url: str) -> Generator[Connection]:
    """A connection whose work is committed where the block ends, undone where it raises, and that is closed then.

    Raises as `connect` does, and ServiceUnavailable where the server goes away or a lock is not to be had meanwhile.
    """
    with closing(connect(url)) as connection:
        try:
            with connection:
                yield connection
        except psycopg2.OperationalError as error:
            raise ServiceUnavailable(
                f"PostgreSQL at {server_of(url)} did not do what was asked, and nothing of it is kept: "
                f"{_reason(error, url)}."
            ) from error


def server_of(url: str) -> str:
    """Host, port and database of a URL, as a message may name them; raises ConfigurationError where it is none."""
    try:
        parts = parse_dsn(url)
        port = int(parts.get("port", "5432"))
    except (psycopg2.ProgrammingError, ValueError):
        raise ConfigurationError(
            "POSTGRES_URL cannot be read. Write it as postgresql://user:password@host:5432/database, with every "
            "special character of the password as %XX."
        ) from None
    return f"{parts.get('host', 'localhost')}:{port}/{parts.get('dbname', parts.get('user', ''))}"


def _reason(error: psycopg2.OperationalError, url: str) -> str:
    lines = str(error).strip().splitlines()
    first = lines[0].strip() if lines else type(error).__name__
    password = parse_dsn(url).get("password")
    return (first.replace(password, "***") if password else first).rstrip(".")
