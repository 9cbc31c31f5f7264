"""Tells each channel what it has not been told: a webhook, a mailbox, the log."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic import SecretStr

from crypto_assets.alerts.alert import Alert, Notice
from crypto_assets.alerts.bounded import Call, Calls, Failed
from crypto_assets.alerts.mail import Mail
from crypto_assets.alerts.message import Message, compose
from crypto_assets.alerts.outbox import Outbox
from crypto_assets.alerts.webhook import Webhook
from crypto_assets.config import Settings
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import DeliveryFailed

LIMIT_S = 20.0
"""For all channels together; one that has not answered by then is waited for at the next look."""
logger = logging.getLogger("crypto_assets.alerts")


class Log(Protocol):
    """Where alerts are written beside all else: a logger, or that of a sensor's tick."""

    def warning(self, msg: object, *args: object) -> None:
        """Something to read tomorrow."""

    def error(self, msg: object, *args: object) -> None:
        """Data is at risk."""


class Channel(Protocol):
    """A way to people."""

    @property
    def name(self) -> str:
        """As people know it."""
        ...

    @property
    def is_limited(self) -> bool:
        """Whether many messages of an hour disturb."""
        ...

    def send(self, message: Message) -> None:
        """Tell it; raises DeliveryFailed where it was not taken."""
        ...


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of telling one channel."""

    channel: str
    state: Literal["sent", "failed", "off"]
    """Off: no variable names it."""
    sentence: str

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to mend."""
        return self.state != "failed"


class LogChannel:
    """A line for each alert."""

    name = "log"
    is_limited = False

    def __init__(self, log: Log) -> None:
        self._log = log

    def send(self, message: Message) -> None:
        """Write it."""
        for item in message.items:
            write = self._log.error if item.is_critical and not item.is_over else self._log.warning
            write("%s", item.line)
        if message.more:
            self._log.warning("%s", message.more)


def channels_of(settings: Settings, *, log: Log) -> tuple[Channel, ...]:
    """The channels that the settings name, and the log."""
    channels: list[Channel] = [LogChannel(log)]
    if (hook := _named(settings.alert_webhook_url)) is not None:
        channels.append(Webhook(hook))
    if (server := _named(settings.alert_smtp_url)) is not None:
        channels.append(Mail(server, sender=settings.alert_email_from, receivers=settings.alert_email_to))
    return tuple(channels)


def deliver(
    outbox: Outbox, channels: Sequence[Channel], *, settings: Settings, calls: Calls, now: datetime
) -> list[Sent]:
    """Tell each channel, in one message, all that it has not been told and that is due; what came of it.

    All are told at once, and one that fails or hangs keeps none of the others from it. Raises AlertsError where the
    ledger cannot be written, once what came of every channel was tried to be noted.
    """
    begun = [
        (channel, notices, _begin(channel, notices, settings=settings, calls=calls))
        for channel in channels
        if (notices := outbox.waiting(channel.name))
        and outbox.is_due(channel.name, is_limited=channel.is_limited, now=now)
    ]
    deadline = time.monotonic() + LIMIT_S
    sent: list[Sent] = []
    errors: list[Exception] = []
    for channel, notices, call in begun:
        result = call.result(limit_s=max(0.0, deadline - time.monotonic()))
        try:
            sent.append(_finish(outbox, channel, notices, result, now=now))
        except Exception as error:  # what another channel took must be noted down, else it is told again and again
            errors.append(error)
    if errors:
        raise errors[0]
    return sent


def send_test(settings: Settings, *, log: Log = logger, now: datetime | None = None) -> list[Sent]:
    """Tell each channel that this is a test, past the ledger; what came of it, also for channels that nothing names."""
    now = now or datetime.now(UTC)
    message = compose([_test_notice(now)], dagster_url=settings.dagster_url, origin=origin_of(settings))
    results = [_send(channel, message) for channel in channels_of(settings, log=log)]
    named = {channel.channel for channel in results}
    if "webhook" not in named:
        results.append(Sent("webhook", "off", "webhook: off. Set ALERT_WEBHOOK_URL to turn it on."))
    if "e-mail" not in named:
        wanted = "ALERT_SMTP_URL, ALERT_EMAIL_FROM and ALERT_EMAIL_TO"
        results.append(Sent("e-mail", "off", f"e-mail: off. Set {wanted} to turn it on."))
    return results


def _named(secret: SecretStr | None) -> SecretStr | None:
    """None also for a variable that is set to nothing, as compose files do."""
    return secret if secret is not None and secret.get_secret_value().strip() else None


def origin_of(settings: Settings) -> str:
    """Who speaks: readers may get the alerts of several platforms."""
    return f"crypto-assets on {socket.gethostname()}, exchange {exchange_name(settings)}, lake {settings.lake}"


def _begin(channel: Channel, notices: Sequence[Notice], *, settings: Settings, calls: Calls) -> Call[int]:
    """Telling a channel of notices; it returns the number of the last one told, once it was."""
    message = compose(notices, dagster_url=settings.dagster_url, origin=origin_of(settings))
    last = max(notice.number for notice in notices)

    def send() -> int:
        channel.send(message)
        return last

    return calls.begin(f"tell {channel.name}", send)


def _finish(
    outbox: Outbox, channel: Channel, notices: Sequence[Notice], result: int | Failed, *, now: datetime
) -> Sent:
    count = f"{len(notices)} {'notice' if len(notices) == 1 else 'notices'}"
    if isinstance(result, Failed):
        error = result.error
        asked = error.retry_after_s if isinstance(error, DeliveryFailed) else None
        again = outbox.failed(channel.name, result.reason, retry_after_s=asked, now=now)
        return Sent(channel.name, "failed", f"{channel.name}: {count} until {again:%H:%M:%S} UTC: {result.reason}")
    # Killed before this is written the message goes out again: better twice than never.
    outbox.sent(channel.name, up_to=result, now=now)
    return Sent(channel.name, "sent", f"{channel.name}: {count} in one message.")


def _send(channel: Channel, message: Message) -> Sent:
    try:
        channel.send(message)
    except DeliveryFailed as error:
        return Sent(channel.name, "failed", f"{channel.name}: {error}")
    return Sent(channel.name, "sent", f"{channel.name}: the test message was taken.")


def _test_notice(now: datetime) -> Notice:
    alert = Alert(
        number=0,
        key="test",
        rule="delivery",
        subject="a test of the alerts",
        sentence="Nothing is wrong: somebody asked whether alerts arrive here.",
        advice="nothing; they do.",
        severity="warning",
        link="/",
        first_at=now,
        last_at=now,
        count=1,
        told_at=now,
        resolved_at=None,
    )
    return Notice(int(now.timestamp()), alert, ("firing",))
