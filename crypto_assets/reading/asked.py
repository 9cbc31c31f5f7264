"""What people ask for, made sure of before anything is opened: a symbol, days, a dataset, a lake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import unquote, urlsplit

from crypto_assets.errors import BadQuestion
from crypto_assets.identifiers import checked_day, checked_symbol, shown
from crypto_assets.reading.relations import RELATIONS, Relation

SCHEMES = ("", "file", "s3", "s3a", "gs", "gcs", "hdfs", "viewfs")
"""Of lakes; the first is a folder."""
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class Days:
    """UTC days, both ends included."""

    first: date
    last: date

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=n) for n in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def asked_symbol(text: str) -> str:
    """The symbol; raises BadQuestion unless it is 2 to 20 capital letters and digits."""
    try:
        return checked_symbol(text)
    except ValueError as error:
        raise BadQuestion(_closed(error)) from None


def asked_day(day: date | str) -> date:
    """The day, of a date or `2024-08-01`; raises BadQuestion otherwise, also for a moment with a time."""
    if isinstance(day, datetime):
        raise BadQuestion(f"{day} is a moment, and a day is asked for: give a date, or text such as 2024-08-01.")
    if isinstance(day, date):
        return day
    try:
        return checked_day(day)
    except ValueError as error:
        raise BadQuestion(_closed(error)) from None


def asked_days(first: date | str, last: date | str | None) -> Days:
    """The days from `first` to `last`, both included, or just `first`; raises BadQuestion where there are none."""
    begin = asked_day(first)
    end = begin if last is None else asked_day(last)
    if end < begin:
        raise BadQuestion(f"{begin} to {end} holds no day: the first one comes first, and both ends are included.")
    return Days(begin, end)


def asked_relation(name: str) -> Relation:
    """The dataset of that name; raises BadQuestion with those that there are."""
    found = RELATIONS.get(name)
    if found is None:
        raise BadQuestion(f"{shown(name)} is no dataset. There are {', '.join(RELATIONS)}.")
    return found


def asked_uri(uri: str) -> str:
    """Where a lake lies; raises BadQuestion for another scheme, a chain of filesystems, or `..` in the path.

    A folder may be relative, but is below where the program runs: `..` is refused also there, as it is in what a
    setting or a web page may have put together.
    """
    parts = urlsplit(uri) if "://" in uri and not _WINDOWS_DRIVE.match(uri) else None
    scheme, path = (parts.scheme, f"{parts.netloc}/{parts.path}") if parts else ("", uri)
    if not uri.strip() or not uri.isprintable() or "::" in uri or scheme not in SCHEMES:
        raise BadQuestion(
            f"{shown(uri)} is no place of a lake. It is a folder, file://…, s3://bucket/…, gs://bucket/… or hdfs://…"
        )
    if ".." in re.split(r"[\\/]", unquote(path)) or (parts and (parts.query or parts.fragment)):
        raise BadQuestion(f"{shown(uri)} leads elsewhere than it says: write the path without .. or ? and #.")
    return uri


def _closed(error: ValueError) -> str:
    return f"{error}" if f"{error}".endswith(".") else f"{error}."
