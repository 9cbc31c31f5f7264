"""The processor's heartbeat, lease and copy of last prices in Redis, by a thread of its own."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import redis

from crypto_assets.stream.heartbeat import (
    BEAT_EVERY_S,
    LEASE_MS,
    Heartbeat,
    State,
    hold_lease,
    release_lease,
    write_heartbeat,
)
from crypto_assets.stream.processor.batches import Batches
from crypto_assets.stream.processor.figures import Figures
from crypto_assets.stream.processor.last_prices import LastPrices
from crypto_assets.stream.processor.store import Store

PATIENCE_S = LEASE_MS / 1_000 + 2
"""How long a new processor waits for the lease of one that was killed to run out."""

log = logging.getLogger(__name__)


class Beat:
    """Beats until `end`; a lease that another one holds is told by `lost`."""

    def __init__(
        self,
        client: redis.Redis,
        exchange: str,
        *,
        figures: Figures,
        batches: Batches,
        store: Store,
        last_prices: LastPrices,
        lost: Callable[[], None],
        metrics_port: int,
    ) -> None:
        self.instance = uuid4().hex
        self.state: State = "starting"
        self.detail = ""
        self._client = client
        self._exchange = exchange
        self._figures = figures
        self._batches = batches
        self._store = store
        self._last_prices = last_prices
        self._lost = lost
        self._metrics_port = metrics_port
        self._started_at_us = _now_us()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def take_lease(self, stop: threading.Event) -> bool:
        """Whether this is the only processor of the exchange; without Redis it is taken to be, until Redis says no."""
        deadline = time.monotonic() + PATIENCE_S
        while not stop.is_set():
            try:
                if hold_lease(self._client, self._exchange, "processor", instance=self.instance):
                    return True
            except redis.RedisError as error:
                log.warning("Redis does not answer, the processor starts without it: %s", type(error).__name__)
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
        self.state, self.detail = state, detail
        try:
            self._write()
            release_lease(self._client, self._exchange, "processor", instance=self.instance)
        except redis.RedisError:
            log.warning("Redis does not hear that the processor ends")

    def _run(self) -> None:
        while not self._ending.wait(BEAT_EVERY_S):
            try:
                if not hold_lease(self._client, self._exchange, "processor", instance=self.instance):
                    self._lost()
                    return
                self._write()
                self._last_prices.merge(self._store.state)
            except redis.RedisError as error:
                if self._batches.redis_answers.is_set():
                    log.warning("Redis does not answer: %s", type(error).__name__)
                self._batches.redis_answers.clear()
            else:
                self._batches.redis_answers.set()

    def _write(self) -> None:
        beat = Heartbeat(
            program="processor",
            instance=self.instance,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at_us=self._started_at_us,
            beat_at_us=_now_us(),
            state=self.state,
            detail=self._batches.trouble or self.detail,
            streams=self._figures.streams(),
            figures=self._figures.figures() | {"metrics_port": float(self._metrics_port)},
        )
        write_heartbeat(self._client, self._exchange, beat)


def _now_us() -> int:
    return time.time_ns() // 1_000
