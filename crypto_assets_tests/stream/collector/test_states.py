"""What is known of one stream."""

from __future__ import annotations

import pytest

from crypto_assets.stream.collector.sink import Outlet
from crypto_assets.stream.collector.states import CollectedState
from crypto_assets.stream.collector.subscriptions import KINDS, Stream


def state(kind: str) -> CollectedState:
    return CollectedState(Stream(KINDS[kind], "BTCUSDT"), Outlet.of(KINDS[kind].topic, "simulator-7"))


@pytest.mark.parametrize(
    ("messages", "event_us", "received_us", "lag_s"),
    [(1, 1_000_000, 1_250_000, 0.25), (0, 1_000_000, 1_250_000, None), (1, None, 5, None), (1, 5, None, None)],
)
def test_a_lag_is_known_from_the_first_message_of_this_run_on(
    messages: int, event_us: int | None, received_us: int | None, lag_s: float | None
) -> None:
    one = state("trade")
    one.messages, one.event_us, one.received_us = messages, event_us, received_us
    assert one.lag_s == lag_s


def test_the_rate_begins_with_the_first_beat_and_then_follows_slowly() -> None:
    one = state("trade")
    rates: list[float] = []
    for messages, seconds in ((20, 2.0), (20, 2.0), (20, 0.0), (50, 1.0)):
        one.messages = messages
        one.measure_rate(seconds=seconds)
        rates.append(one.rate)
    assert rates == pytest.approx([10.0, 9.0, 9.0, 9.0 + 0.1 * (30 - 9)])


def test_the_first_event_that_a_beat_sees_is_kept() -> None:
    one = state("trade")
    for event_us in (None, 7, 9):
        one.event_us = event_us
        one.measure_rate(seconds=1.0)
    assert one.first_event_us == 7


@pytest.mark.parametrize(
    ("kind", "rate", "seconds"),
    [("trade", 0.0, 30), ("trade", 0.1, 200), ("trade", 100, 30), ("ticker", 0.1, 15)],
)
def test_a_stream_without_a_pace_of_its_own_may_be_quiet_for_twenty_of_its_intervals(
    kind: str, rate: float, seconds: float
) -> None:
    one = state(kind)
    one.rate = rate
    assert one.silent_after_s(scale=1.0) == seconds
    assert one.silent_after_s(scale=0.5) == seconds / 2
