"""What Kafka holds of topics: their ids and offsets. No message is read.

Functions raise KafkaException where Kafka does not answer within seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    OffsetSpec,  # pyright: ignore[reportPrivateImportUsage]  documented as public
    TopicDescription,  # pyright: ignore[reportPrivateImportUsage]
)
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

ANSWER_S = 5.0
"""Kafka on the same network answers in milliseconds; a sensor has 60 s in all."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """What Kafka holds of a topic."""

    name: str
    topic_id: str
    """Kafka's own id: a topic that was deleted and created again has another."""
    bounds: tuple[tuple[int, int], ...]
    """By partition: offset of the first message that is kept, and the one that the next message will get."""

    @property
    def ends(self) -> tuple[int, ...]:
        """By partition: the offset that the next message will get."""
        return tuple(high for _, high in self.bounds)


def read_ids(admin: AdminClient, names: Iterable[str]) -> dict[str, str]:
    """Kafka's own id of those of the topics that exist."""
    return {name: str(described.topic_id) for name, described in _described(admin, names).items()}


def _has_no_leader(error: BaseException) -> bool:
    """Whether a topic was made, or its broker came back, a moment ago."""
    codes = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    return isinstance(error, KafkaException) and error.args[0].code() in codes


@retry(retry=retry_if_exception(_has_no_leader), stop=stop_after_delay(ANSWER_S), wait=wait_fixed(0.1), reraise=True)
def read_states(admin: AdminClient, names: Iterable[str]) -> dict[str, TopicState]:
    """What Kafka holds of those of the topics that exist."""
    described = _described(admin, names)
    places = [TopicPartition(name, number) for name, found in described.items() for number in _numbers(found)]
    lows, highs = (_offsets(admin, places, spec) for spec in (OffsetSpec.earliest(), OffsetSpec.latest()))
    return {
        name: TopicState(
            name, str(found.topic_id), tuple((lows[name, number], highs[name, number]) for number in _numbers(found))
        )
        for name, found in described.items()
    }


def _described(admin: AdminClient, names: Iterable[str]) -> dict[str, TopicDescription]:
    """The topics that exist."""
    asked = admin.describe_topics(TopicCollection(list(names)), request_timeout=ANSWER_S)
    found: dict[str, TopicDescription] = {}
    for name, future in asked.items():
        try:
            found[name] = cast("TopicDescription", future.result())
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    return found


def _numbers(described: TopicDescription) -> range:
    return range(len(described.partitions))


def _offsets(admin: AdminClient, places: Sequence[TopicPartition], spec: object) -> dict[tuple[str, int], int]:
    if not places:
        return {}
    asked = admin.list_offsets(dict.fromkeys(places, cast("OffsetSpec", spec)), request_timeout=ANSWER_S)
    return {(place.topic, place.partition): future.result().offset for place, future in asked.items()}
