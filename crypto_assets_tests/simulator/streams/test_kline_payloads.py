"""Each candle closes exactly once, also where trading stopped before its end."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import Fault, Halt
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.names import StreamKey
from crypto_assets.simulator.streams.producer import Producer
from crypto_assets.spans import to_us

NOON = datetime(2025, 1, 3, 12, 0, tzinfo=UTC)
MINUTE_US = 60_000_000


class Candle(msgspec.Struct):
    t: int
    T: int
    x: bool
    n: int
    f: int
    L: int
    o: str
    c: str
    v: str


class Kline(msgspec.Struct):
    E: int
    k: Candle


def make(faults: Sequence[Fault] = ()) -> tuple[SimulatedData, Producer]:
    book = FaultBook()
    book.add(faults)
    data = SimulatedData(seed=7, symbols=("BTCUSDT",), faults=book)
    return data, Producer(data)


def candles(producer: Producer, channel: str, start: datetime, end: datetime, *, piece: timedelta) -> list[Kline]:
    key = StreamKey("spot", "BTCUSDT", channel)
    found: list[Kline] = []
    while start < end:
        made = producer.produce([key], to_us(start), to_us(min(start + piece, end)))[key]
        found += [msgspec.json.decode(message.payload, type=Kline) for message in made]
        start += piece
    return found


def open_times(data: SimulatedData, interval: str, start: datetime, end: datetime) -> list[int]:
    """Of the candles that REST has and that end in (start, end]."""
    width = {"1m": MINUTE_US, "15m": 15 * MINUTE_US, "1s": 1_000_000}[interval]
    rows = data.klines(
        "BTCUSDT", interval, to_us(start) - width, to_us(end), venue="spot", kind="klines", until_us=to_us(end)
    )
    return [t // 1000 for t in rows["time_us"].to_list() if to_us(start) < t + width <= to_us(end)]


@pytest.mark.parametrize("interval", ["1s", "1m", "15m"])
@pytest.mark.parametrize(
    "halt",
    [
        None,
        (timedelta(minutes=3, seconds=20), timedelta(minutes=21, seconds=7.5)),
        (timedelta(minutes=2), timedelta(minutes=17)),
        (timedelta(minutes=4, seconds=59.9), timedelta(minutes=5)),
        (timedelta(minutes=7, seconds=1), timedelta(minutes=7, seconds=2.5)),
    ],
)
def test_every_candle_of_rest_closes_once(interval: str, halt: tuple[timedelta, timedelta] | None) -> None:
    faults = [Halt(start=NOON + halt[0], end=NOON + halt[1])] if halt else []
    data, producer = make(faults)
    end = NOON + timedelta(minutes=31)
    # the last moment of the span belongs to it, as a candle closes at its end
    messages = candles(producer, f"kline_{interval}", NOON, end + timedelta(seconds=0.001), piece=timedelta(seconds=97))
    closed = [m.k.t for m in messages if m.k.x and m.k.t >= to_us(NOON) // 1000]
    assert closed == open_times(data, interval, NOON, end)
    assert [m.E for m in messages] == sorted(m.E for m in messages)
    for fault in faults:
        assert not [m for m in messages if to_us(fault.start) <= m.E * 1000 < to_us(fault.end)]


def test_candles_close_once_around_a_halt_over_midnight() -> None:
    midnight = datetime(2025, 1, 4, tzinfo=UTC)
    halt = Halt(start=midnight - timedelta(minutes=7.5), end=midnight + timedelta(minutes=4, seconds=10))
    data, producer = make([halt])
    start, end = midnight - timedelta(minutes=20), midnight + timedelta(minutes=20)
    messages = candles(producer, "kline_1m", start, end + timedelta(seconds=0.001), piece=timedelta(minutes=3))
    closed = [m.k.t for m in messages if m.k.x and m.k.t >= to_us(start) // 1000]
    assert closed == open_times(data, "1m", start, end)
    late = [m for m in messages if m.k.x and m.k.T + 1 < m.E]
    assert [(m.k.t, m.E) for m in late] == [(to_us(midnight - timedelta(minutes=8)) // 1000, to_us(halt.end) // 1000)]


def test_a_candle_without_trades_repeats_the_last_price_and_has_no_ids() -> None:
    _, producer = make()
    messages = candles(producer, "kline_1s", NOON, NOON + timedelta(minutes=1), piece=timedelta(minutes=1))
    empty = [(a, b) for a, b in itertools.pairwise(messages) if not b.k.n]
    assert empty
    for before, quiet in empty:
        assert (quiet.k.f, quiet.k.L, quiet.k.v) == (-1, -1, "0.00000000")
        assert quiet.k.o == quiet.k.c == before.k.c
