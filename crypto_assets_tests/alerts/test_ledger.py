"""What is told of causes that last, flap, cannot be seen, or end."""

from __future__ import annotations

import sqlite3
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_assets.alerts.alert import Judged
from crypto_assets.alerts.ledger import KEPT, read_alerts
from crypto_assets.alerts.store import ledger_file
from crypto_assets.errors import AlertsError
from crypto_assets_tests.alerts.causes import CHANNELS, EVERY, NOW, Book, cause, in_memory, opened
from crypto_assets_tests.services import service_settings

MINUTE = timedelta(minutes=1)


def test_a_thousand_looks_at_one_lasting_fault_are_one_message_and_one_end(quick_book: Book) -> None:
    book = quick_book
    for _ in range(1_000):
        book.look(cause(), after=MINUTE)
    assert book.told() == [("disk/DATA_DIR", "firing")]
    for _ in range(1_000):
        book.look(after=MINUTE)
    assert book.told() == [("disk/DATA_DIR", "resolved")]
    (ended,) = book.ledger.alerts()
    assert (ended.first_at, ended.last_at) == (NOW + MINUTE, NOW + 1_000 * MINUTE)
    assert (ended.count, ended.resolved_at) == (1_000, NOW + 1_001 * MINUTE)


def test_a_channel_is_told_once_however_often_the_ledger_is_opened(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    for number in range(5):
        with opened(tmp_path) as book:
            book.now = NOW + number * MINUTE
            book.look(cause())
            told += book.told()
    assert told == [("disk/DATA_DIR", "firing")]


def test_the_newest_words_of_a_cause_are_kept_with_its_first_time(book: Book) -> None:
    book.look(cause(sentence="It is 9 % full."))
    book.look(cause(sentence="It is 3 % full.", severity="critical"))
    (lasting,) = book.ledger.alerts()
    assert (lasting.sentence, lasting.severity, lasting.first_at) == ("It is 3 % full.", "critical", NOW + EVERY)


def test_a_cause_that_knows_when_it_began_says_so_and_never_the_future(book: Book) -> None:
    book.look(cause("disk/a", since=NOW - MINUTE), cause("disk/b", since=NOW + timedelta(days=1)))
    assert {one.key: one.first_at for one in book.ledger.alerts()} == {"disk/a": NOW - MINUTE, "disk/b": NOW + EVERY}


def test_what_is_over_before_anybody_need_be_told_leaves_no_trace(book: Book) -> None:
    restarted = cause("stream/collector", tell_after=MINUTE)
    book.look(restarted)
    book.look()
    assert book.told() == []
    assert book.ledger.alerts() == []


def test_what_lasts_long_enough_is_told(book: Book) -> None:
    restarted = cause("stream/collector", tell_after=MINUTE)
    book.look(restarted)
    book.look(restarted)
    assert book.told() == []
    book.look(restarted)
    assert book.told() == [("stream/collector", "firing")]


def test_a_cause_must_be_gone_for_its_time_before_it_is_called_resolved(book: Book) -> None:
    silent = cause("stream/collector", clear_after=MINUTE)
    book.look(silent)
    book.told()
    gone = book.now + EVERY
    book.look()
    book.look()
    assert book.told() == []
    book.look()
    assert book.told() == [("stream/collector", "resolved")]
    assert book.ledger.alerts()[0].resolved_at == gone


def test_one_that_comes_back_within_that_time_is_the_same(book: Book) -> None:
    silent = cause("stream/collector", clear_after=MINUTE)
    for _ in range(50):
        book.look(silent)
        book.look()
    assert book.told() == [("stream/collector", "firing")]
    assert len(book.ledger.alerts()) == 1


def test_a_run_that_fails_every_other_time_for_a_day_is_not_a_flood(quick_book: Book) -> None:
    book, messages = quick_book, 0
    for _ in range(144):
        book.look(cause("run/bronze_flush"), after=5 * MINUTE)
        messages += len(book.told())
        book.look(after=5 * MINUTE)
        messages += len(book.told())
    assert 2 <= messages <= 12


@settings(max_examples=15)
@given(seen=st.lists(st.booleans(), min_size=300, max_size=300), step=st.integers(1, 5))
def test_however_a_cause_flaps_beginnings_and_ends_alternate_and_are_few(seen: list[bool], step: int) -> None:
    with in_memory() as book:
        kinds: list[str] = []
        for is_wrong in seen:
            book.look(*([cause()] if is_wrong else []), after=step * MINUTE)
            kinds += [kind for _, kind in book.told()]
    assert kinds == [("firing", "resolved")[number % 2] for number in range(len(kinds))]
    assert len(kinds) <= 16 + 2 * (300 * step // 60)


def test_what_could_not_be_looked_at_is_not_over(book: Book) -> None:
    book.look(cause("stream/collector"), cause("disk/DATA_DIR"))
    book.told()
    for _ in range(10):
        book.look(scopes=("disk",))
    assert book.told() == [("disk/DATA_DIR", "resolved")]
    book.look(scopes=("stream",))
    assert book.told() == [("stream/collector", "resolved")]


def test_a_scope_is_a_beginning_of_whole_words() -> None:
    judged = Judged((), frozenset({"skill/week", "run"}))
    assert judged.covers("skill/week/BTCUSDT")
    assert judged.covers("run/medallion/-/-")
    assert not judged.covers("skill/drift/BTCUSDT")
    assert not judged.covers("runs/x")


def test_what_nobody_looks_at_any_more_is_not_called_resolved(book: Book) -> None:
    book.look(cause("run/medallion", watched_until=NOW + timedelta(hours=1)))
    book.told()
    book.look(after=timedelta(hours=2))
    assert book.told() == [("run/medallion", "left")]
    assert book.ledger.alerts()[0].ending == "left"


def test_the_worst_comes_first_of_what_begins_at_once(book: Book) -> None:
    book.look(cause("stream/processor"), cause("run/x"), cause("disk/DATA_DIR", severity="critical"))
    assert [key for key, _ in book.told()] == ["disk/DATA_DIR", "stream/processor", "run/x"]


def test_an_end_is_told_only_where_the_beginning_was_to_be(book: Book) -> None:
    book.now += EVERY
    book.ledger.record(Judged((cause(),), frozenset()), channels=["log"], now=book.now)
    book.look()
    assert book.told("webhook") == []
    assert book.told("log") == [("disk/DATA_DIR", "firing+resolved")]


def test_a_look_that_cannot_be_noted_as_a_whole_is_not_noted_at_all(book: Book, tmp_path: Path) -> None:
    with sqlite3.connect(ledger_file(tmp_path)) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON deliveries WHEN NEW.notice = 2 "
            "BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
    with pytest.raises(AlertsError, match="disk is full"):
        book.look(cause("disk/a"), cause("disk/b"))
    assert book.ledger.alerts() == []
    assert book.told() == []


def test_old_alerts_are_forgotten_with_what_was_told_of_them(book: Book, tmp_path: Path) -> None:
    book.look(cause())
    book.look()
    book.look(after=KEPT + MINUTE)
    with sqlite3.connect(ledger_file(tmp_path)) as other:
        left = [
            other.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
            for table in ("alerts", "notices", "deliveries")
        ]
    assert left == [0, 0, 0]


def test_starts_are_counted_once_each_and_only_new_ones(book: Book) -> None:
    ledger, since = book.ledger, NOW - MINUTE
    assert ledger.remember_starts({"kafka": [("1", NOW - 2 * MINUTE)], "redis": [("7", NOW)]}, since=since) == {
        "redis": 1
    }
    assert ledger.remember_starts({"redis": [("7", NOW), ("8", NOW)]}, since=since) == {"redis": 2}
    assert ledger.remember_starts({}, since=since) == {"redis": 2}


def test_a_look_is_due_when_its_time_has_passed_or_the_clock_was_set_back(book: Book) -> None:
    assert book.ledger.is_due("gold", every=MINUTE, now=NOW)
    book.ledger.note_look("gold", now=NOW)
    assert not book.ledger.is_due("gold", every=MINUTE, now=NOW + EVERY)
    assert book.ledger.is_due("gold", every=MINUTE, now=NOW + MINUTE)
    assert book.ledger.is_due("gold", every=MINUTE, now=NOW - MINUTE)


def test_without_a_ledger_there_are_no_alerts_and_none_is_made(tmp_path: Path) -> None:
    assert read_alerts(service_settings(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_alerts_are_read_while_they_are_written(book: Book, tmp_path: Path) -> None:
    book.look(cause("disk/a"))
    book.look(cause("disk/b"), after=MINUTE)
    found = read_alerts(service_settings(tmp_path))
    assert [(one.key, one.is_open) for one in found] == [("disk/b", True), ("disk/a", False)]
    assert [one.key for one in read_alerts(service_settings(tmp_path), since=book.now + MINUTE)] == ["disk/b"]


def test_to_read_alerts_changes_nothing_and_a_reader_keeps_no_writer_waiting(book: Book, tmp_path: Path) -> None:
    book.look(cause())
    before = ledger_file(tmp_path).read_bytes()
    with sqlite3.connect(f"{ledger_file(tmp_path).as_uri()}?mode=ro", uri=True) as reader:
        rows = reader.execute("SELECT * FROM alerts")
        assert len(read_alerts(service_settings(tmp_path))) == 1
        assert ledger_file(tmp_path).read_bytes() == before
        rows.close()
        book.look(cause())
    assert [one.count for one in read_alerts(service_settings(tmp_path))] == [2]
    assert [path.name for path in ledger_file(tmp_path).parent.iterdir()] == ["ledger.sqlite"]


def test_the_ledger_is_for_this_user_only(book: Book, tmp_path: Path) -> None:
    path = ledger_file(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_ledger_of_a_newer_version_is_left_alone(book: Book, tmp_path: Path) -> None:
    with sqlite3.connect(ledger_file(tmp_path)) as other:
        other.execute("PRAGMA user_version = 99")
    with pytest.raises(AlertsError, match="newer version"), opened(tmp_path):
        pass


def test_a_damaged_ledger_says_what_to_do(tmp_path: Path) -> None:
    ledger_file(tmp_path).parent.mkdir()
    ledger_file(tmp_path).write_bytes(b"no database" * 100)
    with pytest.raises(AlertsError, match="may be deleted"), opened(tmp_path):
        pass


def test_channels_wait_for_each_other_in_nothing(book: Book) -> None:
    book.look(cause())
    assert [book.told(channel) for channel in CHANNELS] == [[("disk/DATA_DIR", "firing")]] * 2
