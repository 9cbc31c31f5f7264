"""What the simulated exchange counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crypto_assets.metrics.declared import counter, gauge

PATH = "/simulator/metrics"


class SimulatorMetrics:
    """Counts answers by status; connections and faults are looked up when the page is asked for."""

    def __init__(self, *, connections: Callable[[], int], faults: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = counter("simulator_requests", self._registry)
        gauge("simulator_connections", self._registry).set_function(connections)
        gauge("simulator_faults", self._registry).set_function(faults)

    def count(self, status: int) -> None:
        """Note an answer that begins."""
        self._requests.labels(str(status)).inc()

    def route(self) -> Route:
        """The page."""

        def page(_request: Request) -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return Route(PATH, page, methods=["GET"])


class CountingMiddleware:
    """Outside of the scripted faults, so that their answers are counted too; the simulator's own pages are not."""

    def __init__(self, app: ASGIApp, *, metrics: SimulatorMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] != "http" or scope["path"].startswith("/simulator/"):
            await self._app(scope, receive, send)
            return

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.count(message["status"])
            await send(message)

        await self._app(scope, receive, counting)
