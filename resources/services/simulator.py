"""The simulated exchange, or recorded files served like one, as a service."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from crypto_assets.config import Exchange, Settings
from crypto_assets.endpoints import exchange_is_named
from crypto_assets.errors import ConfigurationError
from resources.services.process import Launch
from resources.services.service import HOST, Running, Service, ask, http_url

HEAD_START = timedelta(hours=24)
"""How far in the past a market that is played faster begins; it catches up with the machine's clock."""
_HEALTH_TIMEOUT_S = 2.0


class Anchor(msgspec.Struct, frozen=True):
    """What ties the clock of a market that is played faster to the machine's; kept, so that a restart goes on."""

    now: datetime
    """What the exchange's clock showed …"""
    since: datetime
    """… when the machine's showed this."""
    speed: float

    def at(self, wall: datetime) -> datetime:
        """What the exchange's clock shows now."""
        return min(wall, self.now + (wall - self.since) * self.speed)


class Simulator(Service):
    """Spot and USD-M REST, archive and streams on 127.0.0.1, known to `endpoints.exchange_urls`."""

    name = "simulator"
    purposes = ("port", "streams")
    endpoint = "simulator"

    def elsewhere(self) -> str | None:
        if self.settings.exchange is Exchange.BINANCE:
            return "EXCHANGE=binance"
        return "every BINANCE_* URL is set" if exchange_is_named(self.settings) else None

    def launch(self, ports: Mapping[str, int]) -> Launch:
        settings = self.settings
        arguments = [
            f"--port={ports['port']}",
            f"--stream-port={ports['streams']}",
            f"--seed={settings.simulator_seed}",
        ]
        arguments += [f"--symbols={','.join(settings.symbols)}", f"--speed={settings.simulator_speed}"]
        if settings.exchange is Exchange.REPLAY:
            arguments.append(f"--replay={replay_folder(settings)}")
        elif settings.simulator_speed != 1:
            anchor = self._anchor(wall=datetime.now(UTC))
            arguments += [f"--now={anchor.now.isoformat()}", f"--since={anchor.since.isoformat()}"]
        command = (sys.executable, "-m", "crypto_assets.simulator", *arguments)
        return Launch(command, self.program_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        return self._health(running.ports) is not None

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        health = self._health(ports)
        streams = {"streams": health.streams} if health and health.streams else {}
        return {"url": http_url(ports), **streams}

    def address(self) -> str:
        ports = self.folder.known_ports()
        return f"{HOST}:{ports['port']}, streams {HOST}:{ports['streams']}" if ports else ""

    def _anchor(self, *, wall: datetime) -> Anchor:
        """The remembered anchor, begun anew at the same moment of the exchange where the speed is another now."""
        speed = self.settings.simulator_speed
        text = self.folder.read("clock.json")
        known = None if text is None else msgspec.json.decode(text, type=Anchor)
        if known and known.speed == speed:
            return known
        anchor = Anchor(known.at(wall) if known else wall - HEAD_START, wall, speed)
        self.folder.write("clock.json", msgspec.json.encode(anchor).decode())
        return anchor

    def _health(self, ports: Mapping[str, int]) -> Health | None:
        try:
            return ask_health(http_url(ports))
        except httpx.HTTPError:
            return None


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """What a simulator says of itself."""

    server_time: int
    """Its clock, in milliseconds."""
    streams: str | None
    """Where they are served; None where they have failed."""


def ask_health(url: str) -> Health:
    """The health of the simulator at `url`; raises httpx.HTTPError where it does not answer."""
    answer = ask(f"{url}/health", timeout_s=_HEALTH_TIMEOUT_S).raise_for_status()
    return msgspec.json.decode(answer.content, type=Health)


def replay_folder(settings: Settings) -> Path:
    """The folder of `REPLAY_URI`; raises ConfigurationError where none is named."""
    if settings.replay_uri is None:
        raise ConfigurationError(
            "EXCHANGE=replay needs REPLAY_URI, a folder that holds archive/data/… and recordings/…"
        )
    return Path(settings.replay_uri.removeprefix("file://")).expanduser().resolve()
