"""`python -m crypto_assets.stream.probe collector`: a container's health check by the program's heartbeat in Redis.

Ends with 0 where the program beats in this container, or waits here while another one does; with 1 and a sentence
otherwise; with 2 for settings that cannot be used.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Sequence

from crypto_assets.config import read_settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.stream.health import PROGRAMS, Health, read_health
from crypto_assets.stream.heartbeat import ENDED, FAILED, MISCONFIGURED, Program


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how the program does; the exit status says whether it is well."""
    parser = argparse.ArgumentParser(prog="python -m crypto_assets.stream.probe", description=__doc__)
    parser.add_argument("program", choices=PROGRAMS)
    program: Program = parser.parse_args(arguments).program
    try:
        (health,) = read_health(read_settings(), [program], now_us=time.time_ns() // 1_000)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return MISCONFIGURED
    print(health.sentence)
    return ENDED if is_well(health, host=socket.gethostname()) else FAILED


def is_well(health: Health, *, host: str) -> bool:
    """Whether the container of this host name may go on as it is.

    Where Redis cannot be asked it may: to start the program again would not bring Redis back, and would lose what it
    holds. A living program elsewhere holds the lease, for which the one here waits.
    """
    if health.state == "unknown" or health.is_alive:
        return True
    beat = health.beat
    return beat is not None and beat.host != host and beat.state == "stopped"


if __name__ == "__main__":
    sys.exit(main())
