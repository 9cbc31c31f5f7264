"""The way to Kafka, by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import Producer

from crypto_assets.stream.collector import sink as module
from crypto_assets.stream.collector.sink import Outlet, Sink
from crypto_assets.stream.collector.spool import Lane, Record, Spool
from crypto_assets.stream.topics import TRADES
from crypto_assets_tests.stream.collector.conftest import WAIT_S
from crypto_assets_tests.waiting import wait_for


def sink_to(servers: str, spool: Spool) -> Sink:
    return Sink(servers, spool, on_dropped=lambda dropped: None, on_topic_gone=lambda: None)


async def keep_ticking(sink: Sink) -> None:
    while True:
        sink.tick()
        await asyncio.sleep(0)


def test_after_its_close_nothing_waits_whatever_the_producer_says_of_itself(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Producer] = []

    class Seen(Producer):
        def __init__(self, settings: dict[str, object]) -> None:
            super().__init__(settings)
            made.append(self)

    monkeypatch.setattr(module, "Producer", Seen)
    sink = sink_to(kafka, Spool(tmp_path, budget=1 << 20).open())
    assert asyncio.run(sink.close())
    wait_for(lambda: len(made[0]), until=bool, deadline_s=WAIT_S)
    assert sink.waiting == 0


def test_a_disk_that_fails_is_told_and_what_comes_then_is_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, budget=1 << 20).open()
    spool.append(Lane.KEPT, Record("simulator-7.trades", b"key", b"1", 0, b"12345678"))
    (gone,) = spool.segments(Lane.KEPT)
    gone.unlink()

    async def deliver() -> None:
        sink = sink_to("127.0.0.1:1", spool)
        sink.release()
        with pytest.raises(FileNotFoundError):
            await asyncio.wait_for(keep_ticking(sink), WAIT_S)
        sink.emit(Outlet.of(TRADES, "simulator-7"), b"key", b"2", 0)
        assert not await sink.close()

    asyncio.run(deliver())
    again = Spool(tmp_path, budget=1 << 20).open()
    assert [found.value for path in again.segments(Lane.KEPT) for found in again.read(path)] == [b"2"]
