"""Lines of capture files: `<receive time, ns> <combined-stream JSON>`, in the order in which they were received."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from crypto_assets.simulator.decimal_text import Digits
from crypto_assets.simulator.market import Book, Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.book_payloads import (
    best_quote_frame,
    best_quotes,
    spot_book_ticker,
    spot_depth_messages,
)
from crypto_assets.simulator.streams.payloads import (
    agg_trade_payloads,
    force_order_payloads,
    mark_price_payloads,
    messages,
    trade_payloads,
)
from crypto_assets.spans import SECOND_US

STREAMS: dict[Venue, tuple[str, ...]] = {
    "spot": ("bookTicker", "depth10", "trade"),
    "usdm": ("markPrice", "forceOrder", "aggTrade"),
}
"""What a recorder may listen to; `depth10`, `bookTicker` and `markPrice` come at the pace asked for."""
USUAL_STREAMS: dict[Venue, tuple[str, ...]] = {"spot": ("depth10", "trade"), "usdm": ("markPrice", "forceOrder")}
"""What is recorded unless another choice is asked for: the streams whose rows nothing else in the file repeats."""

_LEVELS = 10
_LATENCY_NS = 5_000_000  # from the exchange to the recorder
_EVENT_STREAMS = frozenset({"trade", "aggTrade", "forceOrder"})
_BOOK_STREAMS = frozenset({"bookTicker", "depth10"})
_FASTEST_US: dict[Venue, int] = {"spot": 100_000, "usdm": SECOND_US}


def capture_lines(
    data: SimulatedData, *, venue: Venue, symbol: str, streams: Sequence[str], start_us: int, end_us: int, pace_us: int
) -> bytes:
    """The lines of all events in [start, end); none while trading is halted."""
    found = [_events(data, symbol, stream, (start_us, end_us)) for stream in streams if stream in _EVENT_STREAMS]
    with data.market() as market:
        pace_us = max(pace_us, _FASTEST_US[venue])
        times_us = market.open_times(symbol, start_us, end_us, pace_us=pace_us, venue=venue)
        if times_us.size and not _BOOK_STREAMS.isdisjoint(streams):
            book = market.book(symbol, times_us, levels=_LEVELS, venue=venue)
            found += [_of_book(stream, symbol, times_us, book) for stream in streams if stream in _BOOK_STREAMS]
    if "markPrice" in streams:
        found.append(_named(f"{symbol.lower()}@markPrice@1s", mark_price_payloads(data, symbol, times_us)))
    parts = [part for part in found if part.height]
    if not parts:
        return b""
    lines = pl.concat(parts).sort("time_us", maintain_order=True)
    received_ns = pl.col("time_us") * 1000 + _LATENCY_NS
    text = lines.select(pl.concat_str(received_ns.cast(pl.String), pl.lit(" "), pl.col("message")))
    return text.write_csv(None, include_header=False, quote_style="never").encode()


def _events(data: SimulatedData, symbol: str, stream: str, span: tuple[int, int]) -> pl.DataFrame:
    """Messages that come whenever something happens, with their `time_us`."""
    if stream == "trade":
        return _named(f"{symbol.lower()}@trade", trade_payloads(data, symbol, *span))
    if stream == "aggTrade":
        return _named(f"{symbol.lower()}@aggTrade", agg_trade_payloads(data, symbol, *span, venue="usdm"))
    return _named(f"{symbol.lower()}@forceOrder", force_order_payloads(data, symbol, *span))


def _of_book(stream: str, symbol: str, times_us: Ints, book: Book) -> pl.DataFrame:
    """The whole book, or the best prices where they differ from those of the moment before."""
    if stream == "depth10":
        return _named(f"{symbol.lower()}@depth10@100ms", spot_depth_messages(times_us, book))
    changed = np.append(True, np.diff(best_quotes(book), axis=0).any(axis=1))
    best = best_quote_frame(times_us, book, Digits()).filter(pl.Series(changed))
    return _named(f"{symbol.lower()}@bookTicker", messages(best, spot_book_ticker(symbol)))


def _named(stream: str, payloads: pl.DataFrame) -> pl.DataFrame:
    """Payloads as a combined connection gets them, with the name of their stream around them."""
    head = f'{{"stream":"{stream}","data":'
    return payloads.select("time_us", message=pl.concat_str(pl.lit(head), "message", pl.lit("}")))
