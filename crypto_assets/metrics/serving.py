"""The page that Prometheus reads from a program."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """A page that is being served."""

    address: str
    port: int
    end: Callable[[], None]


def serve_metrics(registry: CollectorRegistry, *, host: str, port: int) -> MetricsPage:
    """Serve what the registry holds, and memory, processor time and open files of this process.

    Port 0 takes a free one, and so does one that is taken: several programs of one machine share a setting, and none of
    them shall end for its figures.
    """
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        _log.warning("port %d of %s is taken: the metrics are served at a free one", port, host)
        server, thread = start_http_server(0, addr=host, registry=registry)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return MetricsPage(f"http://{host}:{server.server_port}/metrics", server.server_port, end)
