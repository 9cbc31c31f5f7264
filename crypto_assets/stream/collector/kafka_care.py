"""Kafka at the start and under way: topics in order, what earlier runs left there, topics that somebody deletes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from confluent_kafka import KafkaException

from crypto_assets.access import refused_or
from crypto_assets.errors import BadPayload
from crypto_assets.stream.collector.feed import Before, Feed
from crypto_assets.stream.collector.ledger import Ledger
from crypto_assets.stream.collector.sink import Sink
from crypto_assets.stream.collector.spool import Spool
from crypto_assets.stream.collector.states import CollectedState, StreamKey
from crypto_assets.stream.collector.tails import Tail, read_tails
from crypto_assets.stream.collector.topic_care import TopicCare
from crypto_assets.stream.gaps import Gap, read_ledger

_log = logging.getLogger(__name__)

RETRY_S = 1.0
LOOK_EVERY_S = 3.0


class KafkaCare:
    """Prepares Kafka, takes up what earlier runs delivered, and watches the topics."""

    def __init__(
        self, servers: str, exchange: str, *, sink: Sink, spool: Spool, ledger: Ledger, feeds: Sequence[Feed]
    ) -> None:
        self.topics_lost = 0
        self._servers = servers
        self._exchange = exchange
        self._sink = sink
        self._spool = spool
        self._ledger = ledger
        self._feeds = feeds
        self._topics = TopicCare(servers, exchange)
        self._suspicion = asyncio.Event()
        self._started_at = datetime.now(UTC)

    async def prepare(self) -> None:
        """Until Kafka has the topics, and this run knows what earlier ones delivered; only then messages go there."""
        tries = 0
        while True:
            try:
                tails, gaps = await asyncio.to_thread(self._read)
                break
            except KafkaException as error:  # also for a moment after topics were made
                tries += 1
                if tries == 2:
                    reason = await asyncio.to_thread(refused_or, self._servers, str(error))
                    _log.warning("Kafka at %s is not ready, messages wait on disk: %s", self._servers, reason)
                await asyncio.sleep(RETRY_S)
        self._take_up(tails, gaps)
        self._sink.release()

    def suspect(self) -> None:
        """A delivery failed because a topic is gone: look now."""
        self._suspicion.set()

    async def watch(self) -> None:
        """Make topics again that were deleted, and enter what it cost; until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._suspicion.wait(), LOOK_EVERY_S)
            self._suspicion.clear()
            try:
                lost = await asyncio.to_thread(self._topics.restore)
            except KafkaException:
                await asyncio.sleep(RETRY_S)  # Kafka is away: the sink knows, and the topics are looked at again later
                continue
            if lost:
                names = [topic.name for topic in lost]
                self.topics_lost += len(lost)
                _log.error("topics were deleted and are made again: %s", ", ".join(names))
                await asyncio.to_thread(self._sink.learn_topics)
                self._ledger.topic_lost(names, since=self._started_at, now=datetime.now(UTC))

    def _read(self) -> tuple[dict[StreamKey, Tail], list[Gap]]:
        self._topics.ensure()
        tails = read_tails(self._servers, self._exchange, self._spool)
        try:
            return tails, read_ledger(self._servers, self._exchange)
        except BadPayload as error:
            _log.error("the gap ledger cannot be read, open gaps of earlier runs are not taken up: %s", error)
            return tails, []

    def _take_up(self, tails: Mapping[StreamKey, Tail], gaps: Sequence[Gap]) -> None:
        for feed in self._feeds:
            for state in feed.states:
                tail = tails.get(state.stream_key)
                if tail is not None:
                    self._continue(feed, state, tail)
        self._ledger.take_up(gaps, now_s=time.monotonic())

    def _continue(self, feed: Feed, state: CollectedState, tail: Tail) -> None:
        """Go on where the tail ends."""
        until_us = state.event_us if state.messages else None
        state.track.take_up(tail.delivered, since_us=tail.event_us, until_us=until_us)
        if not tail.received_us:
            return
        before = Before(state, tail.event_us, tail.received_us, "restarted")
        if state.messages:  # Kafka answered late, and the stream speaks already
            self._ledger.resumed(before)
        else:
            state.event_us, state.received_us = tail.event_us, tail.received_us
            state.track.cause = "restarted"
            feed.expect(before)
