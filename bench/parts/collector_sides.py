"""One side of the collector's benchmark, in a process of its own: `python -m bench.parts.collector_sides SIDE …`.

Prints what it measured as JSON: messages, CPU seconds of the process with all its threads, seconds on the clock.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from bench.measuring import answer

SYMBOLS = ("BTCUSDT", "ETHUSDT")
LOOK_S = 1.0  # Kafka's figures are means of a second


class Cost(msgspec.Struct, frozen=True):
    """What a side took."""

    messages: int
    cpu_s: float
    wall_s: float
    lags_s: list[float] = []
    """Of our collector: times from hand-over to Kafka's acknowledgement, looked at all the while."""


def address(port: int, kinds: str) -> str:
    """The combined stream of these kinds, separated by commas, of all symbols."""
    names = [f"{symbol.lower()}@{kind}" for kind in kinds.split(",") for symbol in SYMBOLS]
    return f"ws://127.0.0.1:{port}/stream?streams={'/'.join(names)}"


async def bare(port: int, servers: str, topic: str, kinds: str) -> Cost:
    """The shortest loop of the same libraries: receive, decode, encode as JSON, produce."""
    from confluent_kafka import Producer
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    from crypto_assets.stream.collector.sink import producer_settings

    producer = Producer(producer_settings(servers))
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.encode
    messages = 0
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    async with connect(address(port, kinds), compression=None, proxy=None) as socket:
        try:
            while True:
                message: Any = decode(await socket.recv())
                messages += 1
                value = encode(message)
                while True:
                    try:
                        producer.produce(topic, value, message["data"]["s"])
                        break
                    except BufferError:
                        producer.poll(0.01)
                if messages % 1_000 == 0:
                    producer.poll(0)
        except ConnectionClosed:
            pass
    producer.flush()
    return Cost(messages, time.process_time() - cpu_s, time.perf_counter() - wall_s)


async def ours(port: int, servers: str, *rest: str) -> Cost:
    """The whole collector, with all its care; `rest` is seed, kinds, URL of Redis, and a folder."""
    from crypto_assets.config import Settings
    from crypto_assets.stream.collector.feed import Care
    from crypto_assets.stream.collector.options import CollectorOptions
    from crypto_assets.stream.collector.program import Collector
    from crypto_assets.stream.collector.subscriptions import choose_kinds

    seed, kinds, redis_url, folder = rest
    here = f"http://127.0.0.1:{port}"
    settings = Settings.model_validate(
        {
            "data_dir": Path(folder),
            "simulator_seed": int(seed),
            "symbols": SYMBOLS,
            "kafka_bootstrap_servers": servers,
            "redis_url": redis_url,
            "binance_archive_url": here,
            "binance_spot_rest_url": here,
            "binance_futures_rest_url": here,
            "binance_spot_ws_url": here.replace("http", "ws"),
            "binance_futures_ws_url": here.replace("http", "ws"),
        }
    )
    care = Care(ends_when_told=True)
    options = CollectorOptions(kinds=choose_kinds(kinds.split(",")), spool=Path(folder) / "spool", care=care)
    lags_s: list[float] = []

    async def watch(collector: Collector) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            if lag_s := collector.figures()["kafka_latency_s"]:
                lags_s.append(lag_s)

    cpu_s, wall_s = time.process_time(), time.perf_counter()
    collector = Collector(settings, options)
    watching = asyncio.create_task(watch(collector))
    await collector.run()
    watching.cancel()
    cost = Cost(int(collector.figures()["received"]), time.process_time() - cpu_s, time.perf_counter() - wall_s, lags_s)
    assert collector.figures()["messages"] == cost.messages, collector.figures()
    return cost


def cryptofeed(port: int, servers: str, topic: str, library: str, count: str) -> Cost:
    """cryptofeed and its own Kafka backend, as its users have it; ends this process.

    `topic` is `own` for that backend, or the topic for a callback of ours that uses the producer of the other sides,
    which measures its parser more than it.
    """
    sys.path.insert(0, library)
    from confluent_kafka import Producer
    from cryptofeed import FeedHandler, connection  # pyright: ignore[reportMissingImports]
    from cryptofeed.backends.kafka import TickerKafka  # pyright: ignore[reportMissingImports]
    from cryptofeed.defines import TICKER  # pyright: ignore[reportMissingImports]
    from cryptofeed.exchanges import Binance  # pyright: ignore[reportMissingImports]
    from cryptofeed.symbols import Symbols  # pyright: ignore[reportMissingImports]

    from crypto_assets.stream.collector.sink import producer_settings

    pairs = {f"{symbol[:-4]}-USDT": symbol for symbol in SYMBOLS}
    Symbols.set(Binance.id, pairs, {"instrument_type": dict.fromkeys(pairs, "spot")})
    Binance.websocket_endpoints = [connection.WebsocketEndpoint(f"wss://127.0.0.1:{port}")]
    plain = connection.connect  # it insists on wss://, which would measure TLS
    connection.connect = lambda address, **options: plain(address.replace("wss:", "ws:", 1), **options)
    producer, encode, wanted = Producer(producer_settings(servers)), msgspec.json.encode, int(count)
    messages, produced, cpu_s, wall_s = 0, 0, time.process_time(), time.perf_counter()

    class Counting(TickerKafka):  # pyright: ignore[reportUntypedBaseClass]  its queue does not tell when it is empty
        def topic(self, data: dict[str, Any]) -> str:
            nonlocal produced
            produced += 1
            if produced == wanted:
                asyncio.get_running_loop().call_later(0.1, end)  # it waits for each message to be acknowledged
            return super().topic(data)

    own = Counting(bootstrap_servers=servers) if topic == "own" else None

    def end() -> None:
        answer(Cost(messages, time.process_time() - cpu_s, time.perf_counter() - wall_s))
        os._exit(0)  # it would connect again

    async def ticker(ticker: Any, _received: float) -> None:
        nonlocal messages
        messages += 1
        if own is not None:
            return
        producer.produce(topic, encode(ticker.to_dict(numeric_type=str)), ticker.symbol)
        if messages % 1_000 == 0:
            producer.poll(0)
        if messages == wanted:
            producer.flush()
            end()

    handler = FeedHandler(config={"uvloop": False, "log": {"filename": os.devnull, "level": "WARNING"}})
    callbacks = [ticker] if own is None else [own, ticker]
    handler.add_feed(Binance(symbols=list(pairs), channels=[TICKER], callbacks={TICKER: callbacks}))
    handler.run()
    raise RuntimeError("cryptofeed ended before all messages had come")


if __name__ == "__main__":
    side, port, *rest = sys.argv[1:]
    if side == "cryptofeed":
        cryptofeed(int(port), *rest)
    answer(asyncio.run({"bare": bare, "ours": ours}[side](int(port), *rest)))
