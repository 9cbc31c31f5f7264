"""The processor's life: alone, with a Spark session, it keeps one query running until it is told to stop."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crypto_assets.config import Settings
from crypto_assets.endpoints import kafka_servers, postgres_url
from crypto_assets.errors import CryptoAssetsError, ServiceUnavailable
from crypto_assets.stream.life import Life, Stopping
from crypto_assets.stream.processor.batches import Batches
from crypto_assets.stream.processor.checkpoint import Checkpoint, Topics
from crypto_assets.stream.processor.figures import Figures
from crypto_assets.stream.processor.last_prices import LastPrices
from crypto_assets.stream.processor.session import jars_of, read_messages, start_session
from crypto_assets.stream.processor.store import Store
from crypto_assets.stream.publisher import Publisher
from crypto_assets.stream.topics import DEAD_LETTERS, TICKERS, TRADES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

BATCH_EVERY_MS = 100
"""Batches as fast as they go would take a core of the machine for nothing that anybody notices."""
LOOK_EVERY_S = 0.5
TOPICS_EVERY_S = 5.0
"""How often it is asked whether the topics are still those that the checkpoint means."""
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
        self._servers = kafka_servers(settings)
        self._figures = Figures()
        self._life = Life("processor", settings, counted=self._figures)
        exchange = self._life.exchange
        home = settings.data_dir / "stream"
        self._checkpoint = Checkpoint(home / "checkpoints" / exchange)
        self._scratch = home / "spark"
        self._topics = Topics(self._servers, [topic.of(exchange) for topic in (TICKERS, TRADES)])
        self._store = Store(postgres_url(settings), exchange)
        self._last_prices = LastPrices(self._life.redis, exchange)
        self._batches = Batches(
            self._life,
            store=self._store,
            dead_letters=Publisher(self._servers, DEAD_LETTERS, exchange),
            last_prices=self._last_prices,
            figures=self._figures,
        )

    def stop(self) -> None:
        """Let `run` end once the batch at hand is committed."""
        self._life.stop.set()

    def run(self) -> int:
        """Work until `stop`; returns the exit code. Raises CryptoAssetsError where it cannot go on."""
        return self._life.live(self._work, also=lambda: self._last_prices.merge(self._store.state))

    def _work(self) -> None:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        self._scratch.mkdir(parents=True, exist_ok=True)
        session = start_session(self._jars, folder=self._scratch)
        try:
            self._life.until_done(self._store.open)  # what is known of prices comes from there
            self._life.state = "running"
            self._keep_running(session)
        except (Py4JError, PySparkException, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise SparkFailed(f"Spark cannot go on, start it again: {type(error).__name__} {reason}") from error
        finally:
            with suppress(Exception):  # the Java process may be gone; it is not needed any more
                session.stop()

    def _keep_running(self, session: SparkSession) -> None:
        failures, pause_s = 0, 1.0
        while not self._life.stop.is_set():
            done = self._batches.done
            reason = self._until_query_ends(session)
            if self._life.stop.is_set():
                return
            if self._batches.done > done:
                failures, pause_s = 0, 1.0
            if reason:
                failures += 1
                log.warning("Spark's query ended, another follows: %s", reason)
                self._life.detail = reason
                if failures == FAILURES_OF_CHECKPOINT:
                    self._checkpoint.put_aside(now=datetime.now(UTC))
                if failures == FAILURES_OF_SPARK:
                    raise SparkFailed(f"Spark's query failed {failures} times without a batch. The last: {reason}")
                self._life.stop.wait(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _until_query_ends(self, session: SparkSession) -> str:
        """Runs one query; returns why it failed, or nothing where it has to be begun anew."""
        ids = self._await_topics()
        query = self._start_query(session)
        self._life.detail = ""
        looked_at = time.monotonic()
        try:
            while not self._life.stop.wait(LOOK_EVERY_S):
                if not query.isActive:
                    return _reason(query)
                now = time.monotonic()
                if now - looked_at > TOPICS_EVERY_S:
                    looked_at = now
                    # a batch that waits for PostgreSQL is waited for: Spark could not end the query meanwhile
                    if self._topics_changed(ids) and self._batches.wait_until_idle(0):
                        return ""
            return ""
        finally:
            self._end_query(query)

    def _await_topics(self) -> dict[str, str]:
        """Ids of the topics, as soon as all exist and the checkpoint fits them; raises Stopping."""
        while not self._life.stop.is_set():
            try:
                states = self._topics.states()
            except ServiceUnavailable as error:
                self._say(str(error))
            else:
                if states is not None:
                    if reason := self._checkpoint.fit(states, now=datetime.now(UTC)):
                        log.warning("The checkpoint is put aside, and all that Kafka keeps is read again: %s", reason)
                    return {name: state.topic_id for name, state in states.items()}
                self._say(f"waits for the topics {', '.join(self._topics.names)}, which the collector makes")
            self._life.stop.wait(1.0)
        raise Stopping

    def _say(self, detail: str) -> None:
        if self._life.detail != detail:
            log.warning("%s", detail)
        self._life.detail = detail

    def _topics_changed(self, ids: Mapping[str, str]) -> bool:
        try:
            found = self._topics.ids()
        except ServiceUnavailable as error:
            self._say(str(error))
            return False
        self._life.detail = ""
        return found != ids

    def _start_query(self, session: SparkSession) -> StreamingQuery:
        messages = read_messages(session, servers=self._servers, topics=self._topics.names)
        return (
            messages.writeStream.queryName(f"processor {self._life.exchange}")
            .foreachBatch(self._batches)
            .trigger(processingTime=f"{BATCH_EVERY_MS} milliseconds")
            .option("checkpointLocation", self._checkpoint.location)
            .start()
        )

    def _end_query(self, query: StreamingQuery) -> None:
        if self._life.stop.is_set():
            self._life.state = "stopping"
            if not self._batches.wait_until_idle(BATCH_GRACE_S):
                log.warning("The batch at hand is left: it is read again by the next processor")
        query.stop()


def _reason(query: StreamingQuery) -> str:
    error = query.exception()
    return "it was stopped" if error is None else str(error).strip().partition("\n")[0]
