"""What Kafka is started with."""

from __future__ import annotations

from uuid import UUID

from resources.services.kafka import draw_cluster_id

BEGINS_WITH_A_DASH = UUID(bytes=b"\xf8" + bytes(15))
GOOD = UUID(bytes=bytes(16))


def test_no_cluster_id_looks_like_an_option_of_kafkas_tool() -> None:
    drawn = iter([BEGINS_WITH_A_DASH, BEGINS_WITH_A_DASH, GOOD])
    assert draw_cluster_id(lambda: next(drawn)) == "A" * 22
