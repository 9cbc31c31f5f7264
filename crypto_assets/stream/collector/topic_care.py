"""Topics as `topics.py` says: made where they are not, kept in order, and missed where somebody deleted them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from crypto_assets.stream.topics import TOPICS, Topic

_log = logging.getLogger(__name__)

WAIT_S = 10.0


class TopicCare:
    """The topics of one exchange. Its methods wait for Kafka, and raise KafkaException where it does not answer."""

    def __init__(self, servers: str, exchange: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": servers, "log_level": 0, "error_cb": lambda _: None})
        self._exchange = exchange
        self._ids: dict[str, str] = {}

    def ensure(self) -> set[Topic]:
        """Make what is missing and set what differs; the topics that were here before and are not the same any more."""
        found = self._find()
        missing = [topic for topic in TOPICS if topic not in found]
        self._create(missing)
        self._configure(TOPICS)
        now = self._find() if missing else found
        lost = {topic for topic in TOPICS if self._ids.get(topic.name, "") not in ("", now.get(topic))}
        self._ids = {topic.name: identity for topic, identity in now.items()}
        return lost

    def lost(self) -> bool:
        """Whether a topic is not there, or is another one of the same name."""
        found = self._find()
        return any(found.get(topic) != self._ids.get(topic.name) for topic in TOPICS)

    def _find(self) -> dict[Topic, str]:
        """Identity of each topic that exists; Kafka gives every new topic another."""
        names = TopicCollection([topic.of(self._exchange) for topic in TOPICS])
        futures = self._admin.describe_topics(names, request_timeout=WAIT_S)
        found: dict[Topic, str] = {}
        for topic in TOPICS:
            try:
                found[topic] = str(futures[topic.of(self._exchange)].result().topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
        return found

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

    def _configure(self, topics: Iterable[Topic]) -> None:
        resources = [
            ConfigResource(
                ResourceType.TOPIC,
                topic.of(self._exchange),
                incremental_configs=[
                    ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                    for name, value in _settings(topic).items()
                ],
            )
            for topic in topics
        ]
        for future in self._admin.incremental_alter_configs(resources, request_timeout=WAIT_S).values():
            future.result()


def _settings(topic: Topic) -> dict[str, str]:
    if topic.retention is None:
        return {"cleanup.policy": "compact"}
    return {"cleanup.policy": "delete", "retention.ms": str(int(topic.retention.total_seconds() * 1000))}
