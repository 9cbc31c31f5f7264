"""The collector put together: feeds, sink, ledger, repairs, heartbeat; from start to a clean stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from crypto_assets.binance.http import Http, Patience
from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name, exchange_urls, kafka_servers, redis_url, schema_registry
from crypto_assets.metrics.serving import serve_metrics
from crypto_assets.stream.collector.feed import Feed
from crypto_assets.stream.collector.kafka_care import KafkaCare
from crypto_assets.stream.collector.ledger import Ledger
from crypto_assets.stream.collector.letters import DeadLetters
from crypto_assets.stream.collector.link import Handler, Link
from crypto_assets.stream.collector.metrics import Page
from crypto_assets.stream.collector.options import CollectorOptions
from crypto_assets.stream.collector.pulse import Pulse, beat_state
from crypto_assets.stream.collector.repair import Repairer
from crypto_assets.stream.collector.routes import ROUTES
from crypto_assets.stream.collector.sink import TICK_S, Outlet, Sink
from crypto_assets.stream.collector.spool import Record, Spool
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import plan_connections
from crypto_assets.stream.heartbeat import BEAT_EVERY_S, StreamState
from crypto_assets.stream.registry import register
from crypto_assets.stream.topics import DEAD_LETTERS, GAPS, TOPICS

_log = logging.getLogger(__name__)

LOOK_AFTER_EVERY_S = 0.5
GARBAGE_AFTER = 100_000
KAFKA_START_S = 5.0
"""Kafka may take this long to answer at the start; then the streams are read, and wait on disk for it."""
PATIENCE = Patience(attempts=2, longest_wait_s=5.0, silence_s=10.0, answer_s=20.0)  # gaps are asked for again anyway


class Collector:
    """One run of the collector. Raises RegistryUnavailable or ConfigurationError where it cannot begin."""

    def __init__(self, settings: Settings, options: CollectorOptions) -> None:
        self.exchange = exchange_name(settings)
        self._options = options
        servers, urls = kafka_servers(settings), exchange_urls(settings)
        self._spool = Spool(options.spool, budget=options.spool_bytes)
        self._sink = Sink(
            servers,
            self._spool,
            on_dropped=self._on_dropped,
            on_topic_gone=lambda: self._kafka.suspect(),  # noqa: PLW0108  it is made after the sink
        )
        outlets = _outlets(settings)
        self._letters = DeadLetters(outlets[DEAD_LETTERS.name], self._sink)
        self._feeds = [
            Feed(
                plan,
                plan.url(urls),
                [CollectedState(stream, outlets[stream.kind.topic.name]) for stream in plan.streams],
                care=options.care,
                make_handler=self._make_handler,
                refuse=self._letters.refuse,
                on_resumed=lambda before: self._ledger.resumed(before),  # noqa: PLW0108  the ledger is made after the feeds
            )
            for plan in plan_connections(settings.symbols, options.kinds)
        ]
        self._states = [state for feed in self._feeds for state in feed.states]
        self._ledger = Ledger(outlets[GAPS.name], self._sink, self._states)
        rest = SpotClient(urls.spot_rest, http=Http(patience=PATIENCE))
        self._repairer = Repairer(rest, self._ledger, self._sink, now=_now)
        self._kafka = KafkaCare(
            servers, self.exchange, sink=self._sink, spool=self._spool, ledger=self._ledger, feeds=self._feeds
        )
        self._metrics_port = 0
        self._pulse = Pulse(
            redis_url(settings),
            self.exchange,
            lock=options.spool.with_name(f"{options.spool.name}.lock"),
            streams=self._beat_states,
            figures=lambda: self.figures() | {"metrics_port": float(self._metrics_port)},
        )
        self._prepared = asyncio.Event()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let `run` end: close the connections, then see everything into Kafka or onto the disk."""
        self._stopping.set()
        for feed in self._feeds:
            feed.stop()

    async def run(self) -> None:
        """Collect until stopped, or until a replay has ended. Raises LeaseHeld where another collector runs."""
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)  # messages hold no cycles: looking for some after each hundred costs a tenth
        if not await self._pulse.claim(wait=self._options.standby, until=self._stopping):
            return
        figures = Page(self._states, self.figures, exchange=self.exchange)
        page = serve_metrics(figures.registry, host=self._options.metrics_host, port=self._options.metrics_port)
        self._metrics_port = page.port
        self._pulse.detail = f"metrics at {page.address}"
        _log.info("collecting %d streams of %s; metrics at %s", len(self._states), self.exchange, page.address)
        try:
            self._spool.open()
            await self._collect()
        except BaseException as error:
            await self._pulse.end("failed", str(error) or type(error).__name__)
            raise
        finally:
            page.end()
        await self._pulse.end("stopped", "told to end" if self._stopping.is_set() else "the replay has ended")

    def figures(self) -> dict[str, float]:
        """Counters of the run, for heartbeat and metrics."""
        received = [feed.received for feed in self._feeds]
        return {
            "messages": sum(state.messages for state in self._states),
            "received": sum(messages for messages, _ in received),
            "bytes": sum(size for _, size in received),
            "connections": sum(feed.is_connected for feed in self._feeds),
            "reconnects": sum(sum(feed.replacements.values()) for feed in self._feeds),
            "duplicates": sum(state.duplicates for state in self._states),
            "dead_letters": self._letters.count,
            "buffered": self._sink.waiting,
            "buffered_bytes": self._sink.spooled_bytes,
            "dropped": self._sink.dropped,
            "kafka_failures": self._sink.failures,
            "kafka_latency_s": round(self._sink.latency_s, 4),
            "open_gaps": len(self._ledger.open) + self._ledger.unentered,
            "repaired": self._repairer.repaired,
            "topics_lost": self._kafka.topics_lost,
        }

    async def _collect(self) -> None:
        works = (self._keep_time(), self._measure(), self._care_for_kafka())
        behind = [asyncio.create_task(work) for work in works]
        beating = asyncio.create_task(self._pulse.run())
        feeding = asyncio.create_task(self._feed())
        try:
            await asyncio.wait([feeding, beating, *behind], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pulse.state = "stopping"
            for feed in self._feeds:
                feed.stop()
            await asyncio.wait([feeding])
            failures = [task.exception() for task in (feeding, beating, *behind) if task.done()]
            for task in behind:
                task.cancel()
            await asyncio.wait(behind)
            if not await self._sink.close():
                _log.warning("%d bytes of messages wait on disk for the next run", self._spool.bytes)
            beating.cancel()
        for failure in filter(None, failures):
            raise failure

    async def _feed(self) -> None:
        """All connections, once Kafka is prepared or has had its time."""
        ready = [asyncio.create_task(self._prepared.wait()), asyncio.create_task(self._stopping.wait())]
        await asyncio.wait(ready, timeout=KAFKA_START_S, return_when=asyncio.FIRST_COMPLETED)
        for task in ready:
            task.cancel()
        self._pulse.state = "running"
        await asyncio.gather(*(feed.run() for feed in self._feeds))

    async def _care_for_kafka(self) -> None:
        await self._kafka.prepare()
        self._prepared.set()
        await asyncio.gather(self._kafka.watch(), self._repairer.run())

    async def _keep_time(self) -> None:
        """Serve the producer often, and look after streams and gaps now and then."""
        looked_s = 0.0
        while True:
            self._sink.tick()
            now_s = time.monotonic()
            if now_s - looked_s > LOOK_AFTER_EVERY_S:
                looked_s = now_s
                for feed in self._feeds:
                    feed.set_readable(self._sink.is_accepting)
                    feed.judge_silence(now_us=time.time_ns() // 1000, now_s=now_s)
                for state in self._states:
                    state.track.now_s = now_s
                if self._prepared.is_set():
                    self._ledger.notice(now=_now(), now_s=now_s)
            await asyncio.sleep(TICK_S)

    async def _measure(self) -> None:
        before_s = time.monotonic()
        while True:
            await asyncio.sleep(BEAT_EVERY_S)
            now_s = time.monotonic()
            for state in self._states:
                state.measure_rate(seconds=now_s - before_s)
            before_s = now_s

    def _beat_states(self) -> tuple[StreamState, ...]:
        return tuple(beat_state(state, latency_s=self._sink.latency_s) for state in self._states)

    def _make_handler(self, state: CollectedState, link: Link) -> Handler:
        return ROUTES[state.outlet.name](state, link, self._sink)

    def _on_dropped(self, dropped: Sequence[Record]) -> None:
        _log.error("the disk buffer is full: %d messages of order books or tickers were dropped", len(dropped))
        self._ledger.dropped(dropped, now=_now())


def _outlets(settings: Settings) -> dict[str, Outlet]:
    """The outlet of each topic by its name; with a schema registry, values get its frame."""
    exchange, registry = exchange_name(settings), schema_registry(settings)
    return {
        topic.name: Outlet.of(topic, exchange, frame=register(registry, topic, exchange) if registry else b"")
        for topic in TOPICS
    }


def _now() -> datetime:
    return datetime.now(UTC)
