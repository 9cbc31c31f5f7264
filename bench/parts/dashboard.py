"""The dashboard as a visitor meets it: first paint, what a refresh costs, and memory after many of them."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]
from playwright.sync_api import Browser, Page, WebSocket, sync_playwright
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.declared import measures_of
from bench.measuring import Absent, Rounds, Taken, rss_mb
from bench.workspace import SYMBOL, embedded
from crypto_assets.config import Settings, variables_of
from crypto_assets.dagster_home import PROJECT
from crypto_assets.endpoints import exchange_name, kafka_servers, redis_url
from crypto_assets.spans import to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode, encode_key, fingerprint
from crypto_assets.stream.topics import ORDERBOOK, TRADES, Topic
from tools.browser import find_browser

REFRESHES = 1_000
PAGES = 4
"""Open at once while parts are refreshed; those of one are counted, and the others are drawn as often."""
FEED_S, WARM_S, LOOK_S = 0.1, 8.0, 0.5
_CARD = ".ca-card .value"


def measure(folder: Path, rounds: int, *, refreshes: int = REFRESHES) -> Taken:
    """All figures, on services of their own; rounds share the refreshes."""
    executable = find_browser()
    if executable is None:
        lacking = Absent("it needs a browser: `python -m tools.browser`")
        yield from ((declared.name, lacking) for declared in measures_of("dashboard"))
        return
    with (
        embedded(folder, ["redis", "kafka"], symbols=SYMBOL) as settings,
        _market(settings),
        _dashboard(settings) as (url, server),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        visits = [_visit_twice(browser, url) for _ in range(rounds)]
        for place, name in enumerate(("first", "next")):
            pages, numbers = zip(*(visit[place] for visit in visits), strict=True)
            yield f"dashboard.{name}_page", Rounds(list(pages))
            yield f"dashboard.{name}_number", Rounds(list(numbers))
        counted = Counted()
        for number in range(PAGES):
            page = browser.new_page()
            if number == 0:
                page.on("websocket", counted.listen)
            _visit(page, url)
        page = browser.contexts[0].pages[0]
        page.wait_for_timeout(WARM_S * 1_000)
        before, memory, refreshed_ms = rss_mb(server), list[float](), list[float]()
        for _ in range(rounds):
            spent_s, drawn = _cpu_s(server), counted.refreshes
            while counted.refreshes - drawn < refreshes / rounds / PAGES:
                page.wait_for_timeout(LOOK_S * 1_000)
            refreshed_ms.append(1_000 * (_cpu_s(server) - spent_s) / (counted.refreshes - drawn) / PAGES)
            memory.append(rss_mb(server))
        browser.close()
    yield "dashboard.refresh", Rounds(refreshed_ms)
    yield "dashboard.memory", Rounds(memory, [before] * rounds)


def _visit(page: Page, url: str) -> tuple[float, float]:
    """Seconds from asking for the address to the page's heading, and to a price on the screen."""
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.get_by_role("heading", level=3).first.wait_for(timeout=60_000)
    painted = time.perf_counter() - began
    page.locator(_CARD).first.wait_for(timeout=60_000)
    return painted, time.perf_counter() - began


def _visit_twice(browser: Browser, url: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """A new visitor's two visits; at the second the browser has the page's program."""
    context = browser.new_context()
    page = context.new_page()
    first = _visit(page, url)
    page.close()
    second = _visit(context.new_page(), url)
    context.close()
    return first, second


def _cpu_s(server: psutil.Process) -> float:
    spent = server.cpu_times()
    return spent.user + spent.system


@dataclass
class Counted:
    """Redrawings of parts, as the server ends each of them with a message of its own."""

    refreshes: int = 0

    def listen(self, socket: WebSocket) -> None:
        """Count what this connection brings."""
        socket.on("framereceived", self._hear)

    def _hear(self, frame: bytes | str) -> None:
        message = ForwardMsg()
        if isinstance(frame, bytes):
            message.ParseFromString(frame)
            self.refreshes += message.WhichOneof("type") == "script_finished"


@contextmanager
def _dashboard(settings: Settings) -> Generator[tuple[str, psutil.Process]]:
    """Address and server process of a dashboard."""
    launcher = subprocess.Popen(
        [sys.executable, "-m", "crypto_assets.dashboard", "--port", "0"],
        cwd=PROJECT,
        env={
            **os.environ,
            **variables_of(settings),
            "REDIS_URL": redis_url(settings),
            "KAFKA_BOOTSTRAP_SERVERS": kafka_servers(settings),
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert launcher.stdout is not None
        address = re.search(r"http://[\w.:]+", launcher.stdout.readline())
        if address is None:
            raise RuntimeError("the dashboard did not start")
        yield address[0], psutil.Process(launcher.pid).children()[0]
    finally:
        launcher.send_signal(signal.SIGINT)
        launcher.wait()


@contextmanager
def _market(settings: Settings) -> Generator[None]:
    """Trades and order books of a symbol, ten times a second, while the context lasts."""
    topics = [NewTopic(topic.of(exchange_name(settings)), topic.partitions) for topic in (TRADES, ORDERBOOK)]
    admin = AdminClient({"bootstrap.servers": kafka_servers(settings)})  # what it is asked ends with it
    for made in admin.create_topics(topics).values():
        made.result(30)
    producer = Producer({"bootstrap.servers": kafka_servers(settings), "partitioner": "murmur2", "log_level": 0})
    exchange, ended = exchange_name(settings), threading.Event()

    def feed() -> None:
        number = 0
        while not ended.wait(FEED_S):
            number += 1
            _send_moment(producer, exchange, number)

    thread = threading.Thread(target=feed, daemon=True)
    _send_moment(producer, exchange, 0)
    producer.flush(30)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        producer.flush(5)


def _send_moment(producer: Producer, exchange: str, number: int) -> None:
    now = datetime.now(UTC)
    price = 60_000 + 100 * math.sin(number / 50)
    levels = [[f"{price + 0.1 * step:.2f}", f"{1 + step % 3:.5f}"] for step in range(-10, 11)]
    trade = {"trade_id": number, "trade_time": now, "price": f"{price:.2f}", "quantity": "0.10", "is_buyer_maker": True}
    book = {"last_update_id": number, "bids": levels[9::-1], "asks": levels[11:]}
    for topic, fields in ((TRADES, trade), (ORDERBOOK, book)):
        _send(producer, topic, exchange, now, {**fields, "sequence": number})


def _send(producer: Producer, topic: Topic, exchange: str, now: datetime, fields: dict[str, object]) -> None:
    envelope = {
        "symbol": SYMBOL,
        "event_time": now,
        "received_at": now + timedelta(milliseconds=20),
        "connection": "bench",
        "source": "live",
    }
    producer.produce(
        topic.of(exchange),
        key=encode_key(SYMBOL),
        value=encode(topic.name, {**envelope, **fields}),
        headers=[(FINGERPRINT_HEADER, fingerprint(topic.name))],
        timestamp=to_us(now) // 1_000,
    )
    producer.poll(0)
