"""The simulator as one web application: archive, captures, REST of spot and USD-M, and its own controls."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crypto_assets.simulator.archive import Archive
from crypto_assets.simulator.built_files import BuiltFiles
from crypto_assets.simulator.captures import Captures
from crypto_assets.simulator.clock import read_wall_us
from crypto_assets.simulator.controls import check_events, control_routes
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.fault_middleware import FaultMiddleware
from crypto_assets.simulator.futures import FuturesRest
from crypto_assets.simulator.futures_market import FuturesMarketRest
from crypto_assets.simulator.metrics import CountingMiddleware, SimulatorMetrics
from crypto_assets.simulator.options import SimulatorOptions
from crypto_assets.simulator.recorded_data import RecordedData
from crypto_assets.simulator.recorded_files import RecordedFiles
from crypto_assets.simulator.recorded_rest import RecordedRest
from crypto_assets.simulator.replies import json_reply
from crypto_assets.simulator.rest import Endpoint, rest_routes
from crypto_assets.simulator.rows import RowReader
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.spot import SpotRest
from crypto_assets.simulator.spot_market import SpotMarketRest
from crypto_assets.simulator.streams.recordings import Recordings
from crypto_assets.simulator.streams.server import StreamServer


def create_app(
    options: SimulatorOptions,
    *,
    wall_us: Callable[[], int] = read_wall_us,
    stream_listener: socket.socket | None = None,
) -> Starlette:
    """The application; `wall_us` is the clock that request limits are counted by. Raises ConfigurationError.

    The streams are served at `stream_listener`, a bound socket, else at a free port, as long as the application lives.
    """
    check_events(options.faults, options)
    faults = FaultBook()
    faults.add(options.faults)
    streams = StreamServer(options, faults)
    metrics = SimulatorMetrics(connections=lambda: streams.connections, faults=lambda: len(faults.describe()))
    # Built files are worthless without this process: they go with it.
    folder = tempfile.TemporaryDirectory(prefix="crypto-assets-simulator-")

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        with folder:
            async with streams.open(stream_listener):
                yield

    if options.replay is None:
        files, endpoints = _simulated(options, faults, Path(folder.name))
    else:
        files, endpoints = _recorded(options, options.replay, faults)
    routes = [*files, *rest_routes(endpoints, wall_us=wall_us)]
    return Starlette(
        routes=[metrics.route(), *control_routes(faults, options, streams), *routes],
        middleware=[Middleware(CountingMiddleware, metrics=metrics), Middleware(FaultMiddleware, book=faults)],
        exception_handlers={404: _no_such_address},
        lifespan=lifespan,
    )


def _simulated(options: SimulatorOptions, faults: FaultBook, folder: Path) -> tuple[list[Route], list[Endpoint]]:
    """Addresses of files, and of REST."""
    data = SimulatedData(seed=options.seed, symbols=options.symbols, faults=faults)
    spot, usdm = RowReader(data, options.clock, faults, "spot"), RowReader(data, options.clock, faults, "usdm")
    built = BuiltFiles(folder, limit_bytes=options.built_limit_bytes)
    archive = Archive(data, clock=options.clock, faults=faults, built=built, delay=options.publication_delay)
    captures = Captures(data, clock=options.clock, faults=faults, built=built)
    parts = (SpotRest(spot), FuturesRest(usdm), SpotMarketRest(data, spot), FuturesMarketRest(data, usdm))
    return [*archive.routes(), *captures.routes()], [endpoint for part in parts for endpoint in part.endpoints()]


def _recorded(options: SimulatorOptions, folder: Path, faults: FaultBook) -> tuple[list[Route], list[Endpoint]]:
    """The same of a folder."""
    files = RecordedFiles(folder)
    data = RecordedData(folder)
    spot, usdm = RowReader(data, options.clock, faults, "spot"), RowReader(data, options.clock, faults, "usdm")
    parts = (SpotRest(spot), FuturesRest(usdm), RecordedRest(spot, usdm, Recordings(folder)))
    return files.routes(), [endpoint for part in parts for endpoint in part.endpoints()]


def _no_such_address(request: Request, _error: Exception) -> Response:
    message = f"Path {request.url.path}, Method {request.method} is invalid"
    return json_reply({"code": -5000, "msg": message}, status=404)
