"""Spark's checkpoint, and whether it still fits the topics: it is a hint of where to go on, never the truth.

Rows are written so that reading a message again changes nothing. So a checkpoint that does not fit (a topic made again,
a log that was cut, messages that expired unread) is put aside, and everything that Kafka keeps is read again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]  documented as public
    TopicDescription,  # pyright: ignore[reportPrivateImportUsage]
)

from crypto_assets.access import kafka_options, refused_or
from crypto_assets.errors import ServiceUnavailable

ANSWER_S = 5.0
KEPT_ASIDE = 3
"""How many checkpoints that were put aside are kept for whoever wants to know."""
IDS = "topics.json"

_EARLIEST = cast("OffsetSpec", OffsetSpec.earliest())
_LATEST = cast("OffsetSpec", OffsetSpec.latest())

type Offsets = dict[str, dict[str, int]]
"""Topic -> partition -> offset, as Spark writes it."""


@dataclass(frozen=True, slots=True)
class Log:
    """What Kafka holds of a topic: its id, and of each partition the offsets [first, end)."""

    id: str
    ranges: Mapping[int, tuple[int, int]]


class Topics:
    """The topics that are read, as Kafka knows them."""

    def __init__(self, servers: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._servers = servers
        self._admin = AdminClient(kafka_options(servers))

    def ids(self) -> dict[str, str] | None:
        """Id of each topic, another one where it was deleted and made again; None until all of them exist.

        Raises ServiceUnavailable where Kafka does not answer.
        """
        described = self._describe()
        return None if described is None else {name: str(topic.topic_id) for name, topic in described.items()}

    def logs(self) -> dict[str, Log] | None:
        """The same with the offsets that are there."""
        described = self._describe()
        if described is None:
            return None
        places = [TopicPartition(name, p.id) for name, topic in described.items() for p in topic.partitions]
        first = self._offsets(places, _EARLIEST)
        end = self._offsets(places, _LATEST)
        return {
            name: Log(str(topic.topic_id), {p.id: (first[name, p.id], end[name, p.id]) for p in topic.partitions})
            for name, topic in described.items()
        }

    def _describe(self) -> dict[str, TopicDescription] | None:
        try:
            asked = self._admin.describe_topics(TopicCollection(list(self.names)), request_timeout=ANSWER_S)
            return {name: cast("TopicDescription", answer.result()) for name, answer in asked.items()}
        except KafkaException as error:
            if _code(error) == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise self._unavailable(error) from error

    def _offsets(self, places: Sequence[TopicPartition], spec: OffsetSpec) -> dict[tuple[str, int], int]:
        try:
            asked = self._admin.list_offsets(dict.fromkeys(places, spec), request_timeout=ANSWER_S)
            return {(place.topic, place.partition): answer.result().offset for place, answer in asked.items()}
        except KafkaException as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: KafkaException) -> ServiceUnavailable:
        reason = refused_or(self._servers, str(error.args[0]))
        return ServiceUnavailable(f"Kafka at {self._servers} does not answer: {reason}")


class Checkpoint:
    """The folder of one exchange's checkpoint, with the ids of the topics that its offsets mean."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def location(self) -> str:
        """What Spark is told."""
        return str(self.folder / "spark")

    def fit(self, logs: Mapping[str, Log], *, now: datetime) -> str | None:
        """Make sure that Spark can go on from here; returns why the old checkpoint was put aside, if it was."""
        reason = self._misfit(logs)
        if reason:
            self.put_aside(now=now)
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f"{IDS}.new"
        beside.write_bytes(msgspec.json.encode({name: log.id for name, log in logs.items()}))
        beside.replace(self.folder / IDS)
        return reason

    def put_aside(self, *, now: datetime) -> None:
        """Rename the folder, so that everything is read from the start; the oldest of those put aside go."""
        if self.folder.exists():
            self.folder.rename(self.folder.with_name(f"{self.folder.name}.aside-{now:%Y%m%dT%H%M%S%f}"))
        aside = sorted(self.folder.parent.glob(f"{self.folder.name}.aside-*"))
        for old in aside[:-KEPT_ASIDE]:
            shutil.rmtree(old, ignore_errors=True)

    def _misfit(self, logs: Mapping[str, Log]) -> str | None:
        if not (self.folder / "spark").exists():
            return None
        try:
            ids = msgspec.json.decode((self.folder / IDS).read_bytes(), type=dict[str, str])
            begun, planned = _offsets_of(self.folder / "spark")
        except (OSError, ValueError, LookupError, msgspec.MsgspecError) as error:
            return f"it cannot be read ({error!r})"
        if changed := sorted(name for name, log in logs.items() if ids.get(name) != log.id):
            return f"{' and '.join(changed)} was made again"
        return _cut(begun, planned, logs)


def _offsets_of(location: Path) -> tuple[Offsets, Offsets]:
    """Offsets after the last batch that was finished, and after the last one that was begun."""
    begun = _numbers(location / "offsets")
    finished = [number for number in _numbers(location / "commits") if number in begun]
    if not begun:
        return {}, {}
    last = _read_offsets(location / "offsets" / str(begun[-1]))
    return (_read_offsets(location / "offsets" / str(finished[-1])) if finished else {}), last


def _numbers(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []


def _read_offsets(file: Path) -> Offsets:
    """Spark's offset log: a line with its version, one of metadata, and one for each source."""
    return json.loads(file.read_text(encoding="utf-8").splitlines()[2])


def _cut(begun: Offsets, planned: Offsets, logs: Mapping[str, Log]) -> str | None:
    for name, log in logs.items():
        for partition, (first, end) in log.ranges.items():
            here = f"{name}[{partition}]"
            if (at := planned.get(name, {}).get(str(partition), 0)) > end:
                return f"{here} was read to offset {at:,}, but now ends at {end:,}"
            if (at := begun.get(name, {}).get(str(partition), first)) < first:
                return f"{here} lost {first - at:,} messages to its retention before they were read"
    return None


def _code(error: KafkaException) -> int | None:
    cause = error.args[0]
    return cause.code() if isinstance(cause, KafkaError) else None
