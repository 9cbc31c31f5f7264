"""Reading topics of Kafka to their ends, outside any group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from crypto_assets.access import kafka_options
from crypto_assets.stream.topic_states import while_leaders_are_found

WAIT_S = 10.0


def read_to_the_ends(servers: str, group: str, depths: Mapping[str, int | None]) -> Iterator[Message]:
    """The last messages of each partition of the topics, as many as `depths` says or all; none of a topic that is not.

    Those of a partition come in order, and nothing is committed. Raises KafkaException where Kafka says nothing for
    WAIT_S.
    """
    consumer = Consumer(
        {
            **kafka_options(servers),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,  # compaction leaves holes in the offsets: only Kafka knows the end
        }
    )
    try:
        starts = [start for topic, depth in depths.items() for start in _starts(consumer, topic, depth)]
        consumer.assign(starts)
        left = {(start.topic, start.partition) for start in starts}
        while left:
            message = consumer.poll(WAIT_S)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # pyright: ignore[reportPrivateUsage]
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
                left.discard((message.topic() or "", message.partition() or 0))
            else:
                raise KafkaException(error)
    finally:
        consumer.close()


def header_pairs(message: Message) -> Iterable[tuple[str, bytes | str | None]]:
    """Headers of a message that was read, in their order."""
    headers = message.headers() or []
    return headers.items() if isinstance(headers, dict) else headers


def _starts(consumer: Consumer, topic: str, depth: int | None) -> Iterator[TopicPartition]:
    listed = consumer.list_topics(topic, timeout=WAIT_S).topics[topic]
    for number in listed.partitions if listed.error is None else ():
        if depth is None:
            yield TopicPartition(topic, number, OFFSET_BEGINNING)
        else:
            low, high = _bounds(consumer, TopicPartition(topic, number))
            yield TopicPartition(topic, number, max(low, high - depth))


@while_leaders_are_found
def _bounds(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    return consumer.get_watermark_offsets(place, timeout=WAIT_S)
