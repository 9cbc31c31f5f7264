"""Messages a second, as a heartbeat says them."""

from __future__ import annotations

from crypto_assets.stream.flow import Flow


def test_the_rate_is_that_of_the_time_before_and_forgets_what_is_older() -> None:
    flow = Flow()
    rates: list[float] = []
    for now_s, messages in ((0, 0), (10, 100), (20, 100), (30, 400)):
        flow.messages = messages
        rates.append(flow.state("trades", "BTCUSDT", now_s=now_s, rate_over_s=20).rate)
    assert rates == [0.0, 10.0, 5.0, 15.0]


def test_two_beats_at_one_moment_have_no_rate() -> None:
    flow = Flow(messages=5, last_event_us=1, last_received_us=2, lag_s=0.5)
    for _ in range(2):
        state = flow.state("trades", "BTCUSDT", now_s=7.0, rate_over_s=20)
        assert (state.rate, state.messages, state.last_event_us, state.last_received_us, state.lag_s) == (
            0,
            5,
            1,
            2,
            0.5,
        )
