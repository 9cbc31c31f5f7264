"""One look at everything, what it means, and who is told: by one program at a time."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from filelock import FileLock, Timeout

from crypto_assets.alerts.alert import Alert, Judged
from crypto_assets.alerts.bounded import Calls
from crypto_assets.alerts.delivery import Log, Sent, channels_of, deliver
from crypto_assets.alerts.ledger import Ledger
from crypto_assets.alerts.masking import Mask
from crypto_assets.alerts.observe import Observer, OpenDagster
from crypto_assets.alerts.outbox import Outbox
from crypto_assets.alerts.rules import judge
from crypto_assets.alerts.store import Store, ledger_file
from crypto_assets.config import Settings
from crypto_assets.errors import AlertsError

EVERY_S = 30
"""How often sensor and program look."""
LOGGED = 20
"""Causes that go to the log at each look while there is no ledger that says what was told."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one look."""

    open_alerts: tuple[Alert, ...]
    sent: tuple[Sent, ...]

    @property
    def sentence(self) -> str:
        """In words."""
        told = [alert for alert in self.open_alerts if alert.told_at is not None]
        young = len(self.open_alerts) - len(told)
        parts = [f"{len(told)} {'alert lasts' if len(told) == 1 else 'alerts last'}, {young} not long enough to tell."]
        parts += [", ".join(alert.subject for alert in told[:5]) + "."] if told else []
        parts += [one.sentence for one in self.sent]
        return " ".join(parts)


class Watch:
    """Looks, remembers and tells, for the settings' platform. It may be kept for years or made for one look."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._observer = Observer(settings)
        self._calls = Calls()
        self._mask = Mask(settings)

    def look(self, *, instance: OpenDagster, log: Log, now: datetime) -> Looked | None:
        """Look once; None where another program does so just now.

        Raises AlertsError where the ledger cannot be used, after all that is wrong was written to the log.
        """
        path = ledger_file(self.settings.data_dir)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(path.with_name("look.lock"), timeout=0):
                return self._look(instance, log, now)
        except Timeout:
            return None
        except OSError as error:
            raise AlertsError(f"The folder of alerts, {path.parent}, cannot be used: {error}.") from error

    def _look(self, instance: OpenDagster, log: Log, now: datetime) -> Looked:
        try:
            with closing(Store.open(ledger_file(self.settings.data_dir))) as store:
                return self._note(store, instance, log, now)
        except AlertsError:
            with closing(Store.in_memory()) as nowhere:
                judged = self._judge(nowhere, instance, names=(), now=now)
            for cause in judged.causes[:LOGGED]:
                log.error("%s: %s What to do: %s", cause.subject, cause.sentence, cause.advice)
            raise

    def _note(self, store: Store, instance: OpenDagster, log: Log, now: datetime) -> Looked:
        channels = channels_of(self.settings, log=log)
        names = tuple(channel.name for channel in channels)
        ledger = Ledger(store)
        ledger.record(self._judge(store, instance, names=names, now=now), channels=names, now=now)
        sent = tuple(deliver(Outbox(store), channels, settings=self.settings, calls=self._calls, now=now))
        for one in sent:
            if not one.is_well:
                log.warning("%s", self._mask.text(one.sentence))
        return Looked(tuple(one for one in ledger.alerts() if one.is_open), sent)

    def _judge(self, store: Store, instance: OpenDagster, *, names: tuple[str, ...], now: datetime) -> Judged:
        states = Outbox(store).channels(names)
        judged = judge(self._observer.look(Ledger(store), instance=instance, channels=states, now=now))
        return dataclasses.replace(judged, causes=tuple(map(self._mask.cause, judged.causes)))
