"""Scripted halts and flash crashes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from crypto_assets.simulator.market import FlashCrash, Halt, Market
from crypto_assets.simulator.market.calendar import number_of
from crypto_assets.spans import DAY_US, to_us

DAY = date(2024, 8, 5)
START = number_of(DAY) * DAY_US
NOON = datetime(2024, 8, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def halted(*halts: Halt) -> Market:
    return Market(7, ["BTCUSDT", "ETHUSDT"], events=halts)


def test_a_halt_has_no_trades_and_no_candles_and_all_else_is_as_without_it(market: Market) -> None:
    scripted = halted(Halt(NOON, NOON + HOUR, "BTCUSDT"))
    candles = scripted.klines("BTCUSDT", "1m", START, START + DAY_US)
    assert candles.count.size == 1_380
    assert scripted.trades("BTCUSDT", to_us(NOON), to_us(NOON + HOUR)).price.size == 0
    for start, end in [(START, to_us(NOON)), (to_us(NOON + HOUR) + 60_000_000, START + DAY_US)]:
        with_halt, without = scripted.trades("BTCUSDT", start, end), market.trades("BTCUSDT", start, end)
        for name in ("trade_id", "time_us", "price", "quantity", "is_buyer_maker"):
            changed = getattr(with_halt, name) != getattr(without, name)
            assert changed.mean() < 0.001 if name == "quantity" else not changed.any(), name
    assert scripted.tape("BTCUSDT", DAY).trades.time_us.size == market.tape("BTCUSDT", DAY).trades.time_us.size
    assert scripted.tape("ETHUSDT", DAY).trades.price.tolist() == market.tape("ETHUSDT", DAY).trades.price.tolist()


def test_a_candle_cut_by_a_halt_exists() -> None:
    scripted = halted(Halt(NOON + timedelta(seconds=20), NOON + timedelta(seconds=200)))
    minutes = scripted.klines("BTCUSDT", "1m", to_us(NOON), to_us(NOON + timedelta(minutes=5))).open_time_us
    assert ((minutes - to_us(NOON)) // 60_000_000).tolist() == [0, 3, 4]


def test_a_halt_of_days_leaves_empty_days_and_ids_without_a_hole(market: Market) -> None:
    start, end = datetime(2024, 8, 4, 18, tzinfo=UTC), datetime(2024, 8, 7, 6, tzinfo=UTC)
    scripted = halted(Halt(start, end))
    tapes = [scripted.tape("BTCUSDT", date(2024, 8, day)) for day in range(3, 9)]
    assert [tape.trades.time_us.size > 0 for tape in tapes] == [True, True, False, False, True, True]
    ids = np.concatenate([tape.trades.trade_id for tape in tapes])
    assert (np.diff(ids) == 1).all()
    assert tapes[1].trades.time_us[-1] < to_us(start)
    assert tapes[4].trades.time_us[0] >= to_us(end)
    assert {tape.previous_close for tape in tapes[2:5]} == {tapes[1].trades.price[-1]}
    candles = scripted.klines("BTCUSDT", "1h", START - DAY_US, START + 3 * DAY_US)
    assert candles.count.size == 18 + 18
    assert scripted.klines("BTCUSDT", "1d", START, START + DAY_US).count.size == 0


def test_the_book_stands_still_in_a_halt() -> None:
    scripted = halted(Halt(NOON, NOON + 30 * HOUR))
    times = to_us(NOON) + np.array([-1, 0, 3_600_000_000, 20 * 3_600_000_000])
    book = scripted.book("BTCUSDT", times)
    assert len(set(book.last_update_id.tolist())) == 1
    assert (book.bid_price == book.bid_price[0]).all()


def test_halts_beside_each_other_are_one() -> None:
    split = halted(Halt(NOON, NOON + HOUR), Halt(NOON + HOUR, NOON + 2 * HOUR))
    whole = halted(Halt(NOON, NOON + 2 * HOUR))
    assert split.tape("BTCUSDT", DAY).trades.time_us.tolist() == whole.tape("BTCUSDT", DAY).trades.time_us.tolist()


def test_a_flash_crash_shows_in_its_candle_only(market: Market) -> None:
    scripted = Market(7, ["BTCUSDT"], events=[FlashCrash("BTCUSDT", NOON, price=Decimal(1), duration_s=5)])
    crashed, calm = (m.klines("BTCUSDT", "1m", START, START + DAY_US) for m in (scripted, market))
    assert crashed.low[720] == 10**8
    different = np.flatnonzero((crashed.low != calm.low) | (crashed.high != calm.high) | (crashed.close != calm.close))
    assert different.tolist() == [720]
    assert np.array_equal(crashed.volume, calm.volume)


def test_a_flash_crash_without_a_trade_takes_the_next_one(market: Market) -> None:
    tape = market.tape("BTCUSDT", DAY)
    gap = int(np.argmax(np.diff(tape.aggregates.time_us)))
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(tape.aggregates.time_us[gap]) + 10)
    scripted = Market(7, ["BTCUSDT"], events=[FlashCrash("BTCUSDT", at, price=Decimal("1.23456789"), duration_s=0.001)])
    changed = np.flatnonzero(scripted.tape("BTCUSDT", DAY).aggregates.price != tape.aggregates.price)
    assert changed.tolist() == [gap + 1]
    assert scripted.tape("BTCUSDT", DAY).aggregates.price[gap + 1] == 123_000_000


def test_the_book_brackets_the_trades_of_a_flash_crash() -> None:
    scripted = Market(7, ["BTCUSDT"], events=[FlashCrash("BTCUSDT", NOON, price=Decimal(1), duration_s=2)])
    tape = scripted.tape("BTCUSDT", DAY)
    times = to_us(NOON) + np.arange(-1_000, 4_000, 37) * 1_000
    book = scripted.book("BTCUSDT", times, levels=1)
    last = np.append(tape.previous_close, tape.trades.price)[np.searchsorted(tape.trades.time_us, times, side="right")]
    assert 10**8 in last
    assert ((book.bid_price[:, 0] <= last) & (last <= book.ask_price[:, 0])).all()


def test_a_crash_at_the_end_of_a_day_is_the_next_days_previous_close() -> None:
    late = datetime(2024, 8, 5, 23, 59, 59, tzinfo=UTC)
    scripted = Market(7, ["BTCUSDT"], events=[FlashCrash("BTCUSDT", late, price=Decimal(1), duration_s=1)])
    assert scripted.tape("BTCUSDT", date(2024, 8, 6)).previous_close == 10**8


@pytest.mark.parametrize("day", [date(2024, 8, 4), date(2024, 8, 6)])
def test_other_days_do_not_change(market: Market, day: date) -> None:
    scripted = halted(Halt(NOON, NOON + HOUR))
    assert np.array_equal(scripted.tape("BTCUSDT", day).trades.price, market.tape("BTCUSDT", day).trades.price)
