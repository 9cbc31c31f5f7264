"""The life of a program that does its work in threads: alone, with a heartbeat beside it, and patient.

Only one of its kind works for an exchange: a lock in `DATA_DIR` and a lease in Redis see to it. The heartbeat comes
from a thread of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import psycopg2
import redis
from filelock import FileLock, Timeout
from prometheus_client import CollectorRegistry

from crypto_assets.config import Settings, read_settings
from crypto_assets.endpoints import exchange_name, redis_url
from crypto_assets.errors import ConfigurationError, CryptoAssetsError
from crypto_assets.metrics.serving import serve_metrics
from crypto_assets.processes import log_to_stderr, stop_on_signals
from crypto_assets.secrecy import mask_logs
from crypto_assets.stream.heartbeat import (
    BEAT_EVERY_S,
    ENDED,
    FAILED,
    LEASE_MS,
    NOT_ALONE,
    Program,
    Seat,
    State,
    StreamState,
)

LEASE_PATIENCE_S = LEASE_MS / 1_000 + 2
"""How long a new program waits for the lease of one that was killed to run out."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
LOG_EVERY_S = 60.0

log = logging.getLogger(__name__)


class Stopping(Exception):
    """Raised where the program is to end: what was not finished is read again by the next one."""


class Counted(Protocol):
    """Where a program counts what it does."""

    @property
    def registry(self) -> CollectorRegistry:
        """The same for Prometheus."""
        ...

    def streams(self) -> tuple[StreamState, ...]:
        """How each of its streams flows."""
        ...

    def figures(self) -> dict[str, float]:
        """Its counters."""
        ...


class Works(Protocol):
    """A program that has such a life."""

    def run(self) -> int:
        """Work until `stop`; the exit code."""
        ...

    def stop(self) -> None:
        """Let `run` end."""
        ...


class Life:
    """One program of one exchange, from its start to its end."""

    def __init__(self, program: Program, settings: Settings, *, counted: Counted) -> None:
        self.exchange = exchange_name(settings)
        self.redis = redis.Redis.from_url(redis_url(settings), socket_timeout=2, socket_connect_timeout=2)
        self.redis_answers = threading.Event()
        """Whether it is worth telling Redis at once; what it missed is told with a heartbeat."""
        self.redis_answers.set()
        self.stop = threading.Event()
        """Set where the program is to end."""
        self.state: State = "starting"
        self.detail = ""
        self.trouble = ""
        """Why nothing gets through, said in place of the detail; empty while all is well."""
        self._program = program
        self._counted = counted
        self._lock = settings.data_dir / "stream" / f"{program}-{self.exchange}.lock"
        self._seat = Seat(self.redis, self.exchange, program)
        self._is_taken = False
        self._has_ended = threading.Event()
        page = serve_metrics(counted.registry, host=settings.metrics_host, port=settings.metrics_port)
        self._metrics_port = page.port

    def live(self, work: Callable[[], None], *, also: Callable[[], None]) -> int:
        """Do the work, which ends with `stop`, as the only one; returns ENDED, or NOT_ALONE where another one runs.

        `also` is done with each heartbeat, and may raise redis.RedisError. Raises the CryptoAssetsError of the work.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._lock, timeout=0):
                if not self._take_lease():
                    return self._refuse("on another machine, or one that was just killed")
                return self._alone(work, also)
        except Timeout:
            return self._refuse("in this DATA_DIR")

    def until_done[T](self, act: Callable[[], T]) -> T:
        """The outcome, after as many attempts as it takes: what it needs may be away for long; raises Stopping."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                outcome = act()
            except ConfigurationError:
                raise
            except (CryptoAssetsError, psycopg2.Error) as error:
                reason = str(error).strip().partition("\n")[0] or type(error).__name__
                if self.trouble != reason:
                    log.warning("The %s waits: %s", self._program, reason)
                self.trouble = reason
            else:
                if self.trouble:
                    log.warning("The %s goes on", self._program)
                self.trouble = ""
                return outcome
            if self.stop.wait(pause_s):
                raise Stopping
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _refuse(self, where: str) -> int:
        log.error("Another %s of %s runs %s; this one ends.", self._program, self.exchange, where)
        return NOT_ALONE

    def _take_lease(self) -> bool:
        """Whether this is the only one of the exchange; without Redis it is taken to be, until Redis says no."""
        deadline = time.monotonic() + LEASE_PATIENCE_S
        while not self.stop.is_set():
            try:
                if self._seat.hold():
                    return True
            except redis.RedisError as error:
                log.warning("Redis does not answer, the %s starts without it: %s", self._program, type(error).__name__)
                return True
            if time.monotonic() > deadline:
                return False
            self.stop.wait(0.5)
        return True

    def _alone(self, work: Callable[[], None], also: Callable[[], None]) -> int:
        beating = threading.Thread(target=self._beat, args=(also,), name="heartbeat", daemon=True)
        beating.start()
        try:
            with suppress(Stopping):
                work()
        except BaseException as error:
            self._end(beating, "failed", str(error) or type(error).__name__)
            raise
        if self._is_taken:
            self._end(beating, "failed", f"another {self._program} took the lease")
            return self._refuse("and took the lease")
        self._end(beating, "stopped", "")
        log.info("Stopped: %s", self._line())
        return ENDED

    def _beat(self, also: Callable[[], None]) -> None:
        logged_at = time.monotonic()
        while not self._has_ended.wait(BEAT_EVERY_S):
            try:
                if not self._seat.hold():
                    self._is_taken = True
                    self.stop.set()
                    return
                self._say()
                also()
            except redis.RedisError as error:
                if self.redis_answers.is_set():
                    log.warning("Redis does not answer: %s", type(error).__name__)
                self.redis_answers.clear()
            else:
                self.redis_answers.set()
            if time.monotonic() - logged_at > LOG_EVERY_S:
                logged_at = time.monotonic()
                log.info("%s", self._line())

    def _say(self) -> None:
        figures = self._counted.figures() | {"metrics_port": float(self._metrics_port)}
        self._seat.say(self.state, self.trouble or self.detail, streams=self._counted.streams(), figures=figures)

    def _end(self, beating: threading.Thread, state: State, detail: str) -> None:
        """Say a last word, and give the lease back."""
        self._has_ended.set()
        beating.join(timeout=10)
        self.state, self.detail, self.trouble = state, detail, ""
        try:
            self._say()
            self._seat.leave()
        except redis.RedisError:
            log.warning("Redis does not hear that the %s ends", self._program)

    def _line(self) -> str:
        return " ".join(f"{name}={value:.6g}" for name, value in self._counted.figures().items())


def run_program(make: Callable[[Settings], Works]) -> int:
    """Run the program of this environment until SIGTERM or Ctrl-C; returns the exit code."""
    log_to_stderr()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = read_settings()
        mask_logs(settings)
        program = make(settings)
        stop_on_signals(program.stop)
        return program.run()
    except CryptoAssetsError as error:
        log.error("%s", error)
        return FAILED
