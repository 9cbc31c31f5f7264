"""Decides what to ask for. Nothing here asks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from crypto_assets.spans import Span


def plan_requests(missing: Sequence[Span], *, timeframe: timedelta, page: int) -> list[Span]:
    """Spans to request so that all of `missing` is covered, with as few requests of `page` candles as possible.

    Neighbouring holes share a request where one page holds both; `missing` is ascending and without overlaps.
    """
    requests: list[Span] = []
    for span in missing:
        if requests and span.end - requests[-1].start <= page * timeframe:
            requests[-1] = Span(requests[-1].start, span.end)
        else:
            requests.append(span)
    return requests


def confirmed_halts(missing: Sequence[Span], *, archive_published: bool, rest_answered: bool) -> tuple[Span, ...]:
    """Of the spans without candles, those that the exchange itself says were halts.

    The exchange says so twice: its archive of the day lacks them, and its REST interface, asked for them, gave none.
    Before the archive is published, a hole may still be filled.
    """
    return tuple(missing) if archive_published and rest_answered else ()
