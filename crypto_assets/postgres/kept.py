"""PostgreSQL as the memory of a program that runs long: one connection, made again after what went wrong."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.migrate import migrate


class KeptConnection:
    """One connection, made when it is needed; not for several threads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing has gone wrong since it was made."""
        return self._connection is not None

    def open(self) -> Connection:
        """A new connection, the schema brought up to date; raises CryptoAssetsError or psycopg2.Error."""
        self.close()
        migrate(self._url)
        self._connection = connect(self._url)
        return self._connection

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """The connection, opened where it is not; commits where the block ends, and closes it where anything raises.

        Raises CryptoAssetsError or psycopg2.Error; then nothing is known of the commit.
        """
        connection = self._connection or self.open()
        try:
            yield connection
            connection.commit()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        if self._connection is not None:
            with suppress(psycopg2.Error):
                self._connection.close()
            self._connection = None
