"""Keeps secrets out of logs: what settings and embedded services hold, in every form in which a text could carry it."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from pydantic import SecretStr

from crypto_assets.config import Settings
from crypto_assets.endpoints import Service, embedded_endpoint

STARS = "***"
SHORTEST = 6
"""A secret of fewer characters stands in ordinary words, which would be starred with it."""
_OPEN = {"region", "spreadsheet", "key_file", "page"}
"""What an embedded service says of itself beside its address, and may be seen."""
_SECRET_OPTION = re.compile("password|secret|token", re.IGNORECASE)
_formatter = logging.Formatter()


def secrets_of(settings: Settings) -> frozenset[str]:
    """What nobody may read of settings and of the embedded services that run for them: passwords, keys, webhooks."""
    given = [value.get_secret_value() for _, value in settings if isinstance(value, SecretStr)]
    for service in get_args(Service.__value__):
        found = embedded_endpoint(settings.data_dir, service) or {}
        given += [value for name, value in found.items() if name not in _OPEN]
    return frozenset(part for text in given for part in _parts(text) if len(part) >= SHORTEST)


def forms_of(secret: str) -> frozenset[str]:
    """A secret as text, as part of a URL, and as it is seen within base64 (RFC 4648), wherever it begins there."""
    raw = secret.encode()
    forms = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
    for before in range(3):
        # Six bits a character: those that share bits with what stands before or after are not the secret's alone.
        start, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            forms.add(encode(b"\0" * before + raw + b"\0\0").decode()[start:end])
    return frozenset(form for form in forms if len(form) >= SHORTEST)


class Mask:
    """Puts stars in the place of secrets."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = sorted({form for secret in secrets for form in forms_of(secret)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        return text if self._pattern is None else self._pattern.sub(STARS, text)


def mask_logs(settings: Settings) -> None:
    """Star the secrets of these settings in every line that this process logs from now on, whoever logs it.

    Libraries log addresses too: httpx each one that it asks, with its query.
    """
    mask, make = Mask(secrets_of(settings)), logging.getLogRecordFactory()

    def made(*given: Any, **named: Any) -> logging.LogRecord:
        record = make(*given, **named)
        _star(record, mask)
        return record

    logging.setLogRecordFactory(made)


def _star(record: logging.LogRecord, mask: Mask) -> None:
    try:
        text = record.getMessage()
    except (TypeError, ValueError):  # logging itself tells of arguments that do not fit
        return
    if (masked := mask(text)) != text:
        record.msg, record.args = masked, ()
    if record.exc_info and record.exc_info[0] is not None:
        told = _formatter.formatException(record.exc_info)
        if (masked := mask(told)) != told:
            record.exc_text = masked  # a formatter takes this in place of the exception


def _parts(text: str) -> Iterator[str]:
    """Of an address its passwords and, of a webhook, its path and query; of anything else all of it."""
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        parts = urlsplit("")
    if not (parts.scheme and "://" in text):
        is_place = re.fullmatch(r"[\w.]+:\d+", text)
        yield from () if is_place else (text.strip(),)
        return
    if parts.password:
        yield from (parts.password, unquote(parts.password))
    if parts.scheme in ("http", "https") and parts.path.strip("/"):
        yield parts.path.strip("/")
        if parts.query:
            yield parts.query
    for name, _, value in (pair.partition("=") for pair in parts.query.split("&")):
        if _SECRET_OPTION.search(name):  # clients of PostgreSQL and Redis take passwords there too
            yield from (value, unquote(value), unquote_plus(value))
