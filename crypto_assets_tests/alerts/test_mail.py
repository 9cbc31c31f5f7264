"""Letters to a real SMTP server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from crypto_assets.alerts.mail import Mail, server_of
from crypto_assets.alerts.message import compose
from crypto_assets.errors import DeliveryFailed
from crypto_assets_tests.alerts.causes import notice
from crypto_assets_tests.alerts.mailbox import PASSWORD, USER, Mailbox, certificate, mail_server

WHO = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@"


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
"""Of aiosmtpd, which does not see that the connection is encrypted from the start."""


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def running(pem: Path) -> Iterator[Mailbox]:
    with mail_server(pem) as box:
        yield box


@pytest.fixture
def mailbox(running: Mailbox, pem: Path, monkeypatch: pytest.MonkeyPatch) -> Mailbox:
    """A server that asks for a user, offers STARTTLS, and is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    running.letters.clear()
    running.receivers.clear()
    running.refuse = ""
    running.refused.clear()
    return running


BOTH = ("one@example.com", "two@example.com")


def send(url: str, *, sender: str | None = USER, to: tuple[str, ...] = BOTH, **alert: str) -> str:
    """What came of a letter: nothing, or why it was not taken."""
    message = compose([notice(**alert)], dagster_url="http://127.0.0.1:3000", origin="here")
    try:
        Mail(SecretStr(url), sender=sender, receivers=to).send(message)
    except DeliveryFailed as error:
        return str(error)
    return ""


def test_a_letter_arrives_over_a_connection_that_was_encrypted_first(mailbox: Mailbox) -> None:
    assert send(f"smtp://{WHO}127.0.0.1:{mailbox.port}", sentence="Übrig: 9 %, „wenig“.") == ""
    (letter,) = mailbox.letters
    assert mailbox.receivers == [list(BOTH)]
    assert letter["Subject"] == "[crypto-assets] WARNING: disk 1 is nearly full"
    assert letter["Message-ID"] == "<crypto-assets-1-1-1@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "Übrig: 9 %, „wenig“." in letter.get_content()


def test_a_server_may_encrypt_from_the_first_byte_on(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with mail_server(pem, from_the_start=True) as box:
        assert "a certificate that nobody here trusts" in send(f"smtps://{WHO}127.0.0.1:{box.port}")
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert send(f"smtps://{WHO}127.0.0.1:{box.port}") == ""
        assert len(box.letters) == 1


def test_no_password_goes_to_a_server_that_offers_no_encryption() -> None:
    with mail_server() as box:
        assert "no password is sent without" in send(f"smtp://{WHO}127.0.0.1:{box.port}")
        assert box.passwords == []


def test_a_relay_without_a_user_may_be_spoken_to_plainly() -> None:
    with mail_server(signs_in=False) as box:
        assert send(f"smtp://127.0.0.1:{box.port}") == ""
        assert len(box.letters) == 1


def test_a_certificate_that_nobody_trusts_is_refused(running: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    assert "a certificate that nobody here trusts" in send(f"smtp://{WHO}127.0.0.1:{running.port}")


def test_a_wrong_password_and_a_refused_letter_are_told_apart(mailbox: Mailbox) -> None:
    wrong = f"smtp://{quote(USER, safe='')}:wrongwrong@127.0.0.1:{mailbox.port}"
    assert "refuses user and password of ALERT_SMTP_URL (535)" in send(wrong)
    mailbox.refuse = f"554 no, {PASSWORD}"
    assert send(f"smtp://{WHO}127.0.0.1:{mailbox.port}").endswith("refuses the message (554).")


def test_a_receiver_that_is_refused_is_told_and_gets_what_the_others_have(mailbox: Mailbox) -> None:
    url = f"smtp://{WHO}127.0.0.1:{mailbox.port}"
    one, two = BOTH
    mailbox.refused[two] = f"450 greylisted, {PASSWORD}"
    for _ in range(3):
        assert send(url).endswith(f":{mailbox.port} refuses 1 of 2 receivers of ALERT_EMAIL_TO: number 2 (450).")
    mailbox.refused[one] = "550 no such mailbox"
    assert send(url).endswith("number 2 (450).")
    assert mailbox.receivers == [[one]]
    mailbox.refused.clear()
    assert send(url) == ""
    assert mailbox.receivers == [[one], [two]]
    assert len({letter["Message-ID"] for letter in mailbox.letters}) == 1


def test_a_server_that_hangs_up_between_two_receivers_has_taken_nothing(mailbox: Mailbox) -> None:
    url = f"smtp://{WHO}127.0.0.1:{mailbox.port}"
    mailbox.refused[BOTH[1]] = "421 too many connections"
    assert send(url).endswith("number 2 (421).")
    mailbox.refused.clear()
    assert send(url) == ""
    assert mailbox.receivers == [list(BOTH)]


def test_a_receiver_that_is_refused_for_long_keeps_no_new_letter_from_the_others(mailbox: Mailbox) -> None:
    one, two = BOTH
    mailbox.refused[two] = "550 no such mailbox"
    for number in (1, 2):
        message = compose([notice(number)], dagster_url="http://127.0.0.1:3000", origin="here")
        mail = Mail(SecretStr(f"smtp://{WHO}127.0.0.1:{mailbox.port}"), sender=USER, receivers=BOTH)
        for _ in range(2):
            with pytest.raises(DeliveryFailed, match="number 2"):
                mail.send(message)
    assert mailbox.receivers == [[one], [one]]
    mailbox.refused[one] = "550 no such mailbox"
    assert send(f"smtp://{WHO}127.0.0.1:{mailbox.port}").endswith("number 1 (550), number 2 (550).")


def test_a_server_that_is_down_is_told_without_user_or_password() -> None:
    assert send(f"smtp://{WHO}127.0.0.1:1") == "the mail server 127.0.0.1:1 cannot be reached: ConnectionRefusedError."


@pytest.mark.parametrize(
    "address", ["a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example", "nobody", "<a@b.example>"]
)
def test_an_address_that_could_smuggle_another_is_refused(mailbox: Mailbox, address: str) -> None:
    url = f"smtp://{WHO}127.0.0.1:{mailbox.port}"
    assert "ALERT_EMAIL_FROM holds" in send(url, sender=address)
    assert "ALERT_EMAIL_TO holds" in send(url, to=(address,))
    assert mailbox.letters == []


def test_words_of_others_add_no_header(mailbox: Mailbox) -> None:
    assert send(f"smtp://{WHO}127.0.0.1:{mailbox.port}", subject="x\r\nBcc: c@d.example\r\n\r\nbody") == ""
    (letter,) = mailbox.letters
    assert letter["Bcc"] is None
    assert mailbox.receivers == [list(BOTH)]


def test_without_sender_or_receiver_it_says_what_to_set(mailbox: Mailbox) -> None:
    url = f"smtp://{WHO}127.0.0.1:{mailbox.port}"
    assert "set both" in send(url, sender=None)
    assert "set both" in send(url, to=())


@pytest.mark.parametrize(
    "url", ["hunter2", "http://hunter2@x", "smtp://:x", "smtp://u:hunter2@h:port", "smtp://u:a/hunter2@h"]
)
def test_what_is_no_address_of_a_server_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(DeliveryFailed, match="ALERT_SMTP_URL is no address") as refused:
        server_of(SecretStr(url))
    assert "hunter2" not in str(refused.value)


def test_ports_are_those_of_the_protocol_where_none_is_named() -> None:
    assert [server_of(SecretStr(url)).port for url in ("smtp://h", "smtps://h", "smtp://h:25/")] == [587, 465, 25]
    assert "hunter2" not in repr(server_of(SecretStr("smtp://u:hunter2@h")))


def test_the_password_is_in_no_log(mailbox: Mailbox, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send(f"smtp://{WHO}127.0.0.1:{mailbox.port}")
        send(f"smtp://{WHO}127.0.0.1:1")
    ours = [record for record in caplog.records if not record.name.startswith(("mail", "asyncio"))]
    assert all(PASSWORD not in record.getMessage() for record in ours)
