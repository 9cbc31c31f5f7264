"""The platform's page of metrics: parts that are read in the background, each as often as it is worth."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from prometheus_client.core import Metric

from crypto_assets.config import Settings
from crypto_assets.exporter.parts import PARTS, Part, Sample
from crypto_assets.metrics.declared import METRICS, family

_log = logging.getLogger(__name__)

UNREAD = "platform_unread_parts"
LOOK_EVERY_S = 1.0


def _now() -> datetime:
    return datetime.now(UTC)


class Platform:
    """What `prometheus_client` collects from; to be asked costs nothing, as it tells what was read last."""

    def __init__(
        self, settings: Settings, *, parts: Sequence[Part] = PARTS, now: Callable[[], datetime] = _now
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._now = now
        self._read_at: dict[str, datetime] = {}
        self._samples: dict[str, tuple[Sample, ...]] = {}
        self._failed: dict[str, bool] = {}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Read the parts that are due; one that cannot be read is told as such, and what it said before is dropped."""
        for part in self._parts:
            now = self._now()
            before = self._read_at.get(part.name)
            if before is None or now - before >= part.every:
                self._read_at[part.name] = now
                self._read(part, now)

    def run(self, stop: threading.Event) -> None:
        """Refresh until told to stop."""
        while not stop.is_set():
            self.refresh()
            stop.wait(LOOK_EVERY_S)

    def collect(self) -> Iterable[Metric]:
        """Everything as it was read last."""
        families = {metric.name: family(metric.name) for metric in METRICS["platform"]}
        for sample in self._known():
            families[sample.name].add_metric(sample.labels, sample.value)
        return families.values()

    def _known(self) -> list[Sample]:
        with self._lock:
            told = [sample for samples in self._samples.values() for sample in samples]
            return told + [Sample(UNREAD, (name,), float(failed)) for name, failed in self._failed.items()]

    def _read(self, part: Part, now: datetime) -> None:
        samples: tuple[Sample, ...] = ()
        failed = False
        try:
            samples = tuple(part.read(self._settings, now))
        except Exception as error:  # whatever a store fails with, the other parts are told
            failed = True
            if not self._failed.get(part.name):
                _log.warning("%s cannot be read: %s: %s", part.name, type(error).__name__, error)
        with self._lock:
            self._samples[part.name] = samples
            self._failed[part.name] = failed
