"""A platform of a test's own that is watched: its lake, its Dagster, and who is told."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import redis

from crypto_assets.alerts.ledger import read_alerts
from crypto_assets.alerts.observe import days_looked_at
from crypto_assets.alerts.watch import Looked, Watch
from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.lake.lake import Lake
from crypto_assets.stream.heartbeat import Program, read_heartbeat
from crypto_assets_tests.alerts.hook import Hook
from crypto_assets_tests.services import service_settings
from crypto_assets_tests.waiting import wait_for

SYMBOL = "BTCUSDT"
MINUTE = timedelta(minutes=1)
HEART = Path(__file__).with_name("heart.py")
log = logging.getLogger("crypto_assets.alerts")


@dataclass
class Platform:
    """What is watched, by a clock that begins now and is moved by hand."""

    settings: Settings
    hook: Hook
    instance: dg.DagsterInstance | None = None
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    read: int = 0
    day: date = field(init=False)
    """The newest finished day that is looked at first."""

    def __post_init__(self) -> None:
        self.watch = Watch(self.settings)
        self.day = days_looked_at(self.settings.partitions_start, now=self.now)[-1]

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    def look(self, *, after: timedelta = timedelta()) -> Looked:
        """A look some time after the last one."""
        self.now += after
        looked = self.watch.look(instance=lambda: self.instance, log=log, now=self.now)
        assert looked is not None
        return looked

    def looks(self, minutes: int, *, every: int = 1) -> None:
        """Looks over so many minutes."""
        for _ in range(0, minutes, every):
            self.look(after=every * MINUTE)

    def told(self) -> list[str]:
        """First lines of what the webhook took since this was asked last."""
        new, self.read = self.hook.taken[self.read :], len(self.hook.taken)
        sections = [block["text"]["text"] for message in new for block in message["blocks"] if "text" in block]
        return [section.partition("\n")[0].partition("*")[2].rstrip("*") for section in sections]

    def open_keys(self) -> set[str]:
        """Keys of what lasts and was told."""
        return {one.key for one in read_alerts(self.settings) if one.is_open and one.told_at is not None}


def platform(folder: Path, hook: Hook, *, instance: dg.DagsterInstance | None = None, **given: Any) -> Platform:
    """One symbol, nothing running."""
    settings = service_settings(folder, symbols=SYMBOL, alert_webhook_url=hook.url, **given)
    return Platform(settings, hook, instance)


@dataclass
class Hearts:
    """Processes that beat for the programs of the stream."""

    platform: Platform
    told: Path
    running: dict[tuple[Program, ...], subprocess.Popen[bytes]] = field(default_factory=dict)
    silent: tuple[str, ...] = ()

    def start(self, *programs: Program) -> None:
        """Begin to beat for these."""
        url = self.platform.settings.redis_url
        assert url is not None
        exchange = exchange_name(self.platform.settings)
        command = [sys.executable, str(HEART), url.get_secret_value(), exchange, str(self.told), *programs]
        self._say()
        self.running[programs] = subprocess.Popen(command)
        self.wait(*programs)

    def kill(self, *programs: Program) -> None:
        """End them as a crash would."""
        child = self.running.pop(programs)
        child.kill()
        child.wait()

    def move(self, after: timedelta) -> Looked:
        """Move the clock of everybody, and look once all that live have beaten by it."""
        self.platform.now += after
        self._say()
        self.wait(*(program for programs in self.running for program in programs))
        return self.platform.look()

    def wait(self, *programs: Program) -> None:
        """Until each has beaten by the clock of the platform."""
        settings = self.platform.settings
        assert settings.redis_url is not None
        wanted_us = int((self.platform.now - timedelta(seconds=5)).timestamp() * 1_000_000)
        with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
            for program in programs:

                def newest_us(program: Program = program) -> int:
                    beat = read_heartbeat(client, exchange_name(settings), program)
                    return 0 if beat is None else beat.beat_at_us

                wait_for(newest_us, until=lambda us: us >= wanted_us, deadline_s=90)

    def _say(self) -> None:
        offset = (self.platform.now - datetime.now(UTC)).total_seconds()
        beside = self.told.with_suffix(".new")
        beside.write_text(json.dumps({"offset_s": offset, "silent": list(self.silent)}))
        beside.replace(self.told)


@contextmanager
def hearts(platform: Platform) -> Iterator[Hearts]:
    """Nobody beats at first; whoever does is ended."""
    started = Hearts(platform, platform.settings.data_dir / "told.json")
    try:
        yield started
    finally:
        for programs in list(started.running):
            started.kill(*programs)
