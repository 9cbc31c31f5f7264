"""`python -m crypto_assets.exporter`: the platform's metrics at `/metrics`, the programs' addresses at `/targets`.

Until SIGTERM or Ctrl-C. It reads only, and may run beside everything or on another machine with the same settings.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import uvicorn
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crypto_assets.config import Settings, read_settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.exporter.platform import Platform
from crypto_assets.exporter.targets import targets
from crypto_assets.processes import log_to_stderr
from crypto_assets.secrecy import mask_logs

PORT = 9108
MISCONFIGURED = 2


def create_app(settings: Settings, platform: Platform) -> Starlette:
    """The pages."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(platform)  # pyright: ignore[reportArgumentType]  anything with `collect` does

    def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def programs(_request: Request) -> Response:
        return JSONResponse(targets(settings, now=datetime.now(UTC)))

    return Starlette(routes=[Route("/metrics", metrics), Route("/targets", programs)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal; the exit status is 2 for settings that cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m crypto_assets.exporter", description=__doc__)
    parser.add_argument("--port", type=int, help=f"port, in place of METRICS_PORT, else {PORT}")
    given = parser.parse_args(arguments)
    log_to_stderr()
    try:
        settings = read_settings()
        mask_logs(settings)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return MISCONFIGURED
    port = given.port if given.port is not None else settings.metrics_port or PORT
    platform, stop = Platform(settings), threading.Event()
    reading = threading.Thread(target=platform.run, args=(stop,), name="reading", daemon=True)
    reading.start()
    try:
        uvicorn.run(create_app(settings, platform), host=settings.metrics_host, port=port, access_log=False)
    finally:
        stop.set()
        reading.join(timeout=10)
    return 0


if __name__ == "__main__":
    sys.exit(main())
