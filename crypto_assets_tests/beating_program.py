"""A stand-in for collector or processor: it holds the lease and gives heartbeats, and does what a file tells it.

`python beating_program.py collector REDIS_URL EXCHANGE FOLDER`. The file FOLDER/collector.does says `beat` (also where
there is none), `crash`, or `hang`, which lives on without a heartbeat.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import cast

import redis

from crypto_assets.stream.heartbeat import Heartbeat, Program, StreamState, hold_lease, release_lease, write_heartbeat
from crypto_assets.stream.supervisor import ANOTHER_HAS_IT

BEAT_S = 0.1


def main(program: Program, url: str, exchange: str, folder: Path) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    client = redis.Redis.from_url(url)
    instance, started = f"{os.getpid()}", time.time_ns() // 1000
    if not hold_lease(client, exchange, program, instance=instance):
        return ANOTHER_HAS_IT
    try:
        while True:
            told = folder / f"{program}.does"
            does = told.read_text() if told.exists() else "beat"
            if does == "crash":
                print("something that nobody expected", flush=True)
                return 7
            if does == "beat":
                hold_lease(client, exchange, program, instance=instance)
                write_heartbeat(client, exchange, _beat(program, exchange, instance, started))
            time.sleep(BEAT_S)
    except KeyboardInterrupt:
        (folder / f"{program}.flushed").touch()
    finally:
        release_lease(client, exchange, program, instance=instance)
    return 0


def _beat(program: Program, exchange: str, instance: str, started: int) -> Heartbeat:
    now = time.time_ns() // 1000
    ran = (now - started) / 1_000_000
    trades = StreamState(f"{exchange}.trades", "BTCUSDT", int(50 * ran), 50.0, now - 200_000, now, 0.2)
    return Heartbeat(
        program=program,
        instance=instance,
        pid=os.getpid(),
        host=socket.gethostname(),
        started_at_us=started,
        beat_at_us=now,
        state="running",
        streams=(trades,),
    )


if __name__ == "__main__":
    sys.exit(main(cast("Program", sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])))
