"""Takes the platform's secrets out of what is told: errors of others may quote the address that they were given."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from crypto_assets.alerts.alert import Cause
from crypto_assets.config import Settings

STARS = "***"
SHORTEST = 4
"""A password of fewer characters is found in ordinary words, and is masked as a part of addresses only."""
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@'\"]+@")


class Mask:
    """Knows the secrets of settings, and the passwords in those that are addresses."""

    def __init__(self, settings: Settings) -> None:
        given = (value.get_secret_value() for _, value in settings if isinstance(value, SecretStr))
        self._secrets = sorted({part for text in given for part in _parts(text)}, key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text with stars for secrets, and for user and password of every address in it."""
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        return _CREDENTIALS.sub(f"{STARS}@", text)

    def cause(self, cause: Cause) -> Cause:
        """The cause with stars for secrets in its words."""
        return dataclasses.replace(
            cause,
            subject=self.text(cause.subject),
            sentence=self.text(cause.sentence),
            advice=self.text(cause.advice),
        )


def _parts(secret: str) -> Iterable[str]:
    """The secret, and of an address its password and path as they are written and as they are meant."""
    found = {secret.strip()}
    try:
        parts = urlsplit(secret.strip())
    except ValueError:
        parts = urlsplit("")
    if parts.scheme and parts.netloc:
        found |= {parts.password or "", unquote(parts.password or "")}
        if parts.scheme in ("http", "https"):  # of a webhook the path is what nobody may know
            found.add(parts.path)
    return (part for part in found if len(part) >= SHORTEST)
