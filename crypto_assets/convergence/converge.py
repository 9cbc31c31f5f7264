"""Makes a bronze partition as complete as can be known now; idempotent, and safe to kill anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from crypto_assets.binance.parsed import join_parsed
from crypto_assets.convergence.compact import compact, keep_one_copy
from crypto_assets.convergence.delivery import Delivery, content_version, stored_rows
from crypto_assets.convergence.live import commit, drain
from crypto_assets.convergence.live_ranges import Ends
from crypto_assets.convergence.recipes import RECIPES, Recipe
from crypto_assets.convergence.sources import Sources
from crypto_assets.convergence.work import PartitionWork
from crypto_assets.errors import ExchangeError, InputIncomplete, Refused, ServiceUnavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.schemas import Dataset
from crypto_assets.spans import Span, day_span, intersect, known_span, times_us, to_us
from crypto_assets.stream.feeds import FEEDS

LEFT_TO_NEXT = timedelta(minutes=2)
"""A flush of the day that runs does not ask REST for candles younger than this: they are on their way."""


@dataclass(frozen=True, slots=True)
class Convergence:
    """What a partition holds after it was converged, and what each source said."""

    manifest: Manifest
    added: Mapping[str, int]
    """Rows written by this call, by source."""
    missing: tuple[Span, ...]
    """Spans of the day so far without a row, for datasets with a fixed pace."""
    answers: tuple[str, ...]
    """A sentence for each source that was asked."""
    changed: bool


def converge(
    dataset: Dataset, *, symbol: str, day: date, lake: Lake, sources: Sources, ends: Ends | None = None
) -> Convergence:
    """Complete a day of a bronze dataset: archive if published, captures, the live streams, then REST for just what is
    missing.

    With `ends` it is a flush of the live streams up to these offsets: while the day runs, neither archive nor captures
    are asked, and what is missing of the last minutes is left to the next flush.

    Raises InputIncomplete for a day that has not begun, and, for datasets that must have rows, where no source had
    any (the message names each and its answer); BadPayload and ExchangeError from the sources; ServiceUnavailable
    where Kafka does not answer a flush; LakeError. Whatever is raised, the partition stays as it was.
    """
    recipe = RECIPES[dataset.name]
    now = sources.now()
    is_over = day_span(day).end <= now
    is_flush = ends is not None and not is_over
    span = known_span(day, recipe.pace or timedelta(minutes=1), now=now - LEFT_TO_NEXT if is_flush else now)
    if now <= day_span(day).start or (span.start == span.end and not is_flush):
        raise InputIncomplete(f"{dataset.name} {day} {symbol}: the day has not begun, there is nothing to fetch yet.")
    with lake.writing(dataset, symbol):
        work = PartitionWork(dataset, symbol, day, lake=lake, exchange=sources.exchange)
        for about in recipe.questions:
            question = about(dataset, symbol, day_span(day), sources)
            work.leave(question) if is_flush else work.put(question)
        is_drained = _drain(work, sources, ends)
        missing = _missing(work, recipe, span)
        rest_answered = bool(missing) and _ask_rest(work, recipe, missing, sources)
        if rest_answered:
            missing = _missing(work, recipe, span)
        if not work.rows and recipe.required and not is_flush:
            raise InputIncomplete(
                f"{dataset.name} {day} {symbol}: no source has a row of this day. {' '.join(work.sentences)} "
                "Check the symbol and the day, or import the day with history_klines."
            )
        # The exchange says twice that it has no candle: its archive of the day lacks it, and REST gave none. Before the
        # archive is published, a hole may still be filled.
        is_confirmed = recipe.required and rest_answered and work.holds("archive")
        # What was confirmed before does not become doubtful because REST is silent today.
        halts = missing if is_confirmed else intersect(work.held_halts, missing)
        if recipe.one_copy and work.added:
            keep_one_copy(work, recipe.one_copy)
        if is_over:
            compact(work)
        work.check_retired()
        manifest, changed = work.publish(halts)
        if is_drained and sources.live is not None:
            commit(work, sources.live)
    missing = missing if recipe.pace else ()
    return Convergence(manifest, work.added, missing, tuple(work.sentences), changed)


def _drain(work: PartitionWork, sources: Sources, ends: Ends | None) -> bool:
    """Take what the live streams hold for the day; whether there was something to read from."""
    if sources.live is None or work.dataset.name not in FEEDS:
        return False
    try:
        drain(work, sources.live, ends=ends)
    except ServiceUnavailable as error:
        if ends is not None:
            raise
        work.sentences.append(f"live: {error}")
        return False
    return True


def _missing(work: PartitionWork, recipe: Recipe, span: Span) -> tuple[Span, ...]:
    """What to complete: the slots without a row; without a fixed pace, what follows the last row until the archive is
    published."""
    if recipe.pace is None and recipe.rest is None:
        return ()
    if recipe.pace:
        return work.missing(span, pace=recipe.pace, on_grid=recipe.on_grid)
    if work.rows and work.holds("archive"):
        return ()
    rest = work.after_last_row(span)
    return (rest,) if rest.start < rest.end else ()


def _ask_rest(work: PartitionWork, recipe: Recipe, missing: Sequence[Span], sources: Sources) -> bool:
    """Fill the missing spans from REST; whether it answered.

    A refusal (a symbol that it does not know) is an answer without rows that confirms nothing. Another error is
    raised only where no archive holds the day.
    """
    if recipe.rest is None:
        return False
    requests = _plan_requests(missing, longest=recipe.page * recipe.pace) if recipe.pace else missing
    try:
        answers = [recipe.rest(sources, work.symbol, request) for request in requests]
    except ExchangeError as error:
        if not (work.holds("archive") or isinstance(error, Refused)):
            raise
        work.sentences.append(f"rest: {error}")
        return False
    parsed = join_parsed(answers, payload=work.dataset.payload)
    payload = _inside(parsed.rows, work.dataset.time_column, missing)
    version = content_version(payload)
    asked = ", ".join(map(str, missing[:3])) + (f" and {len(missing) - 3} more spans" if len(missing) > 3 else "")
    note = f"asked for {asked}: {payload.num_rows} rows."
    rows = stored_rows(payload, work.dataset, source="rest", exchange=sources.exchange, received_at=sources.now())
    work.take(Delivery("rest", f"rest {version[:16]}", version, rows, parsed.rejected, note))
    work.sentences.append(f"rest: {note}")
    return True


def _plan_requests(missing: Sequence[Span], *, longest: timedelta) -> list[Span]:
    """Spans to request so that all of the ascending `missing` is covered; holes share a request that holds them."""
    requests: list[Span] = []
    for span in missing:
        if requests and span.end - requests[-1].start <= longest:
            requests[-1] = Span(requests[-1].start, span.end)
        else:
            requests.append(span)
    return requests


def _inside(rows: pa.Table, column: str, spans: Sequence[Span]) -> pa.Table:
    """Rows whose time lies in one of the ascending spans: what one request brought beyond the holes is held already."""
    times = times_us(rows[column])
    starts = np.array([to_us(span.start) for span in spans])
    ends = np.array([to_us(span.end) for span in spans])
    place = np.searchsorted(starts, times, side="right") - 1
    return rows.filter(pa.array((place >= 0) & (times < ends[np.maximum(place, 0)])))
