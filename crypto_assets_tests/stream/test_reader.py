"""What Kafka holds, asked when it does not know itself yet."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # pyright: ignore[reportPrivateImportUsage]

from crypto_assets.errors import ServiceUnavailable
from crypto_assets.stream import topic_states
from crypto_assets.stream.reader import LiveTopics
from crypto_assets.stream.topics import TRADES


@pytest.fixture
def topics(kafka: str) -> LiveTopics:
    """Topics of an exchange of its own, with an empty one of trades."""
    live = LiveTopics(kafka, f"simulator-{uuid4().hex[:8]}")
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.create_topics([NewTopic(TRADES.of(live.exchange), 3, 1)]).values():
        future.result()
    return live


def fail(monkeypatch: pytest.MonkeyPatch, *, code: int, times: int) -> list[int]:
    """Let the first questions for offsets fail; the list grows with each question."""
    asked: list[int] = []
    answer = topic_states._offsets  # pyright: ignore[reportPrivateUsage]

    def offsets(*arguments: Any) -> Any:
        asked.append(code)
        if len(asked) <= times:
            raise KafkaException(KafkaError(code))
        return answer(*arguments)

    monkeypatch.setattr(topic_states, "_offsets", offsets)
    return asked


@pytest.mark.parametrize("code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
def test_a_topic_without_a_leader_yet_is_asked_for_again(
    topics: LiveTopics, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fail(monkeypatch, code=code, times=2)
    state = topics.state(TRADES)
    assert state is not None
    assert state.bounds == ((0, 0),) * 3


def test_a_kafka_that_is_away_is_asked_once_and_then_left_alone_for_a_while(
    topics: LiveTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = fail(monkeypatch, code=KafkaError._TIMED_OUT, times=1)  # pyright: ignore[reportPrivateUsage]
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="make status"):
            topics.state(TRADES)
    assert len(asked) == 1
