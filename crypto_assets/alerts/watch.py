"""One look at everything, what it means, and who is told: by one program at a time."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from filelock import FileLock, Timeout

from crypto_assets.alerts.alert import Alert
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


@dataclass(frozen=True, slots=True)
class Looked:
    """What came of one look."""

    open_alerts: tuple[Alert, ...]
    sent: tuple[Sent, ...]

    @property
    def sentence(self) -> str:
        """In words."""
        told = [alert for alert in self.open_alerts if alert.told_at is not None]
        waiting = len(self.open_alerts) - len(told)
        parts = [f"{len(told)} alerts last, {waiting} more are not old enough to tell."]
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
        channels = channels_of(self.settings, log=log)
        with closing(Store(ledger_file(self.settings.data_dir))) as store:
            ledger, outbox = Ledger(store), Outbox(store)
            states = outbox.channels([one.name for one in channels])
            judged = judge(self._observer.look(ledger, instance=instance, channels=states, now=now))
            judged = dataclasses.replace(judged, causes=tuple(map(self._mask.cause, judged.causes)))
            try:
                ledger.record(judged, channels=[one.name for one in channels], now=now)
            except AlertsError:
                for cause in judged.causes:
                    log.error("%s: %s %s", cause.subject, cause.sentence, cause.advice)
                raise
            sent = tuple(deliver(outbox, channels, settings=self.settings, calls=self._calls, now=now))
            for one in sent:
                if not one.is_well:
                    log.warning("%s", self._mask.text(one.sentence))
            return Looked(tuple(one for one in ledger.alerts() if one.is_open), sent)
