"""The simulator's own addresses: whether it is up, and the faults in force."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from crypto_assets.errors import ConfigurationError
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import Fault, parse_faults_json
from crypto_assets.simulator.market import FlashCrash, Halt
from crypto_assets.simulator.options import SimulatorOptions
from crypto_assets.simulator.replies import json_reply
from crypto_assets.simulator.streams.server import StreamServer


def check_events(faults: Iterable[Fault], options: SimulatorOptions) -> None:
    """Raises ConfigurationError for a halt or a crash that this exchange cannot have."""
    for fault in faults:
        if not isinstance(fault, Halt | FlashCrash):
            continue
        if options.replay:
            raise ConfigurationError("Recorded days cannot have scripted halts or flash crashes")
        if fault.symbol is not None and fault.symbol not in options.symbols:
            raise ConfigurationError(f"{fault.symbol} is none of the simulated symbols {', '.join(options.symbols)}")


def control_routes(faults: FaultBook, options: SimulatorOptions, streams: StreamServer) -> list[Route]:
    """`/health`, `/simulator/faults` and `/simulator/published`, which no scripted fault touches."""

    async def health(_request: Request) -> Response:
        mode = "replay" if options.replay else "simulator"
        now_ms = options.clock.now_us() // 1000
        return json_reply({"status": "ok", "mode": mode, "serverTime": now_ms, "streams": streams.url})

    async def published(request: Request) -> Response:
        symbol = request.query_params.get("symbol", "")
        return json_reply(streams.published.describe(symbol))

    async def list_faults(_request: Request) -> Response:
        return json_reply({"faults": faults.describe()})

    async def add_faults(request: Request) -> Response:
        try:
            parsed = parse_faults_json(await request.body())
            check_events(parsed, options)
        except ConfigurationError as error:
            return json_reply({"msg": str(error)}, status=400)
        return json_reply({"ids": faults.add(parsed)}, status=201)

    async def remove_faults(_request: Request) -> Response:
        return json_reply({"removed": faults.remove()})

    async def remove_fault(request: Request) -> Response:
        removed = faults.remove(request.path_params["number"])
        return json_reply({"removed": removed}, status=200 if removed else 404)

    return [
        Route("/health", health, methods=["GET"]),
        Route("/simulator/published", published, methods=["GET"]),
        Route("/simulator/faults", list_faults, methods=["GET"]),
        Route("/simulator/faults", add_faults, methods=["POST"]),
        Route("/simulator/faults", remove_faults, methods=["DELETE"]),
        Route("/simulator/faults/{number:int}", remove_fault, methods=["DELETE"]),
    ]
