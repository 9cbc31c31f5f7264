"""What one look saw, by where it was seen; of each part it may be that nobody looked, or that nobody could."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from crypto_assets.alerts.outbox import ChannelState
from crypto_assets.forecast.drift import WeekSkill
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.gold import GoldQuality
from crypto_assets.health.storage import Disk
from crypto_assets.health.writes import FLUSHED_EVERY, LastWrite
from crypto_assets.stream.health import Health


@dataclass(frozen=True, slots=True)
class Unseen:
    """Something that could not be looked at."""

    reason: str


type Seen[T] = T | Unseen | None
"""None where nobody looked: then nothing is known to have changed."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A day whose file cannot be read, while others can."""

    symbol: str
    day: date
    reason: str


@dataclass(frozen=True, slots=True)
class FailedRuns:
    """Runs of a job for a partition that failed, and none succeeded since."""

    newest: RunState
    count: int
    first_at: datetime


@dataclass(frozen=True, slots=True)
class ModelSkill:
    """How the forecasts of a symbol's promoted model came true over the last days."""

    symbol: str
    model_id: str
    first_day: date
    last_day: date
    week: WeekSkill


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One look at everything."""

    now: datetime
    streams: bool
    """Whether the market stream is meant to run."""
    programs: Seen[tuple[Health, ...]] = None
    writes: Seen[tuple[LastWrite, ...]] = None
    """Of the candles of a minute in bronze."""
    flushed_every: timedelta = FLUSHED_EVERY
    """How often bronze is written by the machine's clock."""
    silver: Seen[tuple[Completeness | Damaged, ...]] = None
    gold: Seen[tuple[GoldQuality | Damaged, ...]] = None
    skills: Seen[tuple[ModelSkill, ...]] = None
    disks: Seen[tuple[Disk, ...]] = None
    runs: Seen[tuple[FailedRuns, ...]] = None
    checks: Seen[tuple[CheckResult, ...]] = None
    starts: Mapping[str, int] | None = None
    """Starts of programs, services and supervising runs within RESTARTS_WITHIN."""
    channels: tuple[ChannelState, ...] = field(default=())
    """How deliveries go."""
