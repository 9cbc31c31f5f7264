"""A market stream of programs that only give heartbeats, for tests of what keeps them alive."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.stream.health import PROGRAMS
from crypto_assets.stream.heartbeat import Program
from resources.market_stream import MarketStreamResource

SCRIPT = Path(__file__).with_name("beating_program.py")


class SmallStream(MarketStreamResource):
    """Its programs are `beating_program.py`; Kafka and PostgreSQL are named, and not there."""

    folder: str
    redis_server: str
    seed: int
    managed: bool = True
    kafka: str = "127.0.0.1:1"

    @property
    def settings(self) -> Settings:
        given: dict[str, Any] = {
            "data_dir": Path(self.folder),
            "redis_url": self.redis_server,
            "simulator_seed": self.seed,
            "stream_managed": self.managed,
            "kafka_bootstrap_servers": self.kafka,
            "postgres_url": "postgresql://nobody@127.0.0.1:1/none",
        }
        return Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue]

    def commands(self) -> dict[Program, Sequence[str]]:
        exchange = exchange_name(self.settings)
        return {
            program: [sys.executable, str(SCRIPT), program, self.redis_server, exchange, self.folder]
            for program in PROGRAMS
        }

    def environment(self) -> dict[str, str]:
        return dict(os.environ)


def small_stream(folder: Path, redis_server: str, **given: Any) -> SmallStream:
    """A stream whose heartbeats no other test sees."""
    return SmallStream(
        folder=str(folder), redis_server=redis_server, seed=random.SystemRandom().getrandbits(40), **given
    )
