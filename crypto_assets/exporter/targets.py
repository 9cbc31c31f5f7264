"""Where Prometheus finds the pages of the programs that run, in the form of its HTTP service discovery.

https://prometheus.io/docs/prometheus/latest/http_sd/
"""

from __future__ import annotations

import ipaddress
import socket
from datetime import datetime

from crypto_assets.config import Exchange, Settings
from crypto_assets.endpoints import embedded_endpoint
from crypto_assets.health.lag import program_health
from crypto_assets.simulator.metrics import PATH as SIMULATOR_PATH

type Target = dict[str, list[str] | dict[str, str]]


def targets(settings: Settings, *, now: datetime, host: str | None = None) -> list[Target]:
    """A target for each program whose heartbeat is fresh, and for the embedded simulator where it runs.

    A program of this machine whose page is on the loopback address is named by it: only a Prometheus of this machine
    can read it.
    """
    here = host or socket.gethostname()
    found: list[Target] = []
    for health in program_health(settings, now=now):
        port = health.beat.figures.get("metrics_port", 0.0) if health.beat and health.is_alive else 0.0
        if health.beat and port:
            loopback = health.beat.host == here and _is_loopback(settings.metrics_host)
            address = settings.metrics_host if loopback else health.beat.host
            found.append(_target(f"{address}:{port:.0f}", job=health.program))
    simulator = embedded_endpoint(settings.data_dir, "simulator")
    if settings.exchange is not Exchange.BINANCE and simulator is not None:
        address = simulator["url"].partition("://")[2]
        found.append(_target(address, job="simulator", __metrics_path__=SIMULATOR_PATH))
    return found


def _target(address: str, **labels: str) -> Target:
    return {"targets": [address], "labels": labels}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
