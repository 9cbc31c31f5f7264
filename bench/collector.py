"""The collector beside a bare loop of the same libraries, and beside cryptofeed: messages per CPU-second, and pace.

All read the same recorded lines from one local server and produce to one embedded Kafka, alternately. cryptofeed is
installed into a throw-away folder; where that fails, its line says so.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from bench.collecting import SYMBOLS, Cost
from bench.feeder import read_lines
from bench.measuring import Line
from bench.workspace import embedded
from crypto_assets.endpoints import kafka_servers, redis_url

ROUNDS = 3
MIXED = "trade,bookTicker,depth@100ms"
PRICES = "bookTicker"
PER_SECOND = 10_000
PACED_S = 60
SLOW_COUNT = 20_000  # for a backend that waits for each message
RECORDINGS = ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz", "spot/ethusdt_20240808.gz")
_seeds = itertools.count(1_000)


def measure(folder: Path, *, recordings: Path) -> list[Line]:
    """All comparisons, over the recordings in a folder of the real data."""
    files = [recordings / name for name in RECORDINGS]
    if not all(file.is_file() for file in files):
        return [Line("collector", "not measured", aim=f"needs recordings in {recordings.name}/spot")]
    with embedded(folder / "services", ["kafka", "redis"]) as settings:
        bench = _Bench(files, kafka_servers(settings), redis_url(settings), folder)
        return [bench.beside_bare(), *bench.beside_cryptofeed(), bench.paced()]


class _Bench:
    def __init__(self, files: list[Path], servers: str, redis: str, folder: Path) -> None:
        self._files = files
        self._servers = servers
        self._redis = redis
        self._folder = folder
        self._lines = read_lines(files)
        self._topic("bench")

    def beside_bare(self) -> Line:
        """Everything that was recorded."""
        count = len(self._lines)
        pairs = [
            (self._ours(count, MIXED), self._side(count, "bare", self._servers, "bench", MIXED)) for _ in range(ROUNDS)
        ]
        return _line("collector / bare loop, messages per CPU-second", pairs, aim="at least 0.7")

    def beside_cryptofeed(self) -> list[Line]:
        """Best prices: the stream that both read alike; with its own Kafka backend, and with our producer."""
        what = "collector / cryptofeed, messages per CPU-second"
        library = self._folder / "cryptofeed"
        installed = subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(library), "cryptofeed", "aiokafka"],
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode:
            return [Line(what, "not measured", aim="cryptofeed cannot be installed here")]
        for symbol in ("BTC-USDT", "ETH-USDT"):
            self._topic(f"ticker-BINANCE-{symbol}")
        share = sum(stream.endswith(b"@bookTicker") for stream, _ in self._lines) / len(self._lines)
        lines: list[Line] = []
        all_lines = len(self._lines)
        sides = (("own", "", "at least 2", SLOW_COUNT), ("bench", " parser with our producer", "", all_lines))
        for topic, note, aim, count in sides:
            theirs = ("cryptofeed", self._servers, topic, str(library), str(int(count * share) - len(SYMBOLS)))
            pairs = [(self._ours(all_lines, PRICES), self._side(count, *theirs)) for _ in range(ROUNDS)]
            lines.append(_line(what + note, pairs, aim=aim))
        return lines

    def paced(self) -> Line:
        """A minute at a fixed pace: how long after its end everything is in Kafka."""
        cost = self._ours(PER_SECOND * PACED_S, MIXED, per_second=PER_SECOND)
        return Line(
            f"collector, {PER_SECOND:,} messages a second for {PACED_S} s",
            f"{cost.messages / cost.wall_s:,.0f}/s",
            f"{cost.cpu_s / cost.wall_s:.0%} CPU",
            None,
            f"no growing lag; to Kafka at most {cost.lag_s * 1000:.0f} ms",
        )

    def _ours(self, count: int, kinds: str, *, per_second: float = 0.0) -> Cost:
        seed = str(next(_seeds))
        folder = self._folder / seed
        return self._side(count, "ours", self._servers, seed, kinds, self._redis, str(folder), per_second=per_second)

    def _side(self, count: int, side: str, *rest: str, per_second: float = 0.0) -> Cost:
        with _feeder(self._files, count=count, per_second=per_second) as port:
            command = [sys.executable, "-m", "bench.collecting", side, port, *rest]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{side} failed: {done.stderr[-2_000:]}")
        return msgspec.json.decode(done.stdout.splitlines()[-1], type=Cost)

    def _topic(self, name: str) -> None:
        admin = AdminClient({"bootstrap.servers": self._servers})
        admin.create_topics([NewTopic(name, 3)])[name].result()


def _line(what: str, pairs: list[tuple[Cost, Cost]], *, aim: str) -> Line:
    ours, theirs = (max(cost.messages / cost.cpu_s for cost in side) for side in zip(*pairs, strict=True))
    return Line(what, f"{ours:,.0f}", f"{theirs:,.0f}", ours / theirs, aim)


@contextmanager
def _feeder(files: list[Path], *, count: int, per_second: float) -> Generator[str]:
    command = [sys.executable, "-m", "bench.feeder", *map(str, files), f"--count={count}"]
    with subprocess.Popen([*command, f"--per-second={per_second}"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()
