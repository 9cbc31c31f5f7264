"""`python -m crypto_assets.simulator`: prints its address, then serves until it is told to end."""

from __future__ import annotations

import argparse
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.app import create_app
from crypto_assets.simulator.clock import Clock
from crypto_assets.simulator.faults import parse_faults_yaml
from crypto_assets.simulator.options import (
    DEFAULT_PUBLICATION_DELAY,
    DEFAULT_SEED,
    DEFAULT_SYMBOLS,
    SimulatorOptions,
)
from crypto_assets.simulator.parent import stop_with_parent
from crypto_assets.simulator.streams.limits import StreamLimits
from crypto_assets.simulator.streams.server import HOST, bind_listener


class _AnnouncingServer(uvicorn.Server):
    """Prints the address as the only line of standard output, once it accepts connections."""

    def __init__(self, config: uvicorn.Config, *, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._url, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit status is 2 for options that cannot be used."""
    parser = _parser()
    given = parser.parse_args(arguments)
    with (
        _bind(parser, given.port, host=given.host) as listener,
        _bind(parser, given.stream_port, host=given.host) as stream_listener,
    ):
        try:
            app = create_app(_options(given), stream_listener=stream_listener)
        except (ConfigurationError, OSError) as error:
            parser.error(str(error))
        config = uvicorn.Config(app, log_level=given.log_level, access_log=given.log_level == "debug")
        server = _AnnouncingServer(config, url=f"http://{HOST}:{listener.getsockname()[1]}")
        if given.parent is not None:
            stop_with_parent(given.parent, stop=lambda: setattr(server, "should_exit", True))
        server.run(sockets=[listener])
    return 0


def _bind(parser: argparse.ArgumentParser, port: int, *, host: str) -> socket.socket:
    try:
        return bind_listener(port, host=host)
    except OSError as error:
        parser.error(f"{host}:{port} cannot be used: {error}")


def _options(given: argparse.Namespace) -> SimulatorOptions:
    if given.speed < 0 or (given.speed == 0 and not given.replay):
        raise ConfigurationError("--speed is above 0; with --replay it may be 0, which is as fast as the reader")
    clock = Clock.real()
    if given.frozen_at is not None:
        clock = Clock.frozen_at(given.frozen_at)
    elif given.now is not None:
        clock = Clock.started_at(given.now, since=given.since, speed=given.speed or 1.0)
    elif given.since is not None:
        raise ConfigurationError("--since says when the clock showed --now, which is not given")
    return SimulatorOptions(
        symbols=tuple(given.symbols.split(",")),
        seed=given.seed,
        clock=clock,
        publication_delay=timedelta(hours=given.publication_delay_hours),
        faults=parse_faults_yaml(given.faults.read_bytes()) if given.faults else (),
        replay=given.replay,
        replay_pace=given.speed,
        stream_limits=StreamLimits(life_s=given.connection_life_s),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crypto_assets.simulator",
        description="A simulated exchange, or recorded files served like one, in Binance's formats on this machine.",
    )
    add = parser.add_argument
    add("--host", default=HOST, help="address to listen on (default %(default)s: this machine only)")
    add("--port", type=int, default=0, help="port; 0, the default, takes a free one")
    add("--stream-port", type=int, default=0, help="port of the streams; 0, the default, takes a free one")
    add("--symbols", default=",".join(DEFAULT_SYMBOLS), help="symbols, separated by commas (default %(default)s)")
    add("--seed", type=int, default=DEFAULT_SEED, help="seed of the market (default %(default)s)")
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument("--now", type=_instant, help="what the exchange's clock shows at the start, such as 2024-08-05")
    moment.add_argument("--frozen-at", type=_instant, help="what the exchange's clock always shows")
    add("--speed", type=float, default=1.0, help="how many times faster than the machine's that clock runs (1)")
    add("--since", type=_instant, help="when the machine's clock showed what --now says, if not at this start")
    add(
        "--publication-delay-hours",
        type=float,
        default=DEFAULT_PUBLICATION_DELAY / timedelta(hours=1),
        help="hours from the end of a day until the archive has it (default %(default)s)",
    )
    add("--connection-life-s", type=float, default=StreamLimits().life_s, help="after which streams are cut (86400)")
    add("--faults", type=Path, help="YAML file of scripted faults; see docs/simulator.md")
    add("--replay", type=Path, metavar="FOLDER", help="serve archive/data and recordings of this folder instead")
    add("--log-level", choices=("debug", "info", "warning", "error"), default="warning")
    add("--parent", type=int, help="end with the process of this id, the one that started this")
    return parser


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
