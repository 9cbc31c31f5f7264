"""Asks for runs that take what is new in the live topics to bronze: every five minutes of the exchange's time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import msgspec

from crypto_assets.assets.bronze import OFFSETS_TAG
from crypto_assets.config import Settings, read_settings
from crypto_assets.convergence.live_ranges import Ends, TopicEnds, encode_ends
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.health.writes import FLUSHED_EVERY
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_OPEN_INTEREST
from crypto_assets.stream.feeds import FEEDS
from crypto_assets.stream.topics import Topic
from resources.exchange import exchange_now, live_topics

NAME = "bronze_flush"
MANY_MESSAGES = 50_000
"""So many messages in one topic are flushed at once, however short ago the last flush was."""
SETTLED_AFTER = timedelta(minutes=10)
"""A day is flushed twice more so long after its end: streams, and what a collector kept on disk, are late."""
DAYS_KEPT = 7
"""Kafka's retention: of days further back there is nothing to take."""
TICK_S = 20
PRIORITY = {"dagster/priority": "10"}
"""A flush goes before queued backfills."""
_MINUTE = timedelta(minutes=1)

FLUSHED = (*FEEDS, BRONZE_FUNDING_RATE.name, BRONZE_OPEN_INTEREST.name)
"""Datasets of a flush: those of the live topics, and what is polled from REST at the same pace."""

BRONZE_FLUSH = dg.define_asset_job(
    NAME,
    selection=dg.AssetSelection.assets(*FLUSHED).without_checks(),
    description=(
        "Takes what is new in the live topics to bronze, and polls funding and open interest. Its sensor names the "
        "days and, by Kafka partition, where to stop; without that it takes all there is."
    ),
)


class Cursor(msgspec.Struct, frozen=True):
    """What was asked for last."""

    at: datetime
    """Exchange's time of the request."""
    first: date
    last: date
    """Days that were asked for."""
    settled: date
    """Last day that needed no further flush before."""
    settling: date
    """Last day that needs no further flush where this one has succeeded."""
    ends: dict[str, TopicEnds]
    """Where the topics ended then, by name."""


_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_decoder = msgspec.json.Decoder(Cursor)


@dataclass(frozen=True, slots=True)
class Flush:
    """A run to ask for."""

    first: date
    last: date
    waiting: int
    """Messages that it takes."""
    cursor: Cursor
    """What to remember."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No run, and why."""

    reason: str


def plan_flush(
    cursor: Cursor | None, *, has_succeeded: bool, ends: Ends, now: datetime, first_day: date
) -> Flush | Nothing:
    """What to ask for when the topics end at `ends` and the exchange's clock shows `now`.

    The days from the first that is not settled to the one that runs, which is left out for its first minute. A day is
    settled by a flush that has succeeded, and that followed another one some minutes after the day's end: the first
    flush after an outage finds what the collectors kept meanwhile still on its way. `has_succeeded` tells of the flush
    that the cursor remembers.
    """
    begun = (now - _MINUTE).date()
    if cursor is None:
        before = begun - timedelta(days=2)
        cursor = Cursor(_NEVER, before, before, before, before, {})
    waiting = {name: _waiting(cursor.ends.get(name), end) for name, end in ends.items()}
    total, largest = sum(waiting.values()), max(waiting.values(), default=0)
    passed = now - cursor.at
    if timedelta() <= passed < FLUSHED_EVERY and largest < MANY_MESSAGES:
        left = (FLUSHED_EVERY - passed).total_seconds()
        return Nothing(
            f"{total:,} messages wait, at most {largest:,} in one topic; the next flush is in {left:.0f} s of the "
            f"exchange's time, or at {MANY_MESSAGES:,}."
        )
    settled = cursor.settling if has_succeeded else cursor.settled
    first = max(settled + timedelta(days=1), begun - timedelta(days=DAYS_KEPT), first_day)
    if first > begun:
        return Nothing(f"The exchange's day {begun} is before the first day, {first_day}: 0 runs.")
    settling = max(settled, (min(cursor.at, now) - SETTLED_AFTER).date() - timedelta(days=1))
    return Flush(first, begun, total, Cursor(now, first, begun, settled, settling, dict(ends)))


def bronze_flush_sensor(days: DaySymbol) -> dg.SensorDefinition:
    """Asks for one flush at a time; it looks at where topics end, never at what they hold."""

    @dg.sensor(
        name=NAME,
        job=BRONZE_FLUSH,
        minimum_interval_seconds=TICK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            f"Every {FLUSHED_EVERY // _MINUTE} minutes of the exchange's time, or as soon as {MANY_MESSAGES:,} "
            "messages wait in a topic: a run that takes them to bronze, from exactly where the last one ended."
        ),
    )
    def bronze_flush(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        running = _running(context.instance)
        if running:
            return dg.SkipReason(f"1 flush is on its way, run {running}: the next one waits for it.")
        try:
            return _evaluate(context, days, read_settings())
        except CryptoAssetsError as error:
            return dg.SkipReason(f"0 runs: {error}")

    return bronze_flush


def _evaluate(
    context: dg.SensorEvaluationContext, days: DaySymbol, settings: Settings
) -> dg.SensorResult | dg.SkipReason:
    live = live_topics(settings)
    if live is None:
        return dg.SkipReason("0 messages: no Kafka is named and none runs. `make up` starts one.")
    topics: Sequence[Topic] = list(dict.fromkeys(FEEDS.values()))
    ends = {name: TopicEnds(state.topic_id, state.ends) for name, state in live.states(topics).items()}
    if not ends:
        return dg.SkipReason(f"0 topics of {live.exchange} at {live.servers}: the collector has not written yet.")
    wall = datetime.now(UTC)
    now = exchange_now(settings, wall=wall)
    if now.date() > wall.date():
        return dg.SkipReason(
            f"The exchange's clock shows {now:%Y-%m-%d}, a day that has no partition before it is {now:%Y-%m-%d} here "
            "too: 0 runs. Let the simulated market begin in the past."
        )
    cursor = _cursor(context.cursor)
    has_succeeded = cursor is not None and _has_succeeded(context.instance, cursor, days)
    planned = plan_flush(cursor, has_succeeded=has_succeeded, ends=ends, now=now, first_day=days.first_day)
    if isinstance(planned, Nothing):
        return dg.SkipReason(planned.reason)
    return dg.SensorResult(
        run_requests=[flush_request(planned.first, planned.last, days, ends=ends)],
        cursor=msgspec.json.encode(planned.cursor).decode(),
    )


def flush_request(first: date, last: date, days: DaySymbol, *, ends: Ends) -> dg.RunRequest:
    """A run of BRONZE_FLUSH for days of all symbols, up to these offsets; asked for twice it is made once."""
    offsets = encode_ends(ends)
    reach = range_tags(Partition(days.symbols[0], first), Partition(days.symbols[-1], last))
    digest = hashlib.sha256(offsets.encode()).hexdigest()[:16]
    return dg.RunRequest(
        run_key=f"{NAME} {first} {last} {digest}",
        job_name=NAME,
        tags={**reach, **PRIORITY, OFFSETS_TAG: offsets},
    )


def _waiting(before: TopicEnds | None, now: TopicEnds) -> int:
    """Messages that came since; all that there ever were for a topic that is new."""
    if before is None or before.topic_id != now.topic_id:
        return sum(now.ends)
    former: Mapping[int, int] = dict(enumerate(before.ends))
    return sum(max(0, end - former.get(partition, 0)) for partition, end in enumerate(now.ends))


def _running(instance: dg.DagsterInstance) -> str | None:
    """Id of a flush that is queued or runs."""
    unfinished = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    runs = instance.get_run_records(dg.RunsFilter(job_name=NAME, statuses=unfinished), limit=1)
    return runs[0].dagster_run.run_id if runs else None


def _has_succeeded(instance: dg.DagsterInstance, cursor: Cursor, days: DaySymbol) -> bool:
    """Whether the flush that was asked for has, or somebody's repetition of it."""
    tags = flush_request(cursor.first, cursor.last, days, ends=cursor.ends).tags
    succeeded = dg.RunsFilter(job_name=NAME, statuses=[dg.DagsterRunStatus.SUCCESS], tags=tags)
    return bool(instance.get_run_records(succeeded, limit=1))


def _cursor(text: str | None) -> Cursor | None:
    """What was remembered; None for what an older version of this sensor wrote, or nobody."""
    try:
        return _decoder.decode(text) if text else None
    except msgspec.ValidationError:
        return None
