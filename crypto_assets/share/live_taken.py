"""What became of the messages of each batch of the live query, kept beside its checkpoint so that no kill loses it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from crypto_assets.stream.processor.checkpoint import numbered


@dataclass(frozen=True, slots=True)
class Taken:
    """What a query took from Kafka."""

    messages: int = 0
    unusable: int = 0
    """Messages that say no trade: bytes of an unknown schema, or no positive price and quantity."""
    outside: int = 0
    """Trades before yesterday, or in the future."""
    late: int = 0
    """Rows that came after their minute was closed, and are in no minute."""

    def __add__(self, other: Taken) -> Taken:
        return Taken(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


class _Batch(msgspec.Struct):
    day: date
    taken: Taken


class TakenByBatch:
    """A file with what each batch took and on which day it ran.

    Spark counts late rows only once a batch is over, and tells nobody twice. So a batch whose figures are not here is
    not held to be over: `reopen` has Spark run it again, on the same messages from the same state.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def keep(self, batches: Mapping[int, Taken], *, day: date) -> None:
        """Note what batches took that ran on a day."""
        held = self._read()
        held.update({number: _Batch(day, taken) for number, taken in batches.items()})
        self._write(held)

    def on(self, day: date) -> Taken:
        """What was taken on a day, by all of its runs, whether they ended well or not."""
        return sum((batch.taken for batch in self._read().values() if batch.day == day), Taken())

    def forget_before(self, day: date) -> None:
        """Drop the figures of batches that ran before a day; those of the last batch stay."""
        held = self._read()
        last = max(held, default=None)
        self._write({number: batch for number, batch in held.items() if batch.day >= day or number == last})

    def reopen(self, checkpoint: Path) -> None:
        """Take back the end of the last batch of a checkpoint of Spark where its figures were not kept."""
        if (last := last_finished(checkpoint)) is None or last in self._read():
            return
        # A batch that was begun since is planned anew: Spark goes on with the newest plan, and would skip this one.
        begun = [number for number in reversed(numbered(checkpoint / "offsets")) if number > last]
        for folder, number in [*(("offsets", number) for number in begun), ("commits", last)]:
            for name in (f".{number}.crc", f"{number}"):
                (checkpoint / folder / name).unlink(missing_ok=True)

    def _read(self) -> dict[int, _Batch]:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=dict[int, _Batch])
        except FileNotFoundError:
            return {}

    def _write(self, held: Mapping[int, _Batch]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        beside = self._file.with_name(f"{self._file.name}.new")
        beside.write_bytes(msgspec.json.encode(held))
        beside.replace(self._file)


def last_finished(checkpoint: Path) -> int | None:
    """Number of the last batch that a checkpoint of Spark says is over; None where none is."""
    return max(numbered(checkpoint / "commits"), default=None)


def taken_of(progress: Iterable[Any]) -> dict[int, Taken]:
    """What each batch took, by its number, as Spark's progress of a query says; it observes `taken`."""
    found: dict[int, Taken] = {}
    for batch in progress:
        told = json.loads(batch.json)
        observed = told.get("observedMetrics", {}).get("taken", {})
        late = sum(state["numRowsDroppedByWatermark"] for state in told["stateOperators"])
        number = told["batchId"]
        found[number] = found.get(number, Taken()) + Taken(**observed, late=late)
    return found
