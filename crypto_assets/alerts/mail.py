"""Alerts by e-mail, through an SMTP server."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from crypto_assets.alerts.message import Message, as_text
from crypto_assets.errors import DeliveryFailed

TIMEOUT_S = 8.0
VARIABLE = "ALERT_SMTP_URL"
PORTS = {"smtp": 587, "smtps": 465}
_ADDRESS = re.compile(r"[^\s@<>,;:\"\\()\[\]]+@[^\s@<>,;:\"\\()\[\]]+")


@dataclass(frozen=True, slots=True)
class Server:
    """A server of SMTP and the user on it."""

    host: str
    port: int
    is_encrypted: bool
    """From the first byte on; else it is asked for STARTTLS."""
    user: str = ""
    password: str = field(default="", repr=False)


class Mail:
    """Sends messages; the password is in no log, error or representation, and goes out only encrypted."""

    name = "e-mail"
    is_limited = True

    def __init__(self, url: SecretStr, *, sender: str | None, receivers: Sequence[str]) -> None:
        self._url = url
        self._sender = sender
        self._receivers = tuple(receivers)

    def send(self, message: Message) -> None:
        """Hand a message to the server; raises DeliveryFailed where it did not take it for any receiver."""
        server = server_of(self._url)
        letter = self._letter(message)
        try:
            with _connected(server) as connection:
                if server.user:
                    connection.login(server.user, server.password)
                connection.send_message(letter)
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(_problem(error, server)) from None

    def _letter(self, message: Message) -> EmailMessage:
        if self._sender is None or not self._receivers:
            raise DeliveryFailed("ALERT_EMAIL_FROM and ALERT_EMAIL_TO say from whom to whom; set both.")
        for name, addresses in (("FROM", (self._sender,)), ("TO", self._receivers)):
            for address in addresses:
                if not _ADDRESS.fullmatch(address):
                    raise DeliveryFailed(f"ALERT_EMAIL_{name} holds {address!r}, which is no address of a mailbox.")
        letter = EmailMessage(policy=SMTP)
        letter["From"] = self._sender
        letter["To"] = ", ".join(self._receivers)
        # The policy refuses a header with a line end; a subject has none, and loses none of the others' words by it.
        letter["Subject"] = " ".join(f"[crypto-assets] {message.subject}".split())
        letter["Date"] = formatdate()
        letter["Message-ID"] = f"<crypto-assets-{message.reference}@{_domain(self._sender)}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(as_text(message), cte="quoted-printable")
        return letter


def server_of(url: SecretStr) -> Server:
    """The server of `smtp[s]://user:password@host:port`; raises DeliveryFailed, which never quotes it."""
    try:
        parts = urlsplit(url.get_secret_value().strip())
        port = parts.port or PORTS[parts.scheme]
        host = parts.hostname or ""
    except (ValueError, KeyError):
        host, port, parts = "", 0, urlsplit("")
    if not host or parts.path not in ("", "/"):
        raise DeliveryFailed(
            f"{VARIABLE} is no address of a mail server. Write smtp://user:password@host:587 or smtps://…:465; of a "
            "password, write characters such as @ / : # as %40 %2F %3A %23."
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Server(host, port, parts.scheme == "smtps", user, password)


def _connected(server: Server) -> smtplib.SMTP:
    """A connection that is encrypted wherever the server can, and always before a password is sent."""
    trust = ssl.create_default_context()
    name = socket.gethostname()  # the library's own look for a full name may wait for a resolver that is away
    if server.is_encrypted:
        return smtplib.SMTP_SSL(server.host, server.port, local_hostname=name, timeout=TIMEOUT_S, context=trust)
    connection = smtplib.SMTP(server.host, server.port, local_hostname=name, timeout=TIMEOUT_S)
    try:
        connection.ehlo()
        if connection.has_extn("starttls"):
            connection.starttls(context=trust)
        elif server.user:
            raise smtplib.SMTPNotSupportedError("no STARTTLS")
    except BaseException:
        connection.close()
        raise
    return connection


def _problem(error: Exception, server: Server) -> str:
    """What went wrong; a server's own words may repeat what it was sent, so that only its code is told."""
    where = f"the mail server {server.host}:{server.port}"
    match error:
        case smtplib.SMTPNotSupportedError():
            return f"{where} offers no encryption (STARTTLS or AUTH), and no password is sent without: use smtps://."
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return f"{where} refuses user and password of {VARIABLE} ({code})."
        case smtplib.SMTPRecipientsRefused():
            return f"{where} refuses every receiver of ALERT_EMAIL_TO."
        case smtplib.SMTPResponseException(smtp_code=code):
            return f"{where} refuses the message ({code})."
        case ssl.SSLCertVerificationError():
            return f"{where} shows a certificate that nobody here trusts; SSL_CERT_FILE names your own authority's."
        case _:
            return f"{where} cannot be reached: {type(error).__name__}."


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
