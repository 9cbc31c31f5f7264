"""How much each topic holds, and how far behind its readers are: offsets only, no message is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto_assets.access import kafka_options

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

TIMEOUT_S = 5.0
GROUPS_ASKED = 20
"""Consumer groups looked at; a cluster that others use too may have hundreds."""


@dataclass(frozen=True, slots=True)
class TopicOffsets:
    """Offsets of one topic."""

    bounds: tuple[tuple[int, int], ...]
    """By partition: of the oldest message that is kept, and of the one that comes next."""
    behind: Mapping[str, int]
    """By consumer group that has committed: messages it has not taken yet."""

    @property
    def messages(self) -> int:
        """Offsets between the oldest and the newest message; of a compacted topic some are gone."""
        return sum(high - low for low, high in self.bounds)


def read_offsets(servers: str, topics: Iterable[str], *, prefix: str = "") -> dict[str, TopicOffsets]:
    """Offsets of those of the topics that exist, and the lag of groups whose name begins with `prefix`.

    Raises confluent_kafka.KafkaException where Kafka does not answer within some seconds.
    """
    from confluent_kafka.admin import AdminClient

    from crypto_assets.stream.topic_states import read_states

    admin = AdminClient({**kafka_options(servers), "socket.timeout.ms": int(TIMEOUT_S * 1000)})
    states = read_states(admin, topics)
    committed = _committed(admin, prefix) if states else {}
    return {
        name: TopicOffsets(
            state.bounds,
            {
                group: sum(max(0, state.bounds[n][1] - max(offset, state.bounds[n][0])) for n, offset in taken.items())
                for group, of_topics in committed.items()
                if (taken := of_topics.get(name))
            },
        )
        for name, state in states.items()
    }


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
