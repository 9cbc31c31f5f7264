"""The whole platform in a folder of its own: its services, how they are, and what it takes to break them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
import msgspec
import redis

from crypto_assets.config import Exchange, Settings, variables_of
from crypto_assets.dagster_home import prepare_dagster_home
from crypto_assets.endpoints import exchange_urls, redis_url, service_folder
from crypto_assets.errors import ConfigurationError, ServiceFailed, Unavailable
from crypto_assets.simulator.stream_faults import AnyStreamFault
from crypto_assets.stream.health import read_health
from crypto_assets.stream.heartbeat import Heartbeat, Program
from resources.services.manager import Progress, Services
from resources.services.service import NAMES, Name

POLL_S = 0.5
HTTP_WAIT_S = 10.0
REDIS_WAIT_S = 5.0


@dataclass(slots=True)
class Platform:
    """Services of one folder, and the environment that programs of it are started with."""

    settings: Settings
    environment: Mapping[str, str]
    names: tuple[Name, ...]
    attached: bool = False
    """Whether the services end with this program, however it ends."""
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        self.services = Services(self.settings, environment=self.environment, attached=self.attached)

    def start(self, *, progress: Progress = lambda *_: None) -> None:
        """Start whatever is down; raises ServiceFailed."""
        self.services.start(self.names, progress=progress)

    def stop(self) -> None:
        """Stop all of it; data stays."""
        self.services.stop(self.names)

    def kill(self, names: Iterable[Name]) -> None:
        """SIGKILL, one right after the other."""
        for name in names:
            self.services.kill(name)

    def processes(self) -> dict[str, int]:
        """Process ids of the services that run."""
        found = ((name, self.services.process(name)) for name in self.names)
        return {name: process.pid for name, process in found if process is not None}

    def is_well(self) -> bool:
        """Whether every service does its work now."""
        return all(status.is_well for status in self.services.status(self.names))

    def await_well(self, *, deadline_s: float) -> float:
        """Start what is down until all do their work; the seconds it took. Raises ServiceFailed at the deadline."""
        begin = time.monotonic()
        while True:
            try:
                self.start()
                if self.is_well():
                    return time.monotonic() - begin
            except ServiceFailed:
                if time.monotonic() - begin > deadline_s:
                    raise
            if time.monotonic() - begin > deadline_s:
                unwell = [f"{s.name} {s.state}" for s in self.services.status(self.names) if not s.is_well]
                raise ServiceFailed(f"Not well after {deadline_s:.0f} s: {', '.join(unwell)}.")
            time.sleep(POLL_S)

    def flush_redis(self) -> None:
        """Empty Redis, as somebody's FLUSHALL would; raises redis.RedisError."""
        timeouts = {"socket_timeout": REDIS_WAIT_S, "socket_connect_timeout": REDIS_WAIT_S}
        with redis.Redis.from_url(redis_url(self.settings), **timeouts) as client:
            client.flushall()

    def heartbeat(self, program: Program) -> Heartbeat | None:
        """What a program of the market stream last said of itself; None where it said nothing, or Redis is away."""
        try:
            (health,) = read_health(self.settings, [program], now_us=time.time_ns() // 1000)
        except ConfigurationError:
            return None
        return health.beat

    def post_fault(self, fault: AnyStreamFault) -> list[int]:
        """Put a fault of the simulated exchange into force, and give its number; raises Unavailable."""
        answer = httpx.post(self._faults_url, content=msgspec.json.encode(fault), timeout=HTTP_WAIT_S)
        if answer.is_error:
            raise Unavailable(f"the simulator does not take {fault}: {answer.status_code} {answer.text[:200]}")
        return msgspec.json.decode(answer.content, type=dict[str, list[int]])["ids"]

    def remove_faults(self, numbers: Iterable[int]) -> None:
        """Take faults out of force; one that is not is fine, as after a restart. Raises httpx.HTTPError."""
        for number in numbers:
            httpx.delete(f"{self._faults_url}/{number}", timeout=HTTP_WAIT_S)

    @property
    def _faults_url(self) -> str:
        return f"{exchange_urls(self.settings).spot_rest}/simulator/faults"


def own_platform(
    settings: Settings,
    *,
    folder: str,
    names: Sequence[Name] = NAMES,
    speed: float | None = None,
) -> Platform:
    """A platform in a folder of DATA_DIR, on simulated data, apart from whatever else runs there.

    It begins with nothing: what an earlier one left in the folder is stopped and deleted, because a market that is
    played faster would by now have caught up with the clock. Raises ConfigurationError where the settings name another
    exchange.
    """
    own = _own(settings, folder=folder, speed=speed)
    _clear(own)
    return Platform(own, _environment(own), tuple(names))


def left_platform(settings: Settings, *, folder: str, names: Sequence[Name] = NAMES) -> Platform:
    """The platform that `own_platform` made before, with all that it has come to; raises likewise."""
    own = _own(settings, folder=folder)
    return Platform(own, _environment(own), tuple(names))


def _own(settings: Settings, *, folder: str, speed: float | None = None) -> Settings:
    if settings.exchange is not Exchange.SIMULATOR:
        raise ConfigurationError(
            f"This runs on simulated data, and EXCHANGE={settings.exchange} says that it should not. Unset EXCHANGE."
        )
    values = {
        "data_dir": settings.data_dir / folder,
        "lake_uri": None,
        "kafka_bootstrap_servers": None,
        "redis_url": None,
        "postgres_url": None,
        "simulator_speed": settings.simulator_speed if speed is None else speed,
    }
    return settings.model_copy(update=values)


def _clear(settings: Settings) -> None:
    """Stop and delete an earlier platform; a folder that holds none is left alone."""
    if service_folder(settings.data_dir, "kafka").parent.is_dir():
        Services(settings).stop()
        shutil.rmtree(settings.data_dir)


def _environment(settings: Settings) -> dict[str, str]:
    """Variables of programs of the platform: none of those that point elsewhere."""
    known = {name.upper() for name in Settings.model_fields} | {"DAGSTER_HOME"}
    outside = {name: value for name, value in os.environ.items() if name not in known}
    home = prepare_dagster_home(settings.data_dir, environment=outside)
    return {**outside, **variables_of(settings), "DAGSTER_HOME": str(home)}
