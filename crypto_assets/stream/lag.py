"""How much each topic holds, and how far behind its readers are: offsets only, no message is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crypto_assets.access import kafka_options

if TYPE_CHECKING:
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    type Offsets = dict[TopicPartition, int]

TIMEOUT_S = 5.0
GROUPS_ASKED = 20
"""Consumer groups looked at; a cluster that others use too may have hundreds."""


@dataclass(frozen=True, slots=True)
class TopicOffsets:
    """Offsets of one topic by partition."""

    begin: Mapping[int, int]
    """Of the oldest message kept."""
    end: Mapping[int, int]
    """Of the message that comes next."""
    behind: Mapping[str, int]
    """By consumer group that has committed: messages it has not taken yet."""

    @property
    def messages(self) -> int:
        """Offsets between the oldest and the newest message; of a compacted topic some are gone."""
        return sum(self.end.values()) - sum(self.begin.values())


def read_offsets(servers: str, topics: Iterable[str], *, prefix: str = "") -> dict[str, TopicOffsets]:
    """Offsets of those of the topics that exist, and the lag of groups whose name begins with `prefix`.

    Raises confluent_kafka.KafkaException where Kafka does not answer within some seconds.
    """
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({**kafka_options(servers), "socket.timeout.ms": int(TIMEOUT_S * 1000)})
    found = admin.list_topics(timeout=TIMEOUT_S).topics
    places = [TopicPartition(name, number) for name in topics if name in found for number in found[name].partitions]
    if not places:
        return {}
    begins, ends = _places(admin, places)
    committed = _committed(admin, prefix)
    result: dict[str, TopicOffsets] = {}
    for name in {place.topic for place in places}:
        mine = [place for place in places if place.topic == name]
        begin = {place.partition: begins[place] for place in mine}
        end = {place.partition: ends[place] for place in mine}
        behind = {
            group: sum(max(0, end[number] - max(offset, begin[number])) for number, offset in taken[name].items())
            for group, taken in committed.items()
            if name in taken
        }
        result[name] = TopicOffsets(begin, end, behind)
    return result


def _places(admin: AdminClient, places: Sequence[TopicPartition]) -> tuple[Offsets, Offsets]:
    """Oldest and next offset of each partition."""
    from confluent_kafka.admin import OffsetSpec  # pyright: ignore[reportPrivateImportUsage]  documented as public

    def ask(spec: Any) -> Offsets:
        asks: dict[TopicPartition, Any] = dict.fromkeys(places, spec)
        asked = admin.list_offsets(asks, request_timeout=TIMEOUT_S)
        return {place: future.result().offset for place, future in asked.items()}

    return ask(OffsetSpec.earliest()), ask(OffsetSpec.latest())


def _committed(admin: AdminClient, prefix: str) -> dict[str, dict[str, dict[int, int]]]:
    """Committed offsets by group, topic and partition."""
    from confluent_kafka import ConsumerGroupTopicPartitions

    listed = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result().valid
    names = sorted(group.group_id for group in listed if group.group_id.startswith(prefix))[:GROUPS_ASKED]
    result: dict[str, dict[str, dict[int, int]]] = {}
    for name in names:
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], request_timeout=TIMEOUT_S)
        for place in asked[name].result().topic_partitions:
            if place.offset >= 0 and place.error is None:
                result.setdefault(name, {}).setdefault(place.topic, {})[place.partition] = place.offset
    return result
