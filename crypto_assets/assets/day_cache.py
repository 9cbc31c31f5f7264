"""Days of the lake as a run over a range needs them: each is read once, and only a few are held."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import date

import pyarrow as pa

from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import Partition
from crypto_assets.schemas import Dataset


class DayCache:
    """Reads days of datasets and remembers the last ones of each, `days` at most.

    `keep` reduces a day to what later partitions still need of it; the reduced day is what is remembered.
    """

    def __init__(self, lake: Lake, *, days: int, keep: Callable[[pa.Table], pa.Table] | None = None) -> None:
        self._lake = lake
        self._days = days
        self._keep = keep
        self._held: dict[str, OrderedDict[tuple[str, date], pa.Table | None]] = {}
        self._versions: dict[tuple[str, str, date], str] = {}

    def read(self, dataset: Dataset, partition: Partition) -> pa.Table | None:
        """The day's rows, or what is kept of them; None where it was never published."""
        held = self._held.setdefault(dataset.name, OrderedDict())
        place = (partition.symbol, partition.day)
        if place in held:
            held.move_to_end(place)
        else:
            self._note_version(dataset, partition)
            table = self._lake.read(dataset, partition.symbol, partition.day)
            held[place] = table if table is None or self._keep is None else self._keep(table)
            while len(held) > self._days:
                held.popitem(last=False)
        return held[place]

    def versions(self, datasets: Iterable[Dataset], partition: Partition) -> dict[str, str]:
        """Data versions of days in parts as they were when they were read, by dataset; of those that exist."""
        named = ((d.name, self._versions.get((d.name, partition.symbol, partition.day))) for d in datasets)
        return {name: version for name, version in named if version is not None}

    def _note_version(self, dataset: Dataset, partition: Partition) -> None:
        """Before the rows are read: what is published in between is then newer than what was noted, never older."""
        manifest = None if dataset.file else self._lake.manifest(dataset, partition.symbol, partition.day)
        if manifest is not None:
            self._versions[dataset.name, partition.symbol, partition.day] = manifest.data_version
