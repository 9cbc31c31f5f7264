"""The one partition vocabulary of the graph: a UTC day of a symbol, `2024-08-05|BTCUSDT`, or of all, `2024-08-05`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol, override

import dagster as dg

from crypto_assets.config import Settings
from crypto_assets.run_tags import RANGE_START_TAG, ends_of, tags_of

DATE = "date"  # Dagster sorts the dimensions of a key by name: the date comes first
SYMBOL = "symbol"


class Keyed(Protocol):
    """A partition of whatever kind."""

    @property
    def key(self) -> str:
        """How Dagster names it."""
        ...


class PartitionsOfRuns[P: Keyed](Protocol):
    """A kind of partitions."""

    @property
    def how_to_name(self) -> str:
        """What a run that was started without a partition lacks."""
        ...

    def of_run(self, tags: Mapping[str, str], *, now: datetime) -> tuple[P, ...]:
        """Partitions that the tags of a run name, in the order of their work; empty where they name none.

        Raises ValueError with a sentence where they name what cannot be.
        """
        ...


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """A UTC day of a symbol."""

    symbol: str
    day: date

    @property
    def key(self) -> str:
        """How Dagster names it."""
        return f"{self.day}|{self.symbol}"

    def __str__(self) -> str:
        return f"{self.day} {self.symbol}"

    def moved(self, days: int) -> Partition:
        """The partition of the same symbol so many days later."""
        return Partition(self.symbol, self.day + timedelta(days=days))


class MultiPartitionsDefinition(dg.MultiPartitionsDefinition):
    """Dagster's, which lists the keys of a range once.

    A step that describes each of its partitions has Dagster list the range anew for every one of them: the time of a
    range grew with the square of its days. The name stays, because Dagster knows by it what it stored.
    """

    _listed: tuple[dg.PartitionKeyRange, Sequence[str]] | None = None

    @override
    def get_partition_keys_in_range(
        self, partition_key_range: dg.PartitionKeyRange, dynamic_partitions_store: Any = None
    ) -> Sequence[str]:
        """The keys from the first one to the last, both included."""
        if self._listed is None or self._listed[0] != partition_key_range:
            keys = super().get_partition_keys_in_range(partition_key_range, dynamic_partitions_store)
            self._listed = (partition_key_range, keys)
        return self._listed[1]


@dataclass(frozen=True, slots=True)
class DaySymbol:
    """Days of symbols: from the first day to the one that runs now."""

    first_day: date
    symbols: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> DaySymbol:
        """As PARTITIONS_START and SYMBOLS say."""
        return cls(settings.partitions_start, settings.symbols)

    @property
    def whole_days(self) -> WholeDays:
        """The same days, of all symbols together."""
        return WholeDays(self.first_day)

    @property
    def definition(self) -> dg.MultiPartitionsDefinition:
        """The same for Dagster; two of the same days and symbols are equal."""
        return MultiPartitionsDefinition(
            {
                DATE: dg.DailyPartitionsDefinition(self.first_day.isoformat(), end_offset=1),
                SYMBOL: dg.StaticPartitionsDefinition(list(self.symbols)),
            }
        )

    def parse(self, key: str, *, now: datetime) -> Partition:
        """The partition of a key; raises ValueError with a sentence where there is none (yet)."""
        text, _, symbol = key.partition("|")
        today = now.astimezone(UTC).date()
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{key!r} is not a partition. Partitions are written like {self.example.key}.") from None
        if symbol not in self.symbols:
            raise ValueError(
                f"{key!r} names no symbol of this graph, which are {', '.join(self.symbols)}. Take one of them, or add "
                "yours to SYMBOLS."
            )
        newest = f"{today}|{symbol}; it holds what is known so far"
        _check_day(day, key=key, first_day=self.first_day, today=today, now=now, newest=newest)
        return Partition(symbol, day)

    def of_run(self, tags: Mapping[str, str], *, now: datetime) -> tuple[Partition, ...]:
        """Partitions that the tags of a run name, symbol by symbol and ascending by day; empty where they name none.

        Raises ValueError with a sentence where they name what cannot be.
        """
        named = ends_of(tags)
        if named is None:
            return ()
        start, end = named
        first, last = self.parse(start, now=now), self.parse(end, now=now)
        low, high = self.symbols.index(first.symbol), self.symbols.index(last.symbol)
        days = (last.day - first.day).days + 1
        if days < 1 or high < low:
            raise ValueError(
                f"The range from {start!r} to {end!r} is empty. Give {RANGE_START_TAG} the earlier day, and of two "
                f"symbols the one that comes first in {', '.join(self.symbols)}."
            )
        return tuple(
            Partition(symbol, first.day + timedelta(days=n))
            for symbol in self.symbols[low : high + 1]
            for n in range(days)
        )

    @property
    def example(self) -> Partition:
        """A partition to show how one is written."""
        return Partition(self.symbols[0], max(self.first_day, date(2024, 8, 5)))

    @property
    def how_to_name(self) -> str:
        """What a run that was started without a partition lacks."""
        tags = _tags_to_give(self.example, self.example.moved(6))
        known = f"Symbols are {', '.join(self.symbols)}; the first day is {self.first_day}."
        return f"Which partition? A run is about a day of a symbol, or a range of days. {tags}{known}"


@dataclass(frozen=True, slots=True, order=True)
class WholeDay:
    """A UTC day of all symbols."""

    day: date

    @property
    def key(self) -> str:
        """How Dagster names it."""
        return self.day.isoformat()

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class WholeDays:
    """Days: from the first one to the one that runs now."""

    first_day: date

    @property
    def definition(self) -> dg.DailyPartitionsDefinition:
        """The same for Dagster; two of the same first day are equal."""
        return dg.DailyPartitionsDefinition(self.first_day.isoformat(), end_offset=1)

    def parse(self, key: str, *, now: datetime) -> WholeDay:
        """The partition of a key; raises ValueError with a sentence where there is none (yet)."""
        today = now.astimezone(UTC).date()
        try:
            day = date.fromisoformat(key)
        except ValueError:
            raise ValueError(f"{key!r} is no day. Days are written like {self.example.key}.") from None
        _check_day(day, key=key, first_day=self.first_day, today=today, now=now, newest=str(today))
        return WholeDay(day)

    def of_run(self, tags: Mapping[str, str], *, now: datetime) -> tuple[WholeDay, ...]:
        """Days that the tags of a run name, ascending; empty where they name none.

        Raises ValueError with a sentence where they name what cannot be.
        """
        named = ends_of(tags)
        if named is None:
            return ()
        start, end = named
        first, last = self.parse(start, now=now), self.parse(end, now=now)
        if last < first:
            raise ValueError(f"The range from {start!r} to {end!r} is empty. Give {RANGE_START_TAG} the earlier day.")
        return tuple(WholeDay(first.day + timedelta(days=n)) for n in range((last.day - first.day).days + 1))

    @property
    def example(self) -> WholeDay:
        """A day to show how one is written."""
        return WholeDay(max(self.first_day, date(2024, 8, 5)))

    @property
    def how_to_name(self) -> str:
        """What a run that was started without a partition lacks."""
        tags = _tags_to_give(self.example, WholeDay(self.example.day + timedelta(days=6)))
        return f"Which day? A run is about a UTC day, or a range of days. {tags}The first day is {self.first_day}."


def range_tags(first: Keyed, last: Keyed) -> dict[str, str]:
    """Tags of one run over all days from `first` to `last`, both included."""
    return tags_of(first.key, last.key)


def _tags_to_give(first: Keyed, last: Keyed) -> str:
    return (
        "For a day give it\n"
        f"    --tags '{json.dumps(tags_of(first.key))}'\n"
        "and for a range, both ends included,\n"
        f"    --tags '{json.dumps(range_tags(first, last))}'\n"
    )


def _check_day(day: date, *, key: str, first_day: date, today: date, now: datetime, newest: str) -> None:
    if day < first_day:
        raise ValueError(
            f"{key!r} is before the first day, {first_day}. Set PARTITIONS_START (2017-08-17 or later) to go "
            "further back."
        )
    if day > today:
        raise ValueError(
            f"{key!r} lies in the future: it is {now:%Y-%m-%d %H:%M} UTC. The newest partition is {newest}."
        )


def look_back(days: int) -> dg.MultiPartitionMapping:
    """A day of a symbol reads the same symbol's day and the `days` before it; those before the first are not missed."""
    return look_around(before=days, after=0)


def look_around(*, before: int, after: int) -> dg.MultiPartitionMapping:
    """A day of a symbol reads the same symbol's day and so many days beside it; those that there are not (yet) are not
    missed."""
    window = dg.TimeWindowPartitionMapping(
        start_offset=-before, end_offset=after, allow_nonexistent_upstream_partitions=True
    )
    return dg.MultiPartitionMapping(
        {
            DATE: dg.DimensionPartitionMapping(DATE, window),
            SYMBOL: dg.DimensionPartitionMapping(SYMBOL, dg.IdentityPartitionMapping()),
        }
    )
