"""Scripted faults of messages on their way from the market to the connections."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.stream_faults import (
    Burst,
    ClockJump,
    DuplicateEvents,
    LateEvents,
    MalformedMessage,
    OutOfOrder,
    SilentStream,
    StreamTarget,
)
from crypto_assets.simulator.streams.damage import SOUND, UNKNOWN_SYMBOL, damaged, with_event_time_moved
from crypto_assets.simulator.streams.session import Outgoing, head_of
from crypto_assets.spans import SECOND_US


class _Held(NamedTuple):
    release_us: int
    number: int
    """In the order in which they were held."""
    message: Outgoing


class FaultPipeline:
    """Passes messages on, changed as the script says: fewer, more, others, later or in another order.

    Where nothing is scripted and nothing held, `touched` is false and messages need not come through here. Messages
    keep the name of their stream, by which connections find them, in `stream`.
    """

    def __init__(self, faults: FaultBook) -> None:
        self._faults = faults
        self._held: list[_Held] = []
        self._held_so_far = 0
        self._burst_ends_us: dict[int, int] = {}
        self._reversed: dict[tuple[int, str], list[Outgoing]] = {}

    @property
    def touched(self) -> bool:
        """Whether messages must come through here."""
        return self._faults.touches_streams or bool(self._held or self._reversed)

    def feed(self, message: Outgoing, *, venue: Venue, now_us: int) -> Iterator[Outgoing]:
        """What is to be sent now of a message that is due."""
        target = StreamTarget(message.stream, venue)
        if self._faults.take_stream(SilentStream, target):
            return
        for each in self._altered(message, target):
            if late := self._faults.take_stream(LateEvents, target):
                self._hold(each, until_us=now_us + int(late[1].delay_s * SECOND_US))
            elif burst := self._faults.take_stream(Burst, target):
                number, fault = burst
                end_us = self._burst_ends_us.setdefault(number, now_us + int(fault.hold_s * SECOND_US))
                self._hold(each, until_us=end_us)
            elif turned := self._faults.take_stream(OutOfOrder, target):
                yield from self._turn(each, number=turned[0], group=turned[1].messages)
            else:
                yield each

    def release(self, now_us: int) -> Iterator[Outgoing]:
        """What was held until now; and what waits to be turned round by a fault that is no longer in force."""
        while self._held and self._held[0].release_us <= now_us:
            yield heapq.heappop(self._held).message
        self._burst_ends_us = {number: end for number, end in self._burst_ends_us.items() if end > now_us}
        for key in [key for key in self._reversed if not self._faults.is_in_force(key[0])]:
            yield from reversed(self._reversed.pop(key))

    def drain(self) -> Iterator[Outgoing]:
        """All that is still held, at the end of a recording."""
        while self._held:
            yield heapq.heappop(self._held).message
        for key in list(self._reversed):
            yield from reversed(self._reversed.pop(key))

    def _altered(self, message: Outgoing, target: StreamTarget) -> list[Outgoing]:
        if jump := self._faults.take_stream(ClockJump, target):
            message = message._replace(payload=with_event_time_moved(message.payload, jump[1].seconds))
        messages = [message]
        if broken := self._faults.take_stream(MalformedMessage, target):
            _, fault = broken
            other = _damage(message, fault)
            messages = [other, message] if fault.besides else [other]
        if doubled := self._faults.take_stream(DuplicateEvents, target):
            messages *= 1 + doubled[1].copies
        return messages

    def _turn(self, message: Outgoing, *, number: int, group: int) -> Iterator[Outgoing]:
        key = number, message.stream
        waiting = self._reversed.setdefault(key, [])
        waiting.append(message)
        if len(waiting) >= group:
            yield from reversed(self._reversed.pop(key))

    def _hold(self, message: Outgoing, *, until_us: int) -> None:
        self._held_so_far += 1
        heapq.heappush(self._held, _Held(until_us, self._held_so_far, message))


def _damage(message: Outgoing, fault: MalformedMessage) -> Outgoing:
    payload = damaged(message.payload, fault.damage, size_bytes=fault.size_bytes)
    head = message.head
    if fault.damage == "unknown_symbol":
        head = head_of(f"{UNKNOWN_SYMBOL.lower()}@{message.stream.partition('@')[2]}")
    trade_id = message.trade_id if fault.damage in SOUND else -1
    return message._replace(payload=payload, head=head, trade_id=trade_id)
