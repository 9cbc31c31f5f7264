"""Spark's checkpoint, and whether it still fits the topics: it is a hint of where to go on, never the truth.

Rows are written so that reading a message again changes nothing. So a checkpoint that does not fit (a topic made again,
a log that was cut, messages that expired unread) is put aside, and everything that Kafka keeps is read again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from crypto_assets.access import kafka_options, refused_or
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream.topic_states import TopicState, read_ids, read_states

KEPT_ASIDE = 3
"""How many checkpoints that were put aside are kept for whoever wants to know."""
IDS = "topics.json"

type Offsets = dict[str, dict[str, int]]
"""Topic -> partition -> offset, as Spark writes it."""


class Topics:
    """The topics that are read, as Kafka knows them; methods raise ServiceUnavailable where it does not answer."""

    def __init__(self, servers: str, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._servers = servers
        self._admin = AdminClient(kafka_options(servers))

    def ids(self) -> dict[str, str] | None:
        """Id of each topic, another one where it was deleted and made again; None until all of them exist."""
        return self._all_of(read_ids)

    def states(self) -> dict[str, TopicState] | None:
        """What is there of each topic; None until all of them exist."""
        return self._all_of(read_states)

    def _all_of[T](self, read: Callable[[AdminClient, Sequence[str]], dict[str, T]]) -> dict[str, T] | None:
        try:
            found = read(self._admin, self.names)
        except KafkaException as error:
            reason = refused_or(self._servers, str(error.args[0]))
            raise ServiceUnavailable(f"Kafka at {self._servers} does not answer: {reason}") from error
        return found if len(found) == len(self.names) else None


class Checkpoint:
    """The folder of one exchange's checkpoint, with the ids of the topics that its offsets mean."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def location(self) -> str:
        """What Spark is told."""
        return str(self.folder / "spark")

    def fit(self, topics: Mapping[str, TopicState], *, now: datetime) -> str | None:
        """Make sure that Spark can go on from here; returns why the old checkpoint was put aside, if it was."""
        reason = self._misfit(topics)
        if reason:
            self.put_aside(now=now)
        self.folder.mkdir(parents=True, exist_ok=True)
        beside = self.folder / f"{IDS}.new"
        beside.write_bytes(msgspec.json.encode({name: topic.topic_id for name, topic in topics.items()}))
        beside.replace(self.folder / IDS)
        return reason

    def put_aside(self, *, now: datetime) -> None:
        """Rename the folder, so that everything is read from the start; the oldest of those put aside go."""
        if self.folder.exists():
            self.folder.rename(self.folder.with_name(f"{self.folder.name}.aside-{now:%Y%m%dT%H%M%S%f}"))
        aside = sorted(self.folder.parent.glob(f"{self.folder.name}.aside-*"))
        for old in aside[:-KEPT_ASIDE]:
            shutil.rmtree(old, ignore_errors=True)

    def _misfit(self, topics: Mapping[str, TopicState]) -> str | None:
        if not (self.folder / "spark").exists():
            return None
        try:
            ids = msgspec.json.decode((self.folder / IDS).read_bytes(), type=dict[str, str])
            begun, planned = _offsets_of(self.folder / "spark")
        except (OSError, ValueError, LookupError, msgspec.MsgspecError) as error:
            return f"it cannot be read ({error!r})"
        if changed := sorted(name for name, topic in topics.items() if ids.get(name) != topic.topic_id):
            return f"{' and '.join(changed)} was made again"
        return _cut(begun, planned, topics)


def _offsets_of(location: Path) -> tuple[Offsets, Offsets]:
    """Offsets after the last batch that was finished, and after the last one that was begun."""
    begun = numbered(location / "offsets")
    finished = [number for number in numbered(location / "commits") if number in begun]
    if not begun:
        return {}, {}
    last = _read_offsets(location / "offsets" / str(begun[-1]))
    return (_read_offsets(location / "offsets" / str(finished[-1])) if finished else {}), last


def numbered(folder: Path) -> list[int]:
    """Numbers of the batches that a log of Spark's has an entry of, ascending; none where there is no log."""
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.is_dir() else []


def _read_offsets(file: Path) -> Offsets:
    """Spark's offset log: a line with its version, one of metadata, and one for each source."""
    return json.loads(file.read_text(encoding="utf-8").splitlines()[2])


def _cut(begun: Offsets, planned: Offsets, topics: Mapping[str, TopicState]) -> str | None:
    for name, topic in topics.items():
        for partition, (first, end) in enumerate(topic.bounds):
            here = f"{name}[{partition}]"
            if (at := planned.get(name, {}).get(str(partition), 0)) > end:
                return f"{here} was read to offset {at:,}, but now ends at {end:,}"
            if (at := begun.get(name, {}).get(str(partition), first)) < first:
                return f"{here} lost {first - at:,} messages to its retention before they were read"
    return None
