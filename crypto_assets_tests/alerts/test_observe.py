"""What is looked at, when, and for how long."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from crypto_assets.alerts.facts import Unseen
from crypto_assets.alerts.observe import (
    Observer,
    days_looked_at,
    service_starts,
)
from crypto_assets.endpoints import ProcessRecord
from crypto_assets_tests.alerts.causes import Book
from crypto_assets_tests.services import service_settings
from resources.services.folder import ServiceFolder

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)


def test_a_day_is_looked_at_once_silver_and_gold_of_it_are_due() -> None:
    first = date(2023, 1, 1)
    assert days_looked_at(first, now=datetime(2026, 3, 9, 1, 59, tzinfo=UTC))[-1] == date(2026, 3, 7)
    days = days_looked_at(first, now=datetime(2026, 3, 9, 2, tzinfo=UTC))
    assert (days[0], days[-1], len(days)) == (date(2026, 3, 2), date(2026, 3, 8), 7)
    assert days_looked_at(date(2026, 3, 8), now=NOW) == (date(2026, 3, 8),)


def test_starts_are_those_that_services_remember_and_not_of_programs_that_beat(tmp_path: Path) -> None:
    own = psutil.Process()
    for name in ("redis", "collector"):
        folder = ServiceFolder.of(tmp_path, name)
        folder.make()
        folder.write_record(ProcessRecord(own.pid, own.create_time()))
    ((name, [(identity, at)]),) = service_starts(tmp_path)
    assert (name, identity) == ("redis", f"{own.pid} {own.create_time()}")
    assert at == datetime.fromtimestamp(own.create_time(), UTC)


def test_a_place_that_hangs_is_unseen_and_keeps_nothing_from_being_seen(
    book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_assets.alerts.observe.LIMIT_S", 0.5)
    release = threading.Event()
    observer = Observer(service_settings(tmp_path))
    begun = time.monotonic()
    facts = observer.look(book.ledger, instance=lambda: release.wait(60) and None, channels=(), now=NOW)  # type: ignore[arg-type, return-value]
    assert time.monotonic() - begun < 30
    assert isinstance(facts.runs, Unseen)
    assert "no answer came" in facts.runs.reason
    assert isinstance(facts.disks, tuple)
    release.set()


def test_finished_days_are_looked_at_every_five_minutes_and_again_at_once_where_they_could_not_be(
    book: Book, tmp_path: Path
) -> None:
    observer = Observer(service_settings(tmp_path, symbols="BTCUSDT"))

    def gold_at(minutes: float) -> object:
        now = NOW + timedelta(minutes=minutes)
        return observer.look(book.ledger, instance=lambda: None, channels=(), now=now).gold

    assert [gold_at(0), gold_at(4.5), gold_at(5)] == [(), None, ()]
    (tmp_path / "lake").write_text("a file where a folder is needed")
    assert isinstance(gold_at(10), Unseen)
    assert isinstance(gold_at(10.5), Unseen)
    (tmp_path / "lake").unlink()
    assert [gold_at(11), gold_at(11.5)] == [(), None]
