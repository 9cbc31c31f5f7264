"""Alerts by e-mail, through an SMTP server."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
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

type Refused = Mapping[str, tuple[int, bytes]]
"""Code and words of a server by receiver."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server of SMTP and the user on it."""

    host: str
    port: int
    is_encrypted: bool
    """From the first byte on; else it is asked for STARTTLS."""
    user: str = ""
    password: str = field(default="", repr=False)


_had: dict[Server, tuple[str, frozenset[str]]] = {}
"""Message-ID of a letter that a server took only for some, and for whom: one address that is wrong for days must not
bring the others the same letter every quarter of an hour."""


class Mail:
    """Sends messages; the password is in no log, error or representation, and goes out only encrypted."""

    name = "e-mail"
    is_limited = True

    def __init__(self, url: SecretStr, *, sender: str | None, receivers: Sequence[str]) -> None:
        self._url = url
        self._sender = sender
        self._receivers = tuple(receivers)

    def send(self, message: Message) -> None:
        """Hand a message to the server; raises DeliveryFailed unless it took it for every receiver.

        The same message, sent again by the same process, goes only to those for whom it was not taken.
        """
        server = server_of(self._url)
        letter = self._letter(message)
        known, had = _had.get(server, ("", frozenset[str]()))
        had = had if known == letter["Message-ID"] else frozenset[str]()
        left = [to for to in self._receivers if to not in had] or list(self._receivers)
        try:
            with _connected(server) as connection:
                if server.user:
                    connection.login(server.user, server.password)
                refused = connection.send_message(letter, to_addrs=left)
        except smtplib.SMTPRecipientsRefused as error:
            # All were refused, or the server hung up in the middle: nobody got it, whoever is not in the list.
            raise DeliveryFailed(f"{_where(server)} {_refusal(error.recipients, self._receivers)}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(_problem(error, server)) from None
        if refused:
            _had[server] = letter["Message-ID"], frozenset(self._receivers) - set(refused)
            raise DeliveryFailed(f"{_where(server)} {_refusal(refused, self._receivers)}")
        _had.pop(server, None)

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
    where = _where(server)
    match error:
        case smtplib.SMTPNotSupportedError():
            return f"{where} offers no encryption (STARTTLS or AUTH), and no password is sent without: use smtps://."
        case smtplib.SMTPAuthenticationError(smtp_code=code):
            return f"{where} refuses user and password of {VARIABLE} ({code})."
        case smtplib.SMTPResponseException(smtp_code=code):
            return f"{where} refuses the message ({code})."
        case ssl.SSLCertVerificationError():
            return f"{where} shows a certificate that nobody here trusts; SSL_CERT_FILE names your own authority's."
        case _:
            return f"{where} cannot be reached: {type(error).__name__}."


def _where(server: Server) -> str:
    return f"the mail server {server.host}:{server.port}"


def _refusal(refused: Refused, receivers: Sequence[str]) -> str:
    """By place in the list and code: an address may be the user's name as well, which is told nowhere."""
    found = [f"number {place} ({refused[to][0]})" for place, to in enumerate(receivers, start=1) if to in refused]
    return f"refuses {len(found)} of {len(receivers)} receivers of ALERT_EMAIL_TO: {', '.join(found)}."


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
