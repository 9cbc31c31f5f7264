"""How far behind the streams are, by what their programs say of themselves in Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from crypto_assets.config import Settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.spans import from_us, to_us
from crypto_assets.stream.health import PROGRAMS, Health, read_health
from crypto_assets.stream.heartbeat import Program

LATE_S = 60.0
"""A stream whose last messages took longer than this to get through is late: a candle of a minute has closed since."""


@dataclass(frozen=True, slots=True)
class StreamLag:
    """One stream of one symbol, as a program sees it."""

    program: Program
    topic: str
    symbol: str
    lag_s: float | None
    """From event to Kafka for the collector, to the committed row for the processor, from the close of a candle to the
    prediction for the forecaster; None before the first message."""
    rate: float
    """Messages a second."""
    last_event_at: datetime | None
    silent: bool
    """Quiet for longer than is normal for it."""

    @property
    def is_well(self) -> bool:
        """Neither silent nor late."""
        return not self.silent and (self.lag_s is None or self.lag_s <= LATE_S)

    @property
    def sentence(self) -> str:
        """How it flows, in words."""
        lag = "nothing came yet" if self.lag_s is None else f"{self.lag_s:,.1f} s behind"
        silent = ", silent for longer than is normal for it" if self.silent else ""
        return f"{self.program}, {self.topic} {self.symbol}: {lag}, {self.rate:,.1f} messages/s{silent}."


def program_health(settings: Settings, *, now: datetime) -> list[Health]:
    """How collector, processor and forecaster do; never raises. `absent` where no Redis is named and none runs."""
    try:
        return read_health(settings, now_us=to_us(now))
    except ConfigurationError as error:
        return [Health(program, "absent", f"{program}: it does not run here. {error}") for program in PROGRAMS]


def collecting_since(programs: Iterable[Health]) -> datetime | None:
    """When the collector that lives began; None where none does."""
    beats = (health.beat for health in programs if health.program == "collector" and health.is_alive)
    return next((from_us(beat.started_at_us) for beat in beats if beat is not None), None)


def stream_lags(programs: Iterable[Health]) -> list[StreamLag]:
    """Every stream of the programs that live, by program, topic and symbol; what others said last is no news."""
    return [
        StreamLag(
            program=health.program,
            topic=stream.topic,
            symbol=stream.symbol,
            lag_s=stream.lag_s,
            rate=stream.rate,
            last_event_at=None if stream.last_event_us is None else from_us(stream.last_event_us),
            silent=stream.silent,
        )
        for health in programs
        if health.beat is not None and health.is_alive
        for stream in sorted(health.beat.streams, key=lambda stream: (stream.topic, stream.symbol))
    ]
