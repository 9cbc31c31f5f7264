"""What is done with each micro-batch: dead letters out, rows committed, last prices published, in this order."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

import redis

from crypto_assets.stream.letters import encode_letter
from crypto_assets.stream.life import Life, Stopping
from crypto_assets.stream.processor.figures import Figures
from crypto_assets.stream.processor.last_prices import LastPrices
from crypto_assets.stream.processor.messages import Batch, Rejected, from_columns, sort_out
from crypto_assets.stream.processor.store import Store, Written
from crypto_assets.stream.publisher import Outgoing, Publisher

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = logging.getLogger(__name__)


class Batches:
    """The function of `foreachBatch`: returns once everything of the batch is committed, however long that takes."""

    def __init__(
        self, life: Life, *, store: Store, dead_letters: Publisher, last_prices: LastPrices, figures: Figures
    ) -> None:
        self._life = life
        self._store = store
        self._dead_letters = dead_letters
        self._last_prices = last_prices
        self._figures = figures
        self._busy = threading.Lock()
        self.done = 0

    def __call__(self, frame: DataFrame, _number: int) -> None:
        """Write a batch; raises Stopping when the processor ends before that."""
        with self._busy:
            if self._life.stop.is_set():
                raise Stopping
            begun = time.monotonic()
            columns = frame.toArrow().to_pydict()
            batch = sort_out(from_columns(columns, topic_name=lambda name: name.rpartition(".")[2]))
            letters = [_letter_of(rejected) for rejected in batch.rejected]
            self._life.until_done(lambda: self._dead_letters.send(letters))
            written = self._life.until_done(lambda: self._store.write(batch))
            committed_us = time.time_ns() // 1_000
            self._publish(written)
            self._note(batch, written, took_s=time.monotonic() - begun, committed_us=committed_us)

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Whether the batch at hand was finished in time; after `stop` no other begins."""
        if not self._busy.acquire(timeout=timeout_s):
            return False
        self._busy.release()
        return True

    def _note(self, batch: Batch, written: Written, *, took_s: float, committed_us: int) -> None:
        self.done += 1
        self._figures.note(batch, written, took_s=took_s, committed_us=committed_us)
        if batch.rejected:
            log.warning(
                "%d messages went to dead_letters; the last: %s", len(batch.rejected), batch.rejected[-1].reason
            )
        if written.contradictions:
            log.warning("%d trades contradict an earlier one of the same id, which stays", written.contradictions)

    def _publish(self, written: Written) -> None:
        if not self._life.redis_answers.is_set():
            return
        try:
            self._last_prices.merge(written.newest)
        except redis.RedisError as error:
            log.warning("Redis does not take last prices, they follow when it does: %s", type(error).__name__)
            self._life.redis_answers.clear()


def _letter_of(rejected: Rejected) -> Outgoing:
    """The dead letter of a message; a batch that is read again gives the same."""
    message = rejected.message
    stream = f"{message.topic}[{message.partition}]"
    value = encode_letter(
        message.value or b"",
        received_at=message.timestamp_us,
        connection="processor",
        sequence=message.offset,
        stream=stream,
        reason=rejected.reason,
    )
    return Outgoing(stream, value, message.timestamp_us // 1_000)
