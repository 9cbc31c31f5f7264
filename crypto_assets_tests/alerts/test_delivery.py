"""From what is wrong to who is told, over servers that are down, busy, slow, and there again."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from crypto_assets.alerts.bounded import Calls
from crypto_assets.alerts.delivery import Sent, channels_of, deliver, send_test
from crypto_assets.alerts.facts import Facts
from crypto_assets.alerts.rules import judge
from crypto_assets.config import Settings
from crypto_assets.errors import AlertsError
from crypto_assets.health.storage import Disk
from crypto_assets_tests.alerts.causes import NOW, Book, cause
from crypto_assets_tests.alerts.hook import SECRET, Hook, hook_server
from crypto_assets_tests.alerts.mailbox import Mailbox, mail_server
from crypto_assets_tests.services import service_settings

MINUTE = timedelta(minutes=1)
log = logging.getLogger("crypto_assets.alerts")


class Teller:
    """Tells what a book has noted, with one set of calls under way as a program has."""

    def __init__(self, book: Book, settings: Settings) -> None:
        self.book = book
        self.settings = settings
        self.calls = Calls()

    def tell(self, *, after: timedelta = timedelta()) -> dict[str, Sent]:
        self.book.now += after
        channels = channels_of(self.settings, log=log)
        sent = deliver(self.book.outbox, channels, settings=self.settings, calls=self.calls, now=self.book.now)
        return {one.channel: one for one in sent}


def with_mail(book: Book, hook: Hook, box: Mailbox, folder: Path) -> Teller:
    """A webhook and a mailbox."""
    settings = service_settings(
        folder,
        alert_webhook_url=hook.url,
        alert_smtp_url=f"smtp://127.0.0.1:{box.port}",
        alert_email_from="a@b.example",
        alert_email_to="c@d.example",
    )
    book.channels = tuple(channel.name for channel in channels_of(settings, log=log))
    return Teller(book, settings)


@pytest.fixture
def teller(book: Book, hook: Hook, tmp_path: Path) -> Teller:
    return Teller(book, service_settings(tmp_path, alert_webhook_url=hook.url))


def test_a_thousand_evaluations_of_one_fault_are_one_post_and_its_end_is_one(
    quick_book: Book, hook: Hook, tmp_path: Path
) -> None:
    book = quick_book
    teller = Teller(book, service_settings(tmp_path, alert_webhook_url=hook.url))
    for free in (9, 91):
        disk = Disk(Path("/"), 100, free)
        for number in range(1_000):
            book.now += timedelta(seconds=30)
            facts = Facts(now=book.now, streams=False, disks=(disk,))
            book.ledger.record(judge(facts), channels=("log", "webhook"), now=book.now)
            if number % 10 == 0:
                teller.tell()
    assert len(hook.received) == 2
    assert hook.subjects == [
        "CRITICAL: the disk of DATA_DIR is nearly full",
        "RESOLVED: the disk of DATA_DIR is nearly full",
    ]
    assert "1,000 looks saw it" in hook.texts[1]


def test_a_server_that_is_in_trouble_and_then_busy_gets_everything_in_order_in_the_end(
    teller: Teller, hook: Hook
) -> None:
    book = teller.book
    hook.answers += [(500, {}), (429, {"Retry-After": "300"})]
    book.look(cause("disk/a"))
    assert teller.tell()["webhook"].state == "failed"
    book.look(cause("disk/a"), cause("disk/b"), after=timedelta())
    assert "webhook" not in teller.tell(after=timedelta(seconds=29))
    assert "asks for a pause" in teller.tell(after=timedelta(seconds=1))["webhook"].sentence
    assert "webhook" not in teller.tell(after=timedelta(seconds=299))
    assert teller.tell(after=timedelta(seconds=1))["webhook"].sentence == "webhook: 2 notices in one message."
    (message,) = hook.taken
    headings = [block["text"]["text"] for block in message["blocks"][:2]]
    assert [("disk/a" in one, "disk/b" in one) for one in headings] == [(True, False), (False, True)]
    assert len(hook.received) == 3


def test_a_server_that_is_down_delays_no_other_channel_and_is_told_when_it_is_back(
    book: Book, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hook_server() as gone:
        pass
    teller = Teller(book, service_settings(tmp_path, alert_webhook_url=gone.url))
    book.look(cause("disk/a"))
    found = teller.tell()
    assert (found["log"].state, found["webhook"].state) == ("sent", "failed")
    assert "disk/a is wrong" in caplog.text
    book.look(after=MINUTE)
    with hook_server(gone.port) as back:
        assert teller.tell(after=MINUTE)["webhook"].state == "sent"
        assert back.subjects == ["RESOLVED: disk/a is wrong"]
        assert "It was: It is 9 % full." in back.texts[0]


def test_a_webhook_that_asks_for_an_endless_pause_keeps_no_letter_back_and_sends_none_twice(
    book: Book, hook: Hook, tmp_path: Path
) -> None:
    hook.answers += [(429, {"Retry-After": "9" * 20})]
    with mail_server(signs_in=False) as box:
        teller = with_mail(book, hook, box, tmp_path)
        book.look(cause("disk/a"))
        found = teller.tell()
        assert (found["webhook"].state, found["e-mail"].state) == ("failed", "sent")
        book.look(cause("disk/a"), cause("disk/b"), after=MINUTE)
        assert teller.tell()["e-mail"].state == "sent"
        assert [letter["Subject"] for letter in box.letters] == [
            "[crypto-assets] WARNING: disk/a is wrong",
            "[crypto-assets] WARNING: disk/b is wrong",
        ]
    assert teller.tell(after=timedelta(hours=1))["webhook"].state == "sent"


def test_what_a_channel_took_is_noted_down_where_that_another_failed_cannot_be(
    book: Book, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AlertsError("The disk is full.")

    hook.answers.append((500, {}))
    monkeypatch.setattr(book.outbox, "failed", refuse)
    with mail_server(signs_in=False) as box:
        teller = with_mail(book, hook, box, tmp_path)
        book.look(cause("disk/a"))
        with pytest.raises(AlertsError, match="The disk is full"):
            teller.tell()
        assert len(box.letters) == 1
    assert book.outbox.waiting("e-mail") == []
    assert len(book.outbox.waiting("webhook")) == 1


def test_a_channel_that_takes_nothing_for_long_is_itself_a_cause(teller: Teller, hook: Hook) -> None:
    book = teller.book
    hook.answers += [(500, {})] * 20
    book.look(cause("disk/a"))
    for _ in range(30):
        teller.tell(after=MINUTE)
        channels = book.outbox.channels(("log", "webhook"))
        causes = judge(Facts(now=book.now, streams=False, channels=channels)).causes
        if causes:
            break
    (failing,) = causes
    assert failing.key == "delivery/webhook"
    assert "1 notices wait: the webhook's server is in trouble (HTTP 500)." in failing.sentence


def test_a_server_that_never_answers_is_waited_for_and_what_it_took_is_not_sent_again(
    teller: Teller, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_assets.alerts.delivery.LIMIT_S", 0.2)
    release = threading.Event()
    hook.before_answer = lambda: bool(release.wait(20)) and None
    teller.book.look(cause("disk/a"))
    assert "no answer came" in teller.tell()["webhook"].sentence
    teller.book.look(cause("disk/a"), cause("disk/b"), after=timedelta())
    release.set()
    monkeypatch.setattr("crypto_assets.alerts.delivery.LIMIT_S", 20.0)
    assert teller.tell(after=MINUTE)["webhook"].state == "sent"
    assert teller.tell(after=MINUTE)["webhook"].state == "sent"
    assert hook.subjects == ["WARNING: disk/a is wrong", "WARNING: disk/b is wrong"]


def test_a_test_reaches_every_channel_that_is_named_and_says_how_to_name_the_others(
    hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert [(one.channel, one.state) for one in send_test(service_settings(tmp_path))] == [
        ("log", "sent"),
        ("webhook", "off"),
        ("e-mail", "off"),
    ]
    with mail_server(signs_in=False) as box:
        settings = service_settings(
            tmp_path,
            alert_webhook_url=hook.url,
            alert_smtp_url=f"smtp://127.0.0.1:{box.port}",
            alert_email_from="a@b.example",
            alert_email_to="c@d.example, e@f.example",
        )
        assert all(one.state == "sent" for one in send_test(settings, now=NOW))
        assert box.receivers == [["c@d.example", "e@f.example"]]
    assert "Nothing is wrong" in hook.texts[0]
    assert "Nothing is wrong" in caplog.text
    assert not (tmp_path / "alerts").exists()


def test_a_variable_that_is_set_to_nothing_is_not_set(tmp_path: Path) -> None:
    settings = service_settings(tmp_path, alert_webhook_url="", alert_smtp_url=" ")
    assert [(one.channel, one.state) for one in send_test(settings)][1:] == [("webhook", "off"), ("e-mail", "off")]


def test_a_test_that_fails_says_why_and_not_where(hook: Hook, tmp_path: Path) -> None:
    hook.answers.append((404, {}))
    found = {one.channel: one for one in send_test(service_settings(tmp_path, alert_webhook_url=hook.url))}
    assert not found["webhook"].is_well
    assert "make a new one" in found["webhook"].sentence
    assert SECRET not in found["webhook"].sentence
