"""The Redis that assets are handed."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from crypto_assets.config import read_settings
from crypto_assets.endpoints import exchange_name, redis_url
from crypto_assets.errors import ConfigurationError, ServiceUnavailable

if TYPE_CHECKING:
    import redis

TIMEOUT_S = 10


class RedisResource(dg.ConfigurableResource):
    """Hands out clients of the Redis of `REDIS_URL`, or of the one that `make up` started.

    It has no configuration of its own: what it would be given, Dagster would store and show.
    """

    @property
    def exchange(self) -> str:
        """Whose keys are meant where several have some."""
        return exchange_name(read_settings())

    @contextmanager
    def client(self) -> Generator[redis.Redis]:
        """A client that is closed at the end of the block.

        Raises ConfigurationError where no Redis is named and none runs, ServiceUnavailable (retryable) where it does
        not answer.
        """
        import redis

        with closing(_client(redis_url(read_settings()))) as client:
            try:
                yield client
            except (redis.ConnectionError, redis.TimeoutError) as error:
                at = client.get_connection_kwargs()
                where = at.get("path") or f"{at.get('host')}:{at.get('port')}"
                why = "its certificate is not trusted" if "CERTIFICATE" in str(error) else type(error).__name__
                raise ServiceUnavailable(
                    f"Redis at {where} does not answer ({why}). Start the embedded one with `make up`, or see that the "
                    "one of REDIS_URL runs and takes its password; ssl_ca_certs names who signs its certificate."
                ) from None


def _client(url: str) -> redis.Redis:
    import redis

    try:
        return redis.Redis.from_url(url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
    except ValueError:
        raise ConfigurationError(
            "REDIS_URL cannot be read. Write it as redis://:password@host:6379/0, with every special character of the "
            "password as %XX."
        ) from None
