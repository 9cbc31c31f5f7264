"""Rules of the live market: its programs, its streams, and what arrives of them in bronze."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from crypto_assets.alerts.alert import Cause
from crypto_assets.alerts.facts import Facts, Unseen
from crypto_assets.health.lag import collecting_since
from crypto_assets.health.words import duration
from crypto_assets.health.writes import LastWrite, bronze_limit, late_writes
from crypto_assets.spans import EPOCH, from_us
from crypto_assets.stream.health import Health
from crypto_assets.stream.topics import BY_NAME

MOST_STARTS, RESTARTS_WITHIN = 4, timedelta(minutes=30)
"""So many starts of one thing within the time are a loop: a deployment, or an end and a start by hand, is fewer.

A loop is over when nothing was started for that time, which is longer than any two starts of a loop are apart: at its
slowest a run fails just before it would count as steady, and the sensor `market_stream` makes its longest pause.
"""
SILENT_FOR, STARTING_FOR = timedelta(minutes=1), timedelta(minutes=3)
"""A program that is restarted is back within the first; the processor's Java takes up to two minutes to begin."""
STUCK_FOR = timedelta(minutes=5)
CALM = timedelta(minutes=2)


def stream(programs: Iterable[Health], *, now: datetime) -> Iterator[Cause]:
    """Programs of the market stream that do not live, and streams of those that do that are silent."""
    for health in programs:
        name, beat = health.program, health.beat
        if beat is None or not health.is_alive:  # however that came: nobody asks where no stream is meant to run
            yield _program(health, health.sentence, tell_after=STARTING_FOR if beat is None else SILENT_FOR)
        elif beat.state == "starting" and now - from_us(beat.started_at_us) > STUCK_FOR:
            yield _program(health, f"{health.sentence} It has not come to work yet.", tell_after=SILENT_FOR)
        else:
            quiet = [one for one in beat.streams if one.silent]
            if quiet and len(quiet) == len(beat.streams):
                yield _program(health, f"All {len(quiet)} streams are silent. {health.sentence}", tell_after=SILENT_FOR)
                continue
            for one in quiet:
                newest = from_us(one.last_received_us) if one.last_received_us is not None else None
                since = "there was none yet" if newest is None else f"the last came {newest:%Y-%m-%d %H:%M:%S} UTC"
                yield Cause(
                    key=f"stream/{name}/{one.topic}/{one.symbol}",
                    rule="stream",
                    subject=f"{one.topic} of {one.symbol} is silent",
                    sentence=f"{name} has no message of {one.topic} {one.symbol} for longer than is normal: {since}.",
                    advice="nothing at first: the collector connects again. If it lasts, see whether the exchange "
                    "still trades the symbol, and the log services/collector/log in DATA_DIR.",
                    link=f"/assets/{_stream_asset(one.topic)}",
                    since=newest,
                    tell_after=SILENT_FOR,
                    clear_after=CALM,
                )


def bronze(writes: Iterable[LastWrite], *, facts: Facts) -> Iterator[Cause]:
    """Symbols of which bronze got no file for ten minutes, or for two flushes where those are rarer."""
    limit = bronze_limit(facts.flushed_every)
    programs = () if facts.programs is None or isinstance(facts.programs, Unseen) else facts.programs
    found = late_writes(writes, limit=limit, collecting_since=collecting_since(programs), now=facts.now)
    if not found:
        return
    whole = len(found) == len({one.symbol for one in writes})
    for late in [max(found, key=lambda one: one.written_at or EPOCH)] if whole else found:
        at = late.written_at
        last = "was ever written" if at is None else f"since {at:%Y-%m-%d %H:%M:%S} UTC ({duration(facts.now - at)})"
        who = "all symbols" if whole else late.symbol
        yield Cause(
            key="bronze/all" if whole else f"bronze/{late.symbol}",
            rule="bronze",
            subject=f"no new bronze of {who}",
            sentence=f"{late.dataset} of {who}: no file {last}, where one comes at least every {duration(limit)}.",
            advice="see in Dagster that the daemon runs, that the sensor bronze_flush is on and why its last run "
            "failed. Kafka keeps what was not taken for 7 days: nothing is lost until then.",
            severity="critical",
            link=f"/assets/{late.dataset}",
            since=at,
            tell_after=SILENT_FOR,
        )


def restarts_key(subject: str) -> str:
    """Key of the cause that something is started again and again."""
    return f"restarts/{subject}"


def restarts(starts: Mapping[str, int]) -> Iterator[Cause]:
    """What was started again and again."""
    for subject, count in starts.items():
        if count >= MOST_STARTS:
            yield Cause(
                key=restarts_key(subject),
                rule="restarts",
                subject=f"{subject} is started again and again",
                sentence=f"{subject} was started {count} times in the last {duration(RESTARTS_WITHIN)}.",
                advice=f"see why it ends: services/{subject}/log in DATA_DIR, or the runs of market_stream in Dagster. "
                "Each start comes after a longer pause, so that streams are missed meanwhile.",
                severity="critical",
                link="/jobs" if subject != "market_stream" else "/runs?q[0]=job%3Amarket_stream",
            )


def _program(health: Health, sentence: str, *, tell_after: timedelta) -> Cause:
    name, beat = health.program, health.beat
    return Cause(
        key=f"stream/{name}",
        rule="stream",
        subject=f"the {name} does not work",
        sentence=sentence,
        advice=f"see the run of the job market_stream and services/{name}/log in DATA_DIR; `make status` tells how all "
        "programs do. With STREAM_MANAGED=false start it where it belongs.",
        severity="critical" if name == "collector" else "warning",
        link="/assets/trade_stream",
        since=None if beat is None else from_us(beat.beat_at_us),
        tell_after=tell_after,
        clear_after=CALM,
    )


def _stream_asset(topic: str) -> str:
    known = BY_NAME.get(topic.rpartition(".")[2])
    return (known.stream if known else None) or "trade_stream"
