from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.convergence.live_ranges import (
    Range,
    TopicEnds,
    decode_ends,
    encode_ends,
    plan_range,
    position_of,
)
from crypto_assets.lake.manifest import Position


def position(taken: int, *, later: int | None = None) -> Position:
    return Position("binance.trades", "id", 0, taken, later)


@pytest.mark.parametrize(
    ("bounds", "held", "before", "asked", "expected"),
    [
        pytest.param((5, 90), None, None, None, Range(5, 90), id="never read: from the first message kept"),
        pytest.param((5, 90), position(40), None, None, Range(40, 90), id="read before: goes on"),
        pytest.param((5, 90), position(40), None, 60, Range(40, 60), id="stops where it was asked to"),
        pytest.param((5, 90), position(40), None, 30, Range(40, 40), id="asked for what it has"),
        pytest.param((5, 90), position(40), None, 900, Range(40, 90), id="asked for more than there is"),
        pytest.param(
            (5, 90), None, position(70, later=50), None, Range(50, 90), id="where the day before saw this one"
        ),
        pytest.param((5, 90), None, position(70), None, Range(70, 90), id="the day before saw nothing of it"),
        pytest.param((60, 90), None, position(70, later=50), None, Range(60, 90), id="deleted, but never taken up"),
        pytest.param((5, 90), position(40), position(70, later=50), None, Range(40, 90), id="its own position counts"),
        pytest.param((0, 0), None, None, None, Range(0, 0), id="empty"),
    ],
)
def test_a_range_begins_where_nothing_was_read_and_ends_where_it_is_asked_to(
    bounds: tuple[int, int], held: Position | None, before: Position | None, asked: int | None, expected: Range
) -> None:
    assert plan_range(bounds, held=held, before=before, asked=asked) == expected


def test_messages_that_kafka_deleted_or_lost_are_counted() -> None:
    deleted = plan_range((60, 90), held=position(40), before=None, asked=None)
    assert (deleted.start, deleted.end) == (60, 90)
    assert deleted.remark == "Kafka deleted 20 messages before they were taken"
    assert plan_range((40, 90), held=position(40), before=None, asked=None).remark == ""
    assert plan_range((60, 90), held=None, before=position(40), asked=None).remark == ""

    lost = plan_range((5, 30), held=position(40), before=None, asked=None)
    assert (lost.start, lost.end) == (5, 30)
    assert lost.remark == "Kafka lost 10 messages that had been taken"
    assert plan_range((5, 40), held=position(40), before=None, asked=None) == Range(40, 40)
    stopped = plan_range((5, 30), held=position(40), before=None, asked=20)
    assert (stopped.start, stopped.end) == (5, 20)
    behind = plan_range((5, 30), held=position(40), before=None, asked=2)
    assert (behind.start, behind.end) == (5, 5)


def test_the_end_of_the_day_before_counts_unless_kafka_lost_it() -> None:
    assert plan_range((5, 90), held=None, before=position(90), asked=None) == Range(90, 90)
    assert plan_range((5, 90), held=None, before=position(91), asked=None) == Range(5, 90)


def test_a_position_is_that_of_its_topic_and_partition() -> None:
    held = tuple(Position("binance.trades", topic, n, 10 * n) for topic in ("old", "new") for n in (0, 1))
    assert position_of(held, topic_id="new", partition=1) is held[3]
    assert position_of(held, topic_id="old", partition=0) is held[0]
    assert position_of(held, topic_id="new", partition=2) is None
    assert position_of((), topic_id="new", partition=0) is None


def test_ends_are_short_json_in_the_order_of_names() -> None:
    text = encode_ends({"trades": TopicEnds("b", (1, 2)), "klines": TopicEnds("a", ())})
    assert text == '{"klines":["a",[]],"trades":["b",[1,2]]}'
    with pytest.raises(ValueError, match="JSON"):
        decode_ends("no ends")


offsets = st.integers(0, 1_000)


@given(
    low=offsets,
    kept=offsets,
    held=st.none() | offsets.map(position),
    before=st.none() | st.builds(position, offsets, later=st.none() | offsets),
    asked=st.none() | offsets,
)
def test_a_range_lies_in_the_topic_and_begins_at_no_message_that_was_taken(
    low: int, kept: int, held: Position | None, before: Position | None, asked: int | None
) -> None:
    high = low + kept
    found = plan_range((low, high), held=held, before=before, asked=asked)

    assert low <= found.start <= found.end
    assert found.end <= high
    if held is not None and low <= held.taken <= high:
        assert found.start == held.taken


@given(st.dictionaries(st.sampled_from(["trades", "klines"]), st.lists(offsets, max_size=4)))
def test_ends_are_the_same_text_whatever_the_order_and_are_read_back(ends: dict[str, list[int]]) -> None:
    asked = {name: TopicEnds("id", tuple(offsets)) for name, offsets in ends.items()}
    turned = dict(reversed(asked.items()))

    assert encode_ends(turned) == encode_ends(asked)
    assert decode_ends(encode_ends(asked)) == asked
