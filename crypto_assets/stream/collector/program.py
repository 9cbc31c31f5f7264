"""The collector put together: feeds, sink, ledger, repairs, heartbeat; from start to a clean stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from uuid import uuid4

from confluent_kafka import KafkaException

from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, exchange_urls, kafka_servers
from crypto_assets.stream.collector.drops import Dropped
from crypto_assets.stream.collector.feed import Before, Feed
from crypto_assets.stream.collector.letters import DeadLetters
from crypto_assets.stream.collector.link import Handler, Link
from crypto_assets.stream.collector.options import CollectorOptions
from crypto_assets.stream.collector.routes import ROUTES
from crypto_assets.stream.collector.sink import TICK_S, Outlet, Sink
from crypto_assets.stream.collector.spool import Spool
from crypto_assets.stream.collector.states import StreamState
from crypto_assets.stream.collector.subscriptions import ConnectionPlan, plan_connections
from crypto_assets.stream.collector.topic_care import TopicCare
from crypto_assets.stream.topics import TOPICS

_log = logging.getLogger(__name__)

LOOK_AFTER_EVERY_S = 0.5


class Collector:
    """One run of the collector."""

    def __init__(self, settings: Settings, options: CollectorOptions) -> None:
        self.instance = uuid4().hex[:12]
        self.exchange = exchange_name(settings)
        self._settings = settings
        self._options = options
        self._urls = exchange_urls(settings)
        self._servers = kafka_servers(settings)
        self._topics = TopicCare(self._servers, self.exchange)
        self._outlets = {topic.name: Outlet.of(topic, self.exchange) for topic in TOPICS}
        self._spool = Spool(options.spool, budget=options.spool_bytes)
        self.sink = Sink(self._servers, self._spool, on_dropped=self._on_dropped, on_topic_gone=self._on_topic_gone)
        self.letters = DeadLetters(self._outlets["dead_letters"], self.sink)
        self.feeds = [self._make_feed(plan) for plan in plan_connections(settings.symbols, options.kinds)]
        self._stopping = asyncio.Event()

    @property
    def states(self) -> Sequence[StreamState]:
        """All streams."""
        return [state for feed in self.feeds for state in feed.states]

    def stop(self) -> None:
        """Let `run` end: close the connections, then see everything into Kafka or onto the disk."""
        self._stopping.set()
        for feed in self.feeds:
            feed.stop()

    async def run(self) -> None:
        """Collect until stopped, or until a replay has ended."""
        await self._prepare_topics()
        looking = asyncio.create_task(self._look_after())
        try:
            await asyncio.gather(*(feed.run() for feed in self.feeds))
        finally:
            looking.cancel()
            if not await self.sink.close():
                _log.warning("%d bytes of messages wait on disk for the next run", self._spool.bytes)

    def _make_feed(self, plan: ConnectionPlan) -> Feed:
        states = [StreamState(stream, self._outlets[stream.kind.topic.name]) for stream in plan.streams]
        return Feed(
            plan,
            plan.url(self._urls),
            states,
            care=self._options.care,
            make_handler=self._make_handler,
            refuse=self.letters.refuse,
            on_resumed=self._on_resumed,
        )

    def _make_handler(self, state: StreamState, link: Link) -> Handler:
        return ROUTES[state.outlet.name](state, link, self.sink)

    async def _prepare_topics(self) -> None:
        while not self._stopping.is_set():
            try:
                await asyncio.to_thread(self._topics.ensure)
                return
            except KafkaException as error:
                _log.warning("Kafka at %s does not answer, messages wait on disk: %s", self._servers, error)
                return

    async def _look_after(self) -> None:
        looked_s = 0.0
        while True:
            self.sink.tick()
            now_s = time.monotonic()
            if now_s - looked_s > LOOK_AFTER_EVERY_S:
                looked_s = now_s
                for feed in self.feeds:
                    feed.set_readable(self.sink.is_accepting)
                    feed.judge_silence(now_us=time.time_ns() // 1000, now_s=now_s)
                for state in self.states:
                    state.track.now_s = now_s
            await asyncio.sleep(TICK_S)

    def _on_dropped(self, dropped: Dropped) -> None:
        _log.warning("disk full: %d messages dropped", dropped.messages)

    def _on_topic_gone(self) -> None:
        _log.warning("a topic is gone")

    def _on_resumed(self, before: Before) -> None:
        _log.info("%s resumed after %s", before.state.stream.name, before.cause)
