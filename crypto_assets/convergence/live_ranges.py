"""Which offsets of a Kafka partition a day of a symbol reads. Nothing here reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from crypto_assets.lake.manifest import Position


class TopicEnds(msgspec.Struct, frozen=True, array_like=True):
    """Where each partition of a topic ended at some moment."""

    topic_id: str
    """Kafka's own id: of a topic that was deleted and created again, these say nothing."""
    ends: tuple[int, ...]


type Ends = Mapping[str, TopicEnds]
"""Upper ends by `Topic.name`, for a run that shall read so far and no further."""

_decoder = msgspec.json.Decoder(dict[str, TopicEnds])


def encode_ends(ends: Ends) -> str:
    """The ends as short JSON, the same text for the same ends."""
    return msgspec.json.encode(dict(sorted(ends.items()))).decode()


def decode_ends(text: str) -> Ends:
    """The ends of `encode_ends`; raises msgspec.MsgspecError (a ValueError) where the text is none."""
    return _decoder.decode(text)


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets [start, end) to read."""

    start: int
    end: int
    remark: str = ""
    """For people: what is strange about it."""


def plan_range(bounds: tuple[int, int], *, held: Position | None, before: Position | None, asked: int | None) -> Range:
    """What to read of a partition with messages at `bounds`, [low, high).

    `held` is how far this day was read before and `before` how far an earlier day of the symbol was, both of the same
    topic id. `asked` is where to stop; where it is None, at the last message.
    """
    low, high = bounds
    end = high if asked is None else min(high, asked)
    if held is not None and held.taken > high:
        # After an unclean stop of a broker offsets are given again. Copies of what was taken are recognised.
        return Range(low, max(low, end), f"Kafka lost {held.taken - high:,} messages that had been taken")
    start = low if held is None else held.taken
    if held is None and before is not None:
        start = before.taken if before.later is None else before.later
        start = start if start <= high else low
    lost = low - start
    remark = f"Kafka deleted {lost:,} messages before they were taken" if held is not None and lost > 0 else ""
    start = max(low, start)
    return Range(start, max(start, end), remark)


def position_of(positions: tuple[Position, ...], *, topic_id: str, partition: int) -> Position | None:
    """The position in a partition of the topic with this id; None where it was never read."""
    return next((p for p in positions if (p.topic_id, p.partition) == (topic_id, partition)), None)
