"""Topics as `topics.py` says: made where they are not, kept in order, and missed where somebody deleted them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,  # pyright: ignore[reportPrivateImportUsage]
    ConfigEntry,  # pyright: ignore[reportPrivateImportUsage]
    ConfigResource,  # pyright: ignore[reportPrivateImportUsage]
    NewTopic,  # pyright: ignore[reportPrivateImportUsage]
    ResourceType,  # pyright: ignore[reportPrivateImportUsage]
)

from crypto_assets.access import kafka_options
from crypto_assets.stream.topic_states import read_ids
from crypto_assets.stream.topics import TOPICS, Topic

_log = logging.getLogger(__name__)

WAIT_S = 10.0


class TopicCare:
    """The topics of one exchange. Its methods wait for Kafka, and raise KafkaException where it does not answer."""

    def __init__(self, servers: str, exchange: str) -> None:
        self._admin = AdminClient(kafka_options(servers))
        self._exchange = exchange
        self._ids: dict[Topic, str] = {}

    def ensure(self) -> None:
        """Make the topics that are missing, and set what differs in the others."""
        found = self._find()
        self._create(topic for topic in TOPICS if topic not in found)
        self._configure()
        self._ids = self._find()

    def restore(self) -> list[Topic]:
        """Make topics again that somebody deleted; those that are missing, or are not the ones they were."""
        found = self._find()
        lost = [topic for topic in TOPICS if found.get(topic) != self._ids.get(topic)]
        if lost:
            self.ensure()
        return lost

    def _find(self) -> dict[Topic, str]:
        """Identity of each topic that exists; Kafka gives every new topic another."""
        ids = read_ids(self._admin, [topic.of(self._exchange) for topic in TOPICS])
        return {topic: ids[name] for topic in TOPICS if (name := topic.of(self._exchange)) in ids}

    def _create(self, topics: Iterable[Topic]) -> None:
        wanted = [NewTopic(t.of(self._exchange), t.partitions, config=_settings(t)) for t in topics]
        if not wanted:
            return
        for name, future in self._admin.create_topics(wanted, request_timeout=WAIT_S).items():
            try:
                future.result()
                _log.info("topic %s created", name)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def _configure(self) -> None:
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                topic.of(self._exchange),
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in _settings(topic).items()
                ],
            )
            for topic in TOPICS
        ]
        for future in self._admin.incremental_alter_configs(resources, request_timeout=WAIT_S).values():
            future.result()


def _settings(topic: Topic) -> dict[str, str]:
    if topic.retention is None:
        return {"cleanup.policy": "compact"}
    return {"cleanup.policy": "delete", "retention.ms": str(int(topic.retention.total_seconds() * 1000))}
