"""The processor's life: alone, with a Spark session, it keeps one query running until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import redis
from filelock import FileLock, Timeout

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, kafka_servers, postgres_url, redis_url
from crypto_assets.errors import CryptoAssetsError, ServiceUnavailable
from crypto_assets.metrics.serving import serve_metrics
from crypto_assets.stream.beat import Beat
from crypto_assets.stream.processor.batches import Batches, Stopping
from crypto_assets.stream.processor.checkpoint import Checkpoint, Topics
from crypto_assets.stream.processor.dead_letters import DeadLetters
from crypto_assets.stream.processor.figures import Figures
from crypto_assets.stream.processor.last_prices import LastPrices
from crypto_assets.stream.processor.session import jars_of, read_messages, start_session
from crypto_assets.stream.processor.store import Store
from crypto_assets.stream.topics import TICKERS, TRADES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

ENDED, FAILED, NOT_ALONE = 0, 1, 3
"""Exit codes."""
BATCH_EVERY_MS = 100
"""Batches as fast as they go would take a core of the machine for nothing that anybody notices."""
LOOK_EVERY_S = 0.5
TOPICS_EVERY_S = 5.0
"""How often it is asked whether the topics are still those that the checkpoint means."""
LOG_EVERY_S = 60.0
LONGEST_PAUSE_S = 10.0
FAILURES_OF_CHECKPOINT = 3
"""Queries that fail one after the other without a batch: then the checkpoint is held to be the reason, once."""
FAILURES_OF_SPARK = 6
BATCH_GRACE_S = 30.0

log = logging.getLogger(__name__)


class SparkFailed(CryptoAssetsError):
    """Raised when queries fail again and again, or the Java process is gone: whoever supervises starts it again."""


class Processor:
    """One processor of one exchange; `run` returns the exit code."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._jars = jars_of(environment)
        self._exchange = exchange_name(settings)
        self._servers = kafka_servers(settings)
        home = settings.data_dir / "stream"
        self._checkpoint = Checkpoint(home / "checkpoints" / self._exchange)
        self._scratch = home / "spark"
        self._lock = home / f"processor-{self._exchange}.lock"
        self._topics = Topics(self._servers, [t.of(self._exchange) for t in (TICKERS, TRADES)])
        self._stop = threading.Event()
        self._taken = False
        self._figures = Figures()
        client = redis.Redis.from_url(redis_url(settings), socket_timeout=2, socket_connect_timeout=2)
        last_prices = LastPrices(client, self._exchange)
        store = Store(postgres_url(settings), self._exchange)
        self._batches = Batches(
            store=store,
            dead_letters=DeadLetters(self._servers, self._exchange),
            last_prices=last_prices,
            figures=self._figures,
            stop=self._stop,
        )
        page = serve_metrics(self._figures.registry, host=settings.metrics_host, port=settings.metrics_port)
        self._beat = Beat(
            client,
            self._exchange,
            "processor",
            counted=self._figures,
            trouble=lambda: self._batches.trouble,
            also=lambda: last_prices.merge(store.state),
            lost=self._give_way,
            answers=self._batches.redis_answers,
            metrics_port=page.port,
        )

    def stop(self) -> None:
        """Let `run` end once the batch at hand is committed."""
        self._stop.set()

    def run(self) -> int:
        """Work until `stop`; returns ENDED, or NOT_ALONE. Raises CryptoAssetsError where it cannot go on."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._lock, timeout=0):
                if not self._beat.take_lease(self._stop):
                    return self._refuse("on another machine, or one that was just killed")
                return self._alone()
        except Timeout:
            return self._refuse("in this DATA_DIR")

    def _refuse(self, where: str) -> int:
        log.error("Another processor of %s runs %s; this one ends.", self._exchange, where)
        return NOT_ALONE

    def _alone(self) -> int:
        self._beat.begin()
        try:
            self._work()
        except Stopping:
            pass
        except CryptoAssetsError as error:
            self._beat.end("failed", str(error))
            raise
        if self._taken:
            self._beat.end("failed", "another processor took the lease")
            return self._refuse("and took the lease")
        self._beat.end("stopped")
        log.info("Stopped after %d batches", self._batches.done)
        return ENDED

    def _give_way(self) -> None:
        self._taken = True
        self._stop.set()

    def _work(self) -> None:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        self._scratch.mkdir(parents=True, exist_ok=True)
        session = start_session(self._jars, folder=self._scratch)
        try:
            self._batches.open_store()
            self._beat.state = "running"
            self._keep_running(session)
        except (Py4JError, PySparkException, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise SparkFailed(f"Spark cannot go on, start it again: {type(error).__name__} {reason}") from error
        finally:
            with suppress(Exception):  # the Java process may be gone; it is not needed any more
                session.stop()

    def _keep_running(self, session: SparkSession) -> None:
        failures, pause_s = 0, 1.0
        while not self._stop.is_set():
            done = self._batches.done
            reason = self._until_query_ends(session)
            if self._stop.is_set():
                return
            if self._batches.done > done:
                failures, pause_s = 0, 1.0
            if reason:
                failures += 1
                log.warning("Spark's query ended, another follows: %s", reason)
                self._beat.detail = reason
                if failures == FAILURES_OF_CHECKPOINT:
                    self._checkpoint.put_aside(now=datetime.now(UTC))
                if failures == FAILURES_OF_SPARK:
                    raise SparkFailed(f"Spark's query failed {failures} times without a batch. The last: {reason}")
                self._stop.wait(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _until_query_ends(self, session: SparkSession) -> str:
        """Runs one query; returns why it failed, or nothing where it has to be begun anew."""
        ids = self._await_topics()
        query = self._start_query(session)
        self._beat.detail = ""
        looked_at = logged_at = time.monotonic()
        try:
            while not self._stop.wait(LOOK_EVERY_S):
                if not query.isActive:
                    return _reason(query)
                now = time.monotonic()
                if now - looked_at > TOPICS_EVERY_S:
                    looked_at = now
                    # a batch that waits for PostgreSQL is waited for: Spark could not end the query meanwhile
                    if self._topics_changed(ids) and self._batches.wait_until_idle(0):
                        return ""
                if now - logged_at > LOG_EVERY_S:
                    logged_at = now
                    self._log_figures()
            return ""
        finally:
            self._end_query(query)

    def _await_topics(self) -> dict[str, str]:
        """Ids of the topics, as soon as all exist and the checkpoint fits them; raises Stopping."""
        while not self._stop.is_set():
            try:
                logs = self._topics.logs()
            except ServiceUnavailable as error:
                self._say(str(error))
            else:
                if logs is not None:
                    if reason := self._checkpoint.fit(logs, now=datetime.now(UTC)):
                        log.warning("The checkpoint is put aside, and all that Kafka keeps is read again: %s", reason)
                    return {name: each.id for name, each in logs.items()}
                self._say(f"waits for the topics {', '.join(self._topics.names)}, which the collector makes")
            self._stop.wait(1.0)
        raise Stopping

    def _say(self, detail: str) -> None:
        if self._beat.detail != detail:
            log.warning("%s", detail)
        self._beat.detail = detail

    def _topics_changed(self, ids: Mapping[str, str]) -> bool:
        try:
            return self._topics.ids() != ids
        except ServiceUnavailable as error:
            self._say(str(error))
            return False

    def _start_query(self, session: SparkSession) -> StreamingQuery:
        messages = read_messages(session, servers=self._servers, topics=self._topics.names)
        return (
            messages.writeStream.queryName(f"processor {self._exchange}")
            .foreachBatch(self._batches)
            .trigger(processingTime=f"{BATCH_EVERY_MS} milliseconds")
            .option("checkpointLocation", self._checkpoint.location)
            .start()
        )

    def _end_query(self, query: StreamingQuery) -> None:
        if self._stop.is_set():
            self._beat.state = "stopping"
            if not self._batches.wait_until_idle(BATCH_GRACE_S):
                log.warning("The batch at hand is left: it is read again by the next processor")
        query.stop()

    def _log_figures(self) -> None:
        self._beat.detail = ""
        figures = self._figures.figures()
        log.info("%s", " ".join(f"{name}={value:.0f}" for name, value in figures.items()))


def _reason(query: StreamingQuery) -> str:
    error = query.exception()
    return "it was stopped" if error is None else str(error).strip().partition("\n")[0]
