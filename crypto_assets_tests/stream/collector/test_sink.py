"""The way to Kafka, by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from confluent_kafka import Producer

from crypto_assets.stream.collector import sink as module
from crypto_assets.stream.collector.sink import Sink
from crypto_assets.stream.collector.spool import Spool
from crypto_assets_tests.stream.collector.conftest import WAIT_S
from crypto_assets_tests.waiting import wait_for


def test_after_its_close_nothing_waits_whatever_the_producer_says_of_itself(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Producer] = []

    class Seen(Producer):
        def __init__(self, settings: dict[str, object]) -> None:
            super().__init__(settings)
            made.append(self)

    monkeypatch.setattr(module, "Producer", Seen)
    sink = Sink(kafka, Spool(tmp_path, budget=1 << 20), on_dropped=lambda dropped: None, on_topic_gone=lambda: None)
    assert asyncio.run(sink.close())
    wait_for(lambda: len(made[0]), until=bool, deadline_s=WAIT_S)
    assert sink.waiting == 0
