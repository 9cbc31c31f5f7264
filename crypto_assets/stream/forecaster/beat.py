"""The forecaster's heartbeat, lease and copy of the latest predictions in Redis, by a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import redis

from crypto_assets.stream.forecaster.figures import Figures
from crypto_assets.stream.forecaster.latest import Latest
from crypto_assets.stream.heartbeat import (
    BEAT_EVERY_S,
    LEASE_MS,
    Heartbeat,
    State,
    hold_lease,
    release_lease,
    write_heartbeat,
)

PROGRAM = "forecaster"
PATIENCE_S = LEASE_MS / 1_000 + 2
"""How long a new forecaster waits for the lease of one that was killed to run out."""

log = logging.getLogger(__name__)


class Beat:
    """Beats until `end`; a lease that another one holds is told by `lost`."""

    def __init__(
        self,
        client: redis.Redis,
        exchange: str,
        *,
        figures: Figures,
        latest: Latest,
        lost: Callable[[], None],
        metrics_port: int,
    ) -> None:
        self.instance = uuid4().hex
        self.state: State = "starting"
        self.detail = ""
        self.trouble = ""
        """Why nothing gets through; empty while all is well."""
        self._client = client
        self._exchange = exchange
        self._figures = figures
        self._latest = latest
        self._lost = lost
        self._metrics_port = metrics_port
        self._started_at_us = _now_us()
        self._ending = threading.Event()
        self._answers = True
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def take_lease(self, stop: threading.Event) -> bool:
        """Whether this is the only forecaster of the exchange; without Redis it is taken to be, until Redis says no."""
        deadline = time.monotonic() + PATIENCE_S
        while not stop.is_set():
            try:
                if hold_lease(self._client, self._exchange, PROGRAM, instance=self.instance):
                    return True
            except redis.RedisError as error:
                log.warning("Redis does not answer, the forecaster starts without it: %s", type(error).__name__)
                return True
            if time.monotonic() > deadline:
                return False
            stop.wait(0.5)
        return True

    def begin(self) -> None:
        """Beat from now on."""
        self._thread.start()

    def end(self, state: State, detail: str = "") -> None:
        """Say a last word, and give the lease back."""
        self._ending.set()
        self._thread.join(timeout=10)
        self.state, self.detail, self.trouble = state, detail, ""
        try:
            self._write()
            release_lease(self._client, self._exchange, PROGRAM, instance=self.instance)
        except redis.RedisError:
            log.warning("Redis does not hear that the forecaster ends")

    def _run(self) -> None:
        while True:
            try:
                if not hold_lease(self._client, self._exchange, PROGRAM, instance=self.instance):
                    self._lost()
                    return
                self._write()
                self._latest.merge_all()
                self._answers = True
            except redis.RedisError as error:
                if self._answers:
                    log.warning("Redis does not answer: %s", type(error).__name__)
                self._answers = False
            if self._ending.wait(BEAT_EVERY_S):
                return

    def _write(self) -> None:
        beat = Heartbeat(
            program=PROGRAM,
            instance=self.instance,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at_us=self._started_at_us,
            beat_at_us=_now_us(),
            state=self.state,
            detail=self.trouble or self.detail,
            streams=self._figures.streams(),
            figures=self._figures.figures() | {"metrics_port": float(self._metrics_port)},
        )
        write_heartbeat(self._client, self._exchange, beat)


def _now_us() -> int:
    return time.time_ns() // 1_000
