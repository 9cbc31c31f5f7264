"""What every page is handed: settings, the lake, and connections that can only read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, postgres_url, redis_url
from crypto_assets.lake.lake import Lake

if TYPE_CHECKING:
    import redis
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's class has a lower-case name

ANSWER_S = 2.0
"""A service on the same network answers in milliseconds; a page that waits longer would stand still."""


@dataclass(frozen=True)
class PageContext:
    """One for the process, shared by all visitors."""

    settings: Settings

    @cached_property
    def exchange(self) -> str:
        """How rows, topics and keys name the exchange."""
        return exchange_name(self.settings)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that a visitor may choose from."""
        return self.settings.symbols

    @cached_property
    def lake(self) -> Lake:
        """The lake; raises LakeError where its URI cannot be used."""
        return Lake(self.settings.lake)

    @staticmethod
    def now() -> datetime:
        """This moment, UTC."""
        return datetime.now(UTC)

    @property
    def redis(self) -> redis.Redis:
        """A client of Redis, the same for all visitors; raises ConfigurationError where none is known.

        Its commands raise redis.RedisError.
        """
        return _redis(redis_url(self.settings))

    @contextmanager
    def database(self) -> Generator[Connection]:
        """A connection to PostgreSQL on which every transaction only reads; closed with the block.

        Raises ConfigurationError or ServiceUnavailable; its statements raise psycopg2.Error.
        """
        from crypto_assets.postgres.connection import connect

        with closing(connect(postgres_url(self.settings))) as connection:
            connection.set_session(readonly=True, autocommit=True)
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '5s'")
            yield connection


@lru_cache(maxsize=1)
def _redis(url: str) -> redis.Redis:
    """One pool for each address: an embedded Redis that was started anew has another."""
    import redis

    return redis.Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
