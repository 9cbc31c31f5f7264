"""Embedded services: started, found, repaired, stopped."""

from __future__ import annotations

import psycopg2
import redis
from confluent_kafka.admin import AdminClient


def test_each_server_answers_at_its_endpoint(kafka: str, redis_server: str, postgres: str) -> None:
    assert AdminClient({"bootstrap.servers": kafka}).list_topics(timeout=5).brokers
    assert redis.Redis.from_url(redis_server).ping()
    connection = psycopg2.connect(postgres)
    connection.close()
