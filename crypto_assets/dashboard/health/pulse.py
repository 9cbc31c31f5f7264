"""All that the page Health knows, each part read by itself, and the verdict on each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from crypto_assets.alerts.alert import Alert
from crypto_assets.alerts.ledger import read_alerts
from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.health.figures import (
    EVENTS_OF,
    Calendar,
    Events,
    LakeFigures,
    Losses,
    Storage,
    read_calendar,
    read_events,
    read_lake,
    read_losses,
    read_storage,
)
from crypto_assets.dashboard.health.kept import Kept, Look
from crypto_assets.dashboard.health.signals import (
    Signal,
    awaited,
    of_alerts,
    of_bronze,
    of_checks,
    of_cost,
    of_disk,
    of_gaps,
    of_gold,
    of_runs,
    of_services,
    of_silver,
    of_streams,
    unknown,
    worst_first,
)
from crypto_assets.health.lag import program_health
from crypto_assets.health.writes import flushed_every
from crypto_assets.stream.health import Health

if TYPE_CHECKING:
    from resources.services.manager import ServiceStatus


class Pulse:
    """One for the process; figures are read by threads, and only while somebody looks."""

    def __init__(self, context: PageContext) -> None:
        self._context = context
        settings, now = context.settings, context.now
        self.lake: Kept[LakeFigures] = Kept(lambda: read_lake(context.lake, context.symbols, now=now()), every_s=10)
        self.storage: Kept[Storage] = Kept(
            lambda: read_storage(context.lake, settings.data_dir, now=now()), every_s=120
        )
        self.calendar: Kept[Calendar] = Kept(
            lambda: read_calendar(context.lake, context.symbols, now=now()), every_s=30
        )
        self.losses: Kept[Losses] = Kept(lambda: read_losses(context.lake, context.exchange, now=now()), every_s=30)
        self.programs: Kept[Sequence[Health]] = Kept(lambda: program_health(settings, now=now()), every_s=2)
        self.services: Kept[Sequence[ServiceStatus]] = Kept(self._services, every_s=10)
        self.alerts: Kept[Sequence[Alert]] = Kept(lambda: read_alerts(settings, since=now() - EVENTS_OF), every_s=10)
        self.events: Kept[tuple[Events | None]] = Kept(
            lambda: (read_events(settings, environment=os.environ, now=now()),), every_s=60
        )
        """In a tuple, as None is an answer too."""

    def begin_quick(self) -> None:
        """Have read what is old and quick to read: what is seen first rests on it."""
        for kept in (self.lake, self.programs, self.alerts, self.calendar, self.losses, self.storage):
            kept.begin()

    def begin(self) -> None:
        """Have everything read that is old, also what first has to import for seconds, during which pages are slow."""
        self.begin_quick()
        self.services.begin()
        self.events.begin()

    def signals(self, *, wait_s: float = 0.0) -> list[Signal]:
        """The verdict on each area, the worst first; before the lake was read once it waits so long for it."""
        now = self._context.now()
        lake, every = self.lake.look(wait_s=wait_s), flushed_every(self._context.settings)
        programs, storage, events = self.programs.look(), self.storage.look(), self.events.look()
        return worst_first(
            [
                _judged("Alerts", self.alerts.look(), lambda alerts: of_alerts(alerts, now=now)),
                _judged(
                    "Bronze", lake, lambda figures: of_bronze(figures, programs.value, now=now, flushed_every=every)
                ),
                _judged("Silver", lake, lambda figures: of_silver(figures, now=now)),
                _judged("Gold", lake, lambda figures: of_gold(figures, now=now)),
                _judged("Checks", events, lambda kept: of_checks(kept[0])),
                _judged("Runs", events, lambda kept: of_runs(kept[0], now=now)),
                _judged("Streams", programs, of_streams),
                _judged("Services", self.services.look(), of_services),
                _judged("Gaps", self.losses.look(), of_gaps),
                _judged("Disk", storage, of_disk),
                _judged("Cost of the month", storage, of_cost),
            ]
        )

    def _services(self) -> Sequence[ServiceStatus]:
        from resources.services.manager import Services

        return Services(self._context.settings).status()


def _judged[T](area: str, look: Look[T], judge: Callable[[T], Signal]) -> Signal:
    """The verdict on what is known; where it could not be read again just now, what was known is no news."""
    if look.problem is not None:
        return unknown(area, look.problem)
    return awaited(area) if look.value is None else judge(look.value)
