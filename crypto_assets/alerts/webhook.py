"""Alerts as JSON to an incoming webhook, of Slack or of what understands the same."""

from __future__ import annotations

import logging
import time
from contextvars import ContextVar
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from crypto_assets.alerts.message import Message, as_slack
from crypto_assets.errors import DeliveryFailed

TIMEOUT_S = 5.0
"""To connect, to write, and to each wait for an answer."""
VARIABLE = "ALERT_WEBHOOK_URL"

_posting: ContextVar[bool] = ContextVar("posting", default=False)


class _Hidden(logging.Filter):
    """httpx logs each request with its URL, which here is the secret."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002  what it says is not looked at
        return not _posting.get()


logging.getLogger("httpx").addFilter(_Hidden())


class Webhook:
    """Posts messages; the URL is in no log, error or representation."""

    name = "webhook"
    is_limited = True

    def __init__(self, url: SecretStr) -> None:
        self._url = url

    def send(self, message: Message) -> None:
        """Post a message; raises DeliveryFailed where the server did not say that it has it."""
        address = self._address()
        token = _posting.set(True)
        try:
            with (
                httpx.Client(timeout=TIMEOUT_S) as client,
                client.stream("POST", address, json=as_slack(message)) as answer,
            ):
                status, retry_after = answer.status_code, answer.headers.get("Retry-After")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            # What httpx says may quote the URL: its kind is told, and nothing that it is chained to.
            raise DeliveryFailed(f"the webhook cannot be reached: {type(error).__name__}. See {VARIABLE}.") from None
        finally:
            _posting.reset(token)
        if not 200 <= status < 300:
            raise DeliveryFailed(_refusal(status), retry_after_s=retry_after_s(retry_after, now_s=time.time()))

    def _address(self) -> str:
        address = self._url.get_secret_value().strip()
        try:
            parts = urlsplit(address)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable:
            raise DeliveryFailed(f"{VARIABLE} is no address of a webhook; it begins with https://.")
        return address


def retry_after_s(header: str | None, *, now_s: float) -> float | None:
    """Seconds that a server asks to wait, given as such or as a date (RFC 9110, 10.2.3); None where it asks nothing.

    `now_s` is in seconds since 1970.
    """
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now_s)
    except ValueError:
        return None


def _refusal(status: int) -> str:
    if status == 429:
        return "the webhook asks for a pause (429)."
    if status in (401, 403, 404, 410):
        return f"the webhook does not know this address (HTTP {status}): make a new one and set {VARIABLE}."
    if status < 500:
        return f"the webhook refuses the message (HTTP {status}); does it understand Slack's JSON?"
    return f"the webhook's server is in trouble (HTTP {status})."
