"""Takes the platform's secrets out of what is told: errors of others may quote the address that they were given."""

from __future__ import annotations

import dataclasses
import re

from crypto_assets import secrecy
from crypto_assets.alerts.alert import Cause
from crypto_assets.config import Settings

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@'\"]+@")


class Mask:
    """Knows the secrets of settings and of embedded services."""

    def __init__(self, settings: Settings) -> None:
        self._mask = secrecy.Mask(secrecy.secrets_of(settings))

    def text(self, text: str) -> str:
        """The text with stars for secrets, and for user and password of every address in it."""
        return _CREDENTIALS.sub(f"{secrecy.STARS}@", self._mask(text))

    def cause(self, cause: Cause) -> Cause:
        """The cause with stars for secrets in its words."""
        return dataclasses.replace(
            cause,
            subject=self.text(cause.subject),
            sentence=self.text(cause.sentence),
            advice=self.text(cause.advice),
        )
