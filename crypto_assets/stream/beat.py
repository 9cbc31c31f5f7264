"""Heartbeat and lease of a program of the market stream in Redis, by a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

import redis

from crypto_assets.stream.heartbeat import (
    BEAT_EVERY_S,
    LEASE_MS,
    Heartbeat,
    Program,
    State,
    StreamState,
    hold_lease,
    release_lease,
    write_heartbeat,
)

PATIENCE_S = LEASE_MS / 1_000 + 2
"""How long a new program waits for the lease of one that was killed to run out."""

log = logging.getLogger(__name__)


class Counted(Protocol):
    """Where the program counts what it does."""

    def streams(self) -> tuple[StreamState, ...]:
        """How each of its streams flows."""
        ...

    def figures(self) -> dict[str, float]:
        """Its counters."""
        ...


class Beat:
    """Beats until `end`; a lease that another one holds is told by `lost`.

    `trouble` says why nothing gets through, in place of the detail, or nothing. `also` is done with each beat; it may
    raise redis.RedisError. `answers` is set while Redis does.
    """

    def __init__(
        self,
        client: redis.Redis,
        exchange: str,
        program: Program,
        *,
        counted: Counted,
        trouble: Callable[[], str],
        also: Callable[[], None],
        lost: Callable[[], None],
        answers: threading.Event,
        metrics_port: int,
    ) -> None:
        self.instance = uuid4().hex
        self.state: State = "starting"
        self.detail = ""
        self._client = client
        self._exchange = exchange
        self._program: Program = program
        self._counted = counted
        self._trouble = trouble
        self._also = also
        self._lost = lost
        self._answers = answers
        self._metrics_port = metrics_port
        self._started_at_us = _now_us()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def take_lease(self, stop: threading.Event) -> bool:
        """Whether this is the only one of the exchange; without Redis it is taken to be, until Redis says no."""
        deadline = time.monotonic() + PATIENCE_S
        while not stop.is_set():
            try:
                if hold_lease(self._client, self._exchange, self._program, instance=self.instance):
                    return True
            except redis.RedisError as error:
                log.warning("Redis does not answer, the %s starts without it: %s", self._program, type(error).__name__)
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
        self.state, self.detail, self._trouble = state, detail, lambda: ""
        try:
            self._write()
            release_lease(self._client, self._exchange, self._program, instance=self.instance)
        except redis.RedisError:
            log.warning("Redis does not hear that the %s ends", self._program)

    def _run(self) -> None:
        while not self._ending.wait(BEAT_EVERY_S):
            try:
                if not hold_lease(self._client, self._exchange, self._program, instance=self.instance):
                    self._lost()
                    return
                self._write()
                self._also()
            except redis.RedisError as error:
                if self._answers.is_set():
                    log.warning("Redis does not answer: %s", type(error).__name__)
                self._answers.clear()
            else:
                self._answers.set()

    def _write(self) -> None:
        beat = Heartbeat(
            program=self._program,
            instance=self.instance,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at_us=self._started_at_us,
            beat_at_us=_now_us(),
            state=self.state,
            detail=self._trouble() or self.detail,
            streams=self._counted.streams(),
            figures=self._counted.figures() | {"metrics_port": float(self._metrics_port)},
        )
        write_heartbeat(self._client, self._exchange, beat)


def _now_us() -> int:
    return time.time_ns() // 1_000
