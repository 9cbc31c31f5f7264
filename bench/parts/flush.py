"""A day of order books from Kafka to bronze beside bare pyarrow writing the same rows: seconds, MB, peak memory.

The flush runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import shutil
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bench.measuring import Rounds, Taken, answer, peak_mb, run_module
from bench.workspace import SYMBOL, embedded
from crypto_assets.convergence.live_ranges import TopicEnds
from crypto_assets.endpoints import kafka_servers
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BOOK_LEVELS, BRONZE_ORDERBOOK
from crypto_assets.spans import day_span, to_us
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode, encode_key, fingerprint
from crypto_assets.stream.topics import ORDERBOOK

if TYPE_CHECKING:
    from crypto_assets.stream.reader import LiveTopics

EXCHANGE = "simulator-7"
DAY = date(2024, 8, 5)
SNAPSHOTS = 864_000
OF_FIVE_MINUTES = 3_000
PACE_US = 100_000
BROKER_BUSY_S = 0.5
MODULE = "bench.parts.flush"


class Measured(msgspec.Struct, frozen=True):
    """What a process of this module found."""

    seconds: float
    cpu_s: float
    peak_mb: float
    rows: int
    bytes: int


def measure(folder: Path, rounds: int) -> Taken:
    """The day in one flush, and five minutes of it as the sensor asks for them."""
    with embedded(folder / "kafka", ["kafka"]) as settings:
        servers = kafka_servers(settings)
        _fill(servers)
        flushed, small, bare = zip(*(_round(servers, folder / "round") for _ in range(rounds)), strict=True)
    yield "flush.time", Rounds([each.seconds for each in flushed], [each.seconds for each in bare])
    yield "flush.cpu", Rounds([each.cpu_s for each in flushed], [each.cpu_s for each in bare])
    yield "flush.size", Rounds([each.bytes / 1e6 for each in flushed], [each.bytes / 1e6 for each in bare])
    yield "flush.memory", Rounds([each.peak_mb for each in flushed])
    yield "flush.five_minutes", Rounds([each.seconds for each in small])


def _round(servers: str, folder: Path) -> tuple[Measured, Measured, Measured]:
    """The day, five minutes of it, and pyarrow alone; each in a process of its own, into a lake that is not there."""
    flushed = run_module(MODULE, "flush", servers, str(folder / "lake"), answer=Measured)
    small = run_module(MODULE, "five-minutes", servers, str(folder / "small"), answer=Measured)
    bare = run_module(MODULE, "bare", str(folder / "lake"), str(folder / "bare.parquet"), answer=Measured)
    assert (flushed.rows, bare.rows, small.rows) == (SNAPSHOTS, SNAPSHOTS, OF_FIVE_MINUTES)
    shutil.rmtree(folder)
    return flushed, small, bare


def _fill(servers: str) -> None:
    """A day of snapshots at a pace of 100 ms, as the collector writes them."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

    topic = ORDERBOOK.of(EXCHANGE)
    admin = AdminClient({"bootstrap.servers": servers})
    for made in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        made.result()
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 50, "queue.buffering.max.messages": 200_000})
    headers: list[tuple[str, str | bytes | None]] = [(FINGERPRINT_HEADER, fingerprint(ORDERBOOK.name))]
    key, begin = encode_key(SYMBOL), to_us(day_span(DAY).start)
    for number in range(SNAPSHOTS):
        while True:
            try:
                producer.produce(topic, _snapshot(number, begin + number * PACE_US), key=key, headers=headers)
                break
            except BufferError:
                producer.poll(BROKER_BUSY_S)
    producer.flush()


def _snapshot(number: int, received_us: int) -> bytes:
    def level(away: int) -> list[str]:
        price = 61_000 + (number * 7919 % 1_000) / 100 + away / 100
        return [f"{price:.8f}", f"{(number * 31 + away * 17) % 9973 / 1000:.8f}"]

    record: dict[str, Any] = {
        "symbol": SYMBOL,
        "last_update_id": 10_000_000_000 + number * 13,
        "bids": [level(-n) for n in range(1, BOOK_LEVELS + 1)],
        "asks": [level(n) for n in range(1, BOOK_LEVELS + 1)],
        "event_time": None,
        "received_at": received_us,
        "connection": "spot-1-7f3a",
        "sequence": number,
        "source": "live",
    }
    return encode(ORDERBOOK.name, record)


def _flush(servers: str, lake_uri: str, *, messages: int | None = None) -> Measured:
    """Take the day that lies in Kafka, or its first messages while the day runs, into an empty lake."""
    from crypto_assets.binance.archive import ArchiveClient
    from crypto_assets.convergence.converge import converge
    from crypto_assets.convergence.sources import Sources
    from crypto_assets.stream.reader import LiveTopics

    live = LiveTopics(servers, EXCHANGE)
    nobody: Any = None  # neither REST nor captures are asked for an order book
    now = day_span(DAY).end + timedelta(minutes=1) if messages is None else day_span(DAY).start + timedelta(hours=1)
    absent = ArchiveClient(Path(lake_uri).parent.as_uri(), downloads=Path(lake_uri).parent)
    sources = Sources(EXCHANGE, nobody, nobody, absent, None, lambda: now, live)
    ends = _ends(live, messages)
    lake = Lake(lake_uri)
    start, cpu = time.perf_counter(), time.process_time()
    found = converge(BRONZE_ORDERBOOK, symbol=SYMBOL, day=DAY, lake=lake, sources=sources, ends=ends)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    return Measured(seconds, cpu_s, peak_mb(), found.manifest.rows, found.manifest.bytes)


def _ends(live: LiveTopics, messages: int | None) -> dict[str, TopicEnds]:
    state = live.state(ORDERBOOK)
    assert state is not None
    return {ORDERBOOK.name: TopicEnds(state.topic_id, state.ends if messages is None else (messages,))}


def _bare(lake_uri: str, target: str) -> Measured:
    """Write the rows of the day, which lie in memory as one table, with pyarrow alone."""
    table = Lake(lake_uri).read(BRONZE_ORDERBOOK, SYMBOL, DAY)
    assert table is not None
    start, cpu = time.perf_counter(), time.process_time()
    words = [field.name for field in table.schema if pa.types.is_string(field.type)]
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": words}
    pq.write_table(table, target, **options)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    return Measured(seconds, cpu_s, peak_mb(), table.num_rows, Path(target).stat().st_size)


def main(arguments: list[str]) -> None:
    """Run one measurement in this process."""
    match arguments:
        case ["flush", servers, lake_uri]:
            answer(_flush(servers, lake_uri))
        case ["five-minutes", servers, lake_uri]:
            answer(_flush(servers, lake_uri, messages=OF_FIVE_MINUTES))
        case ["bare", lake_uri, target]:
            answer(_bare(lake_uri, target))
        case _:
            sys.exit(f"there is no measurement {arguments}")


if __name__ == "__main__":
    main(sys.argv[1:])
