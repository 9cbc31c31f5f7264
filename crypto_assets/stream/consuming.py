"""Reading topics of Kafka to their ends, outside any group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from crypto_assets.access import kafka_options
from crypto_assets.stream.topic_states import read_states

WAIT_S = 10.0


def read_to_the_ends(servers: str, group: str, depths: Mapping[str, int | None]) -> Iterator[Message]:
    """The last messages of each partition of the topics, as many as `depths` says or all; none of a topic that is not.

    Those of a partition come in order, up to its end at the call, and nothing is committed. Raises KafkaException where
    Kafka says nothing for WAIT_S.
    """
    starts: list[TopicPartition] = []
    left: dict[tuple[str, int], int] = {}
    for state in read_states(AdminClient(kafka_options(servers)), depths).values():
        depth = depths[state.name]
        for number, (low, high) in enumerate(state.bounds):
            if low < high:
                start = OFFSET_BEGINNING if depth is None else max(low, high - depth)
                starts.append(TopicPartition(state.name, number, start))
                left[state.name, number] = high
    consumer = Consumer(
        {
            **kafka_options(servers),
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,  # compaction leaves holes in the offsets: the last ones may hold no message
        }
    )
    try:
        consumer.assign(starts)
        while left:
            message = consumer.poll(WAIT_S)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # pyright: ignore[reportPrivateUsage]
            place, offset = (message.topic() or "", message.partition() or 0), message.offset() or 0
            error = message.error()
            if error is None:
                end = left.get(place, 0)
                if offset < end:
                    yield message
                if offset + 1 >= end:
                    left.pop(place, None)
            elif error.code() == KafkaError._PARTITION_EOF:  # pyright: ignore[reportPrivateUsage]
                left.pop(place, None)
            else:
                raise KafkaException(error)
    finally:
        consumer.close()


def header_pairs(message: Message) -> Iterable[tuple[str, bytes | str | None]]:
    """Headers of a message that was read, in their order."""
    headers = message.headers() or []
    return headers.items() if isinstance(headers, dict) else headers
