"""The PostgreSQL database that assets are handed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from functools import cache

import dagster as dg
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.config import read_settings
from crypto_assets.endpoints import exchange_name, postgres_url
from crypto_assets.postgres.connection import transaction


class PostgresResource(dg.ConfigurableResource):
    """Hands out transactions in the database of `POSTGRES_URL`, or in the one that `make up` started.

    It has no configuration of its own: what it would be given, Dagster would store and show.
    """

    @property
    def exchange(self) -> str:
        """Whose rows are meant where a table holds those of several."""
        return exchange_name(read_settings())

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """A connection to a database of this version's schema, committed at the end of the block or undone.

        Raises ConfigurationError where no database is named and none runs, ServiceUnavailable where it does not answer,
        SchemaError where it belongs to a newer version.
        """
        url = postgres_url(read_settings())
        _migrated(url)
        with transaction(url) as connection:
            yield connection


@cache
def _migrated(url: str) -> None:
    from crypto_assets.postgres.migrate import migrate  # Alembic, which loading the graph does not need

    migrate(url)
