"""The messages of any streams in any span of time, ready to be sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import polars as pl

from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.book_payloads import book_ticker_payloads, depth_payloads, diff_payloads
from crypto_assets.simulator.streams.kline_payloads import kline_payloads
from crypto_assets.simulator.streams.names import StreamKey
from crypto_assets.simulator.streams.payloads import (
    agg_trade_payloads,
    force_order_payloads,
    mark_price_payloads,
    trade_payloads,
)
from crypto_assets.simulator.streams.ticker_payloads import ticker_payloads
from crypto_assets.spans import SECOND_US

_SLOT_US = 100_000
_DEPTH = re.compile(r"depth(?P<levels>\d*)(?:@(?P<pace>\d+)ms)?")
_USUAL_DEPTH_PACE_US = {"spot": SECOND_US, "usdm": SECOND_US // 4}
_TICKER_PACE_US = {"spot": SECOND_US, "usdm": 2 * SECOND_US}


class StreamMessage(NamedTuple):
    """One message of a stream and when the exchange sends it."""

    time_us: int
    payload: bytes
    """JSON without the name of the stream."""
    trade_id: int = -1
    """Of a spot trade."""


class Producer:
    """Messages from the simulated market."""

    def __init__(self, data: SimulatedData) -> None:
        self._data = data

    def knows(self, key: StreamKey) -> bool:
        """Whether there is such a symbol; a stream of another is silent."""
        return key.symbol in self._data.symbols(key.venue)

    def events(self) -> object:
        """What has been scripted to happen to the market; messages made under other events are void."""
        return self._data.events

    def produce(self, keys: Iterable[StreamKey], start_us: int, end_us: int) -> dict[StreamKey, list[StreamMessage]]:
        """Messages due in [start, end) by stream, in order of time."""
        found: dict[StreamKey, list[StreamMessage]] = {}
        for key in keys:
            frame = self._frame(key, start_us, end_us)
            columns = frame["time_us"], frame["message"].cast(pl.Binary), frame["trade_id"]
            found[key] = [StreamMessage(*row) for row in zip(*(c.to_list() for c in columns), strict=True)]
        return found

    def _frame(self, key: StreamKey, start_us: int, end_us: int) -> pl.DataFrame:
        data, symbol, venue, unit_us = self._data, key.symbol, key.venue, key.unit_us
        match key.channel.partition("@")[0].partition("_"):
            case "trade", _, _:
                frame = trade_payloads(data, symbol, start_us, end_us, unit_us=unit_us)
            case "aggTrade", _, _:
                frame = agg_trade_payloads(data, symbol, start_us, end_us, venue=venue, unit_us=unit_us)
            case "forceOrder", _, _:
                frame = force_order_payloads(data, symbol, start_us, end_us)
            case "kline", _, interval:
                frame = kline_payloads(data, symbol, interval, start_us, end_us, venue=venue, unit_us=unit_us)
            case "markPrice", _, _:
                pace_us = SECOND_US if key.channel.endswith("@1s") else 3 * SECOND_US
                frame = mark_price_payloads(data, symbol, self._times(key, start_us, end_us, pace_us=pace_us))
            case "ticker" | "miniTicker" as name, _, _:
                times_us = self._times(key, start_us, end_us, pace_us=_TICKER_PACE_US[venue])
                mini = name == "miniTicker"
                frame = ticker_payloads(data, symbol, times_us, venue=venue, mini=mini, unit_us=unit_us)
            case "bookTicker", _, _:
                times_us = self._times(key, start_us, end_us, pace_us=_SLOT_US)
                frame = book_ticker_payloads(data, symbol, times_us, venue=venue, slot_us=_SLOT_US)
            case _:
                frame = self._depth(key, start_us, end_us)
        return frame

    def _depth(self, key: StreamKey, start_us: int, end_us: int) -> pl.DataFrame:
        data, symbol, venue = self._data, key.symbol, key.venue
        described = _DEPTH.fullmatch(key.channel)
        if described is None:
            raise ValueError(f"there is no stream {key.channel}")
        pace_us = int(described["pace"]) * 1000 if described["pace"] else _USUAL_DEPTH_PACE_US[venue]
        times_us = self._times(key, start_us, end_us, pace_us=pace_us)
        if described["levels"]:
            levels = int(described["levels"])
            return depth_payloads(data, symbol, times_us, venue=venue, levels=levels, pace_us=pace_us)
        return diff_payloads(data, symbol, times_us, venue=venue, pace_us=pace_us, unit_us=key.unit_us)

    def _times(self, key: StreamKey, start_us: int, end_us: int, *, pace_us: int) -> Ints:
        """The moments of a pace at which the market is open."""
        with self._data.market() as market:
            return market.open_times(key.symbol, start_us, end_us, pace_us=pace_us, venue=key.venue)
