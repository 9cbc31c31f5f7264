"""What the embedded services have in common, and what each tells of itself."""

from __future__ import annotations

import signal
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

import httpx

from crypto_assets.config import Settings, variables_of
from crypto_assets.endpoints import Service as Endpoint
from crypto_assets.endpoints import remove_endpoint, write_endpoint
from crypto_assets.stream.heartbeat import Heartbeat
from resources.services.folder import ServiceFolder
from resources.services.jars import Group
from resources.services.process import Launch

type Name = Literal[
    "postgres",
    "redis",
    "kafka",
    "namenode",
    "datanode",
    "s3",
    "redshift",
    "sheets",
    "simulator",
    "collector",
    "processor",
    "forecaster",
    "daemon",
]
NAMES: tuple[Name, ...] = get_args(Name.__value__)
"""Every service, each after those it needs."""
ON_DEMAND: frozenset[Name] = frozenset({"namenode", "datanode", "s3", "redshift", "sheets"})
"""Those of batch work: they start at its first use, or where they are named."""
ALWAYS: tuple[Name, ...] = tuple(name for name in NAMES if name not in ON_DEMAND)
"""Those that are started where none is named."""
HOST = "127.0.0.1"
_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Without a certificate of anybody."""
PASSED_ON = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "JDK_JAVA_OPTIONS")


@dataclass(frozen=True, slots=True)
class Context:
    """What services are started with."""

    settings: Settings
    environment: Mapping[str, str]
    """Variables of the program that starts them."""
    java_home: Callable[[], Path]


@dataclass(frozen=True, slots=True)
class Running:
    """A process of a service, and the ports it was started on."""

    pid: int
    ports: Mapping[str, int]


class Service(ABC):
    """One service: how to prepare and start it, when it is ready, and what is done then.

    What takes long is written as a generator that yields, between looks, what it is doing: several services are
    started side by side in one thread.
    """

    name: ClassVar[Name]
    needs: ClassVar[tuple[Name, ...]] = ()
    purposes: ClassVar[Sequence[str]] = ()
    """What it needs ports for; the first is the one that clients use."""
    named_by: ClassVar[str | None] = None
    """The setting that names an outside one in its place."""
    endpoint: ClassVar[Endpoint | None] = None
    """The name under which clients are told where it is."""
    jars: ClassVar[Group | None] = None
    """Which jars it is made of."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    grace_s: ClassVar[float] = 20.0
    """How long it may take to end by itself."""
    start_s: ClassVar[float] = 60.0
    """How long it may take until it is ready."""
    look_every_s: ClassVar[float] = 0.05

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings = context.settings
        self.folder = ServiceFolder.of(context.settings.data_dir, self.name)

    def elsewhere(self) -> str | None:
        """Why none is started here, such as a variable that names an outside one; None where it is started."""
        return f"{self.named_by.upper()} is set" if self.named_by and getattr(self.settings, self.named_by) else None

    def answers_elsewhere(self) -> bool:
        """Whether that one accepts connections."""
        return True

    def prepare(self) -> Iterator[str]:
        """Make what it needs before its process can start; may be repeated after having been killed at any point."""
        yield from ()

    @abstractmethod
    def launch(self, ports: Mapping[str, int]) -> Launch:
        """How to start it on these ports."""

    @abstractmethod
    def is_ready(self, running: Running) -> bool:
        """Whether this process does its work now; of a server, whether it and no other answers."""

    def waits_for(self) -> str:
        """Why it is not ready yet, where it can tell."""
        return ""

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        """What clients are told, by `endpoints.write_endpoint`."""
        raise NotImplementedError

    def publish(self, ports: Mapping[str, int]) -> None:
        """What follows once it is ready; repeated by every start, also of a running service."""
        if self.endpoint:
            write_endpoint(self.settings.data_dir, self.endpoint, self.addresses(ports))

    def withdraw(self) -> None:
        """Undo `publish` after it was stopped."""
        if self.endpoint:
            remove_endpoint(self.settings.data_dir, self.endpoint)

    def beat(self) -> Heartbeat | None:
        """What it last said of itself; None for services that say nothing."""
        return None

    def address(self) -> str:
        """Where it is found, for people: never with a password."""
        port = self.folder.known_ports().get(self.purposes[0]) if self.purposes else None
        return f"{HOST}:{port}" if port else ""

    def bare_environment(self) -> dict[str, str]:
        """Variables for a server that reads none: no setting, no secret, and a locale that can name any file."""
        given = self.context.environment
        return {name: given[name] for name in PASSED_ON if name in given} | {"LC_ALL": "C.UTF-8"}

    def program_environment(self) -> dict[str, str]:
        """Variables for a program of the project: those given, and just the settings that this service has."""
        settings = {name.upper() for name in type(self.settings).model_fields}
        others = {name: value for name, value in self.context.environment.items() if name.upper() not in settings}
        return others | variables_of(self.settings)


def http_url(ports: Mapping[str, int]) -> str:
    """Where a service answers HTTP."""
    return f"http://{HOST}:{ports['port']}"


def accepts(port: int, *, host: str = HOST) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


def ask(url: str, *, timeout_s: float, **parameters: str) -> httpx.Response:
    """What a server on this machine answers to a GET in plain HTTP; raises httpx.TransportError."""
    # No proxy leads to it, and no certificates are read: that would take twenty times as long as all the rest.
    return httpx.get(url, params=parameters, timeout=timeout_s, trust_env=False, verify=_TRUSTS_NOBODY)
