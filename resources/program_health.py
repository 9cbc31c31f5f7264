"""How a program of the market stream does: its heartbeat, and on its own machine whether its process still lives."""

from __future__ import annotations

import socket
import time

import psutil

from crypto_assets.config import Settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.stream.health import Health, read_health, unknown
from crypto_assets.stream.heartbeat import Heartbeat, Program
from resources.services.process import is_alive


def look(settings: Settings, program: Program) -> Health:
    """Unknown where no Redis is named or none answers; ended where it was killed on this machine. Never raises."""
    try:
        (health,) = read_health(settings, [program], now_us=time.time_ns() // 1000)
    except ConfigurationError as error:
        return unknown(program, str(error))
    beat = health.beat
    if beat is not None and health.is_alive and _was_killed(beat):
        # It could not say so, and its heartbeat looks well for some seconds more.
        sentence = f"{program} (pid {beat.pid} on this machine) has no process any more."
        return Health(program, "ended", sentence, beat)
    return health


def _was_killed(beat: Heartbeat) -> bool:
    """Whether the process of a beat ran on this machine and is gone, its number perhaps given to another one since."""
    if beat.host != socket.gethostname():
        return False
    try:
        process = psutil.Process(beat.pid)
        return not is_alive(process) or process.create_time() * 1_000_000 > beat.started_at_us
    except psutil.NoSuchProcess:
        return True
