"""What the platform's page of metrics is read from: Redis, the lake, the disk, Dagster and the ledger of alerts."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from crypto_assets.alerts.ledger import read_alerts
from crypto_assets.config import Settings
from crypto_assets.dagster_home import open_dagster
from crypto_assets.health.completeness import completeness
from crypto_assets.health.lag import program_health, stream_lags
from crypto_assets.health.report import MEDALLION
from crypto_assets.health.storage import disk, sizes_of
from crypto_assets.health.writes import last_writes
from crypto_assets.lake.lake import Lake

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a declared metric; labels in the order of its declaration."""

    name: str
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page that is read by itself: what fails leaves the others."""

    name: str
    every: timedelta
    """How old it may be; what costs more is read less often."""
    read: Callable[[Settings, datetime], Iterable[Sample]]


def _programs(settings: Settings, now: datetime) -> Iterator[Sample]:
    found = program_health(settings, now=now)
    for health in found:
        yield Sample("platform_program_up", (health.program,), float(health.is_alive))
    for lag in stream_lags(found):
        if lag.lag_s is not None:
            yield Sample("platform_stream_lag_seconds", (lag.program, lag.topic, lag.symbol), lag.lag_s)


def _writes(settings: Settings, _now: datetime) -> Iterator[Sample]:
    for write in last_writes(Lake(settings.lake), settings.symbols, datasets=MEDALLION):
        if write.written_at is not None:
            labels = (write.dataset, write.symbol)
            yield Sample("platform_last_write_timestamp_seconds", labels, write.written_at.timestamp())


def _completeness(settings: Settings, now: datetime) -> Iterator[Sample]:
    yesterday = (now - DAY).date()
    for found in completeness(Lake(settings.lake), settings.symbols, [yesterday], now=now):
        if found.share is not None:
            yield Sample("platform_completeness_ratio", (found.dataset, found.symbol), found.share)


def _lake(settings: Settings, _now: datetime) -> Iterator[Sample]:
    for size in sizes_of(Lake(settings.lake).files.listed()):
        yield Sample("platform_lake_bytes", (f"{size.layer}/{size.dataset}".strip("/"),), float(size.bytes))


def _disk(settings: Settings, _now: datetime) -> Iterator[Sample]:
    found = disk(settings.data_dir)
    yield Sample("platform_disk_free_bytes", (), float(found.free))
    yield Sample("platform_disk_size_bytes", (), float(found.total))


def _alerts(settings: Settings, _now: datetime) -> Iterator[Sample]:
    rules = Counter(alert.rule for alert in read_alerts(settings) if alert.is_open)
    for rule, count in rules.items():
        yield Sample("platform_open_alerts", (rule,), float(count))


def _runs(settings: Settings, now: datetime) -> Iterator[Sample]:
    opened = open_dagster(settings.data_dir, environment=os.environ)
    if opened is None:
        return
    from crypto_assets.health.dagster_events import latest_checks, recent_runs

    with opened as instance:
        runs = Counter((run.job, run.status) for run in recent_runs(instance, since=now - DAY))
        failed = Counter(check.severity for check in latest_checks(instance, since=now - DAY) if not check.passed)
    for (job, status), count in runs.items():
        yield Sample("platform_runs", (job, status), float(count))
    for severity in ("WARN", "ERROR"):
        yield Sample("platform_failed_checks", (severity,), float(failed[severity]))


PARTS: tuple[Part, ...] = (
    Part("programs", timedelta(seconds=10), _programs),
    Part("disk", timedelta(seconds=10), _disk),
    Part("alerts", timedelta(seconds=10), _alerts),
    Part("runs", MINUTE, _runs),
    Part("writes", MINUTE, _writes),
    Part("completeness", 5 * MINUTE, _completeness),
    Part("lake", 15 * MINUTE, _lake),
)
