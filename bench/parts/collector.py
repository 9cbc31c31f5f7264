"""The collector beside a bare loop of the same libraries, and beside cryptofeed: messages per CPU-second, and pace.

All read the same recorded lines from one local server and produce to one embedded Kafka, alternately. cryptofeed is
installed into a throw-away folder.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from bench.measuring import Absent, Rounds, Taken, run_module, started
from bench.parts.collector_sides import SYMBOLS, Cost
from bench.parts.feeder import read_lines
from bench.workspace import embedded
from crypto_assets.endpoints import kafka_servers, redis_url

MIXED = "trade,bookTicker,depth@100ms"
PRICES = "bookTicker"
PER_SECOND = 10_000
PACED_S = 60
PACED_ROUNDS = 3  # at most, a minute each
SLOW_COUNT = 20_000  # for a backend that waits for each message
RECORDINGS = Path(os.environ.get("CRYPTO_ASSETS_REAL_DATA", "../shared/data")) / "recordings"
"""Recorded data of the exchange, as the tests find it."""
FILES = ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz", "spot/ethusdt_20240808.gz")
BARE, PACED = ("collector.bare",), ("collector.pace", "collector.lag")
BESIDE_CRYPTOFEED = ("collector.cryptofeed", "collector.parser")
_seeds = itertools.count(1_000)


def measure(folder: Path, rounds: int) -> Taken:
    """All comparisons, over recordings of two symbols."""
    files = [RECORDINGS / name for name in FILES]
    if not all(file.is_file() for file in files):
        lacking = Absent("it needs recorded streams of the exchange; CRYPTO_ASSETS_REAL_DATA says where they lie")
        yield from ((name, lacking) for name in (*BARE, *BESIDE_CRYPTOFEED, *PACED))
        return
    with embedded(folder / "services", ["kafka", "redis"]) as settings:
        bench = _Bench(files, kafka_servers(settings), redis_url(settings), folder, rounds)
        yield from bench.beside_bare()
        yield from bench.paced()
        yield from bench.beside_cryptofeed()


class _Bench:
    def __init__(self, files: list[Path], servers: str, redis: str, folder: Path, rounds: int) -> None:
        self._files = files
        self._servers = servers
        self._redis = redis
        self._folder = folder
        self._rounds = rounds
        self._lines = read_lines(files)
        self._topic("bench")

    def beside_bare(self) -> Taken:
        """Everything that was recorded."""
        count = len(self._lines)
        yield (
            "collector.bare",
            self._pairs(
                lambda: self._ours(count, MIXED),
                lambda: self._side(count, "bare", self._servers, "bench", MIXED),
            ),
        )

    def beside_cryptofeed(self) -> Taken:
        """Best prices: the stream that both read alike; with its own Kafka backend, and with our producer."""
        library = self._folder / "cryptofeed"
        installed = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(library), "cryptofeed", "aiokafka"],
            check=False,
        )
        if installed.returncode:
            yield from ((name, Absent("cryptofeed cannot be installed here")) for name in BESIDE_CRYPTOFEED)
            return
        for symbol in ("BTC-USDT", "ETH-USDT"):
            self._topic(f"ticker-BINANCE-{symbol}")
        share = sum(stream.endswith(b"@bookTicker") for stream, _ in self._lines) / len(self._lines)
        count = len(self._lines)
        for name, topic, theirs in zip(BESIDE_CRYPTOFEED, ("own", "bench"), (SLOW_COUNT, count), strict=True):
            arguments = (self._servers, topic, str(library), str(int(theirs * share) - len(SYMBOLS)))
            yield (
                name,
                self._pairs(
                    lambda: self._ours(count, PRICES),
                    lambda theirs=theirs, arguments=arguments: self._side(theirs, "cryptofeed", *arguments),
                ),
            )

    def paced(self) -> Taken:
        """A minute at a fixed pace: what was kept of it, and whether Kafka's answers take longer at its end."""
        rounds = range(min(self._rounds, PACED_ROUNDS))
        costs = [self._ours(PER_SECOND * PACED_S, MIXED, per_second=PER_SECOND) for _ in rounds]
        yield "collector.pace", Rounds([c.messages / c.wall_s for c in costs], [PER_SECOND for _ in costs])
        first, last = zip(*(_thirds(cost.lags_s) for cost in costs), strict=True)
        yield "collector.lag", Rounds(list(last), list(first))

    def _pairs(self, ours: Callable[[], Cost], theirs: Callable[[], Cost]) -> Rounds:
        costs = [(ours(), theirs()) for _ in range(self._rounds)]
        return Rounds(*([cost.messages / cost.cpu_s for cost in side] for side in zip(*costs, strict=True)))

    def _ours(self, count: int, kinds: str, *, per_second: float = 0.0) -> Cost:
        seed = str(next(_seeds))
        folder = self._folder / seed
        return self._side(count, "ours", self._servers, seed, kinds, self._redis, str(folder), per_second=per_second)

    def _side(self, count: int, side: str, *rest: str, per_second: float = 0.0) -> Cost:
        options = (*map(str, self._files), f"--count={count}", f"--per-second={per_second}")
        with started("bench.parts.feeder", *options) as feeder:
            assert feeder.stdout is not None
            port = feeder.stdout.readline().strip()
            return run_module("bench.parts.collector_sides", side, port, *rest, answer=Cost)

    def _topic(self, name: str) -> None:
        admin = AdminClient({"bootstrap.servers": self._servers})
        admin.create_topics([NewTopic(name, 3)])[name].result()


def _thirds(lags_s: list[float]) -> tuple[float, float]:
    """Means in ms of the first third and of the last."""
    third = len(lags_s) // 3
    return 1e3 * sum(lags_s[:third]) / third, 1e3 * sum(lags_s[-third:]) / third
