"""Programs of the market stream that do nothing but say how they are, by a clock that a test sets.

`python heart.py REDIS_URL EXCHANGE FILE PROGRAM…`; the JSON of FILE says `offset_s`, how far their clock is ahead, and
`silent`, the symbols whose streams are quiet.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import cast

import redis

from crypto_assets.stream.heartbeat import Heartbeat, Program, StreamState, write_heartbeat

BEAT_S = 0.05
SYMBOLS = ("BTCUSDT", "ETHUSDT")


def main(url: str, exchange: str, told: Path, programs: tuple[Program, ...]) -> None:
    client = redis.Redis.from_url(url)
    started = time.time_ns() // 1_000
    while True:
        says = json.loads(told.read_text())
        now = time.time_ns() // 1_000 + int(says["offset_s"] * 1_000_000)
        streams = tuple(
            StreamState("trades", symbol, 1, 1.0, now, now, 0.1, silent=symbol in says["silent"]) for symbol in SYMBOLS
        )
        for program in programs:
            beat = Heartbeat(
                program=program,
                instance=str(os.getpid()),
                pid=os.getpid(),
                host=socket.gethostname(),
                started_at_us=started,
                beat_at_us=now,
                state="running",
                streams=streams,
            )
            try:
                write_heartbeat(client, exchange, beat)
            except redis.RedisError:
                continue  # as the real ones do: it is tried again with the next beat
        time.sleep(BEAT_S)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), cast("tuple[Program, ...]", tuple(sys.argv[4:])))
