"""A stand-in for collector or processor: it holds the lease and gives heartbeats, and does what a file tells it.

`python beating_program.py collector REDIS_URL EXCHANGE FOLDER`. The file FOLDER/collector.does says `beat` (also where
there is none), `crash`, or `hang`, which lives on without a heartbeat.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import cast

import redis

from crypto_assets.processes import stop_on_signals
from crypto_assets.stream.heartbeat import NOT_ALONE, Program, Seat, StreamState

BEAT_S = 0.1


def main(program: Program, url: str, exchange: str, folder: Path) -> int:
    told_to_end = threading.Event()
    stop_on_signals(told_to_end.set)
    client = redis.Redis.from_url(url)
    seat, started = Seat(client, exchange, program), time.time_ns() // 1000
    if not seat.hold():
        return NOT_ALONE
    try:
        while not told_to_end.wait(BEAT_S):
            told = folder / f"{program}.does"
            does = told.read_text() if told.exists() else "beat"
            if does == "crash":
                print("something that nobody expected", flush=True)
                return 7
            if does == "beat":
                seat.hold()
                seat.say("running", "", streams=(_trades(exchange, started),), figures={})
        (folder / f"{program}.flushed").touch()
    finally:
        seat.leave()
    return 0


def _trades(exchange: str, started: int) -> StreamState:
    now = time.time_ns() // 1000
    ran = (now - started) / 1_000_000
    return StreamState(f"{exchange}.trades", "BTCUSDT", int(50 * ran), 50.0, now - 200_000, now, 0.2)


if __name__ == "__main__":
    sys.exit(main(cast("Program", sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4])))
