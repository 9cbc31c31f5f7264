"""Lines of capture files: `<receive time, ns> <combined-stream JSON>`, in the order in which they were received."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from crypto_assets.simulator.clock import SECOND_US, day_of
from crypto_assets.simulator.frames import amounts
from crypto_assets.simulator.market import Book, Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.payloads import (
    agg_trade_payloads,
    force_order_payloads,
    mark_price_payloads,
    trade_payloads,
)

STREAMS: dict[Venue, tuple[str, ...]] = {
    "spot": ("bookTicker", "depth10", "trade"),
    "usdm": ("markPrice", "forceOrder", "aggTrade"),
}
"""What a recorder may listen to; `depth10`, `bookTicker` and `markPrice` come at the pace asked for."""
USUAL_STREAMS: dict[Venue, tuple[str, ...]] = {"spot": ("depth10", "trade"), "usdm": ("markPrice", "forceOrder")}
"""What is recorded unless another choice is asked for: the streams whose rows nothing else in the file repeats."""

_LEVELS = 10
_LATENCY_NS = 5_000_000  # from the exchange to the recorder
_FASTEST_US: dict[Venue, int] = {"spot": 100_000, "usdm": SECOND_US}

type _Part = pl.Expr | str


def capture_lines(
    data: SimulatedData, *, venue: Venue, symbol: str, streams: Sequence[str], start_us: int, end_us: int, pace_us: int
) -> bytes:
    """The lines of all events in [start, end), which lies within one day; none while trading is halted."""
    span = (start_us, end_us)
    found = [_events(data, symbol, stream, span) for stream in streams if stream in _EVENT_STREAMS]
    times_us = _open_times(data, venue, symbol, span, max(pace_us, _FASTEST_US[venue]))
    found += _books(data, venue, symbol, streams=[s for s in streams if s in _BOOK_STREAMS], times_us=times_us)
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


def _books(
    data: SimulatedData, venue: Venue, symbol: str, *, streams: Sequence[str], times_us: Ints
) -> list[pl.DataFrame]:
    """Messages made from the order book, which is computed once for all of them."""
    if not times_us.size or not streams:
        return []
    with data.market() as market:
        book = market.book(symbol, times_us, levels=_LEVELS, venue=venue)
    return [_BOOK_STREAMS[stream](symbol, times_us, book) for stream in streams]


def _open_times(data: SimulatedData, venue: Venue, symbol: str, span: tuple[int, int], pace_us: int) -> Ints:
    """Moments of the pace at which the symbol is traded."""
    start_us, end_us = span
    times_us = np.arange(-(-start_us // pace_us) * pace_us, end_us, pace_us, dtype=np.int64)
    with data.market() as market:
        closed = market.tape(symbol, day_of(start_us), venue=venue).closed
    for closed_us, opened_us in closed:
        times_us = times_us[(times_us < closed_us) | (times_us >= opened_us)]
    return times_us


def _depths(symbol: str, times_us: Ints, book: Book) -> pl.DataFrame:
    columns: dict[str, pl.Series] = {"update": pl.Series(book.last_update_id)}
    parts: list[_Part] = [f'{{"stream":"{symbol.lower()}@depth10@100ms","data":{{"lastUpdateId":', pl.col("update")]
    for key, prices, quantities in (
        ("bids", book.bid_price, book.bid_quantity),
        ("asks", book.ask_price, book.ask_quantity),
    ):
        parts.append(f',"{key}":[')
        for level in range(prices.shape[1]):
            price, quantity = f"{key}_price_{level}", f"{key}_quantity_{level}"
            columns[price] = amounts(prices[:, level])
            columns[quantity] = amounts(quantities[:, level])
            parts += ['["' if level == 0 else ',["', pl.col(price), '","', pl.col(quantity), '"]']
        parts.append("]")
    return _messages(pl.DataFrame({"time_us": times_us, **columns}), [*parts, "}}"])


def _book_tickers(symbol: str, times_us: Ints, book: Book) -> pl.DataFrame:
    """The best prices, where they differ from those of the moment before."""
    best = pl.DataFrame(
        {
            "time_us": times_us,
            "u": book.last_update_id,
            "b": amounts(book.bid_price[:, 0]),
            "B": amounts(book.bid_quantity[:, 0]),
            "a": amounts(book.ask_price[:, 0]),
            "A": amounts(book.ask_quantity[:, 0]),
        }
    )
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("b", "B", "a", "A"))
    changed = best.filter(~same.fill_null(value=False))
    return _messages(
        changed,
        [
            f'{{"stream":"{symbol.lower()}@bookTicker","data":{{"u":', pl.col("u"), f',"s":"{symbol}","b":"',
            pl.col("b"), '","B":"', pl.col("B"), '","a":"', pl.col("a"), '","A":"', pl.col("A"), '"}}',
        ],
    )  # fmt: skip


def _named(stream: str, payloads: pl.DataFrame) -> pl.DataFrame:
    """Payloads as a combined connection gets them, with the name of their stream around them."""
    head = f'{{"stream":"{stream}","data":'
    return payloads.select("time_us", message=pl.concat_str(pl.lit(head), "message", pl.lit("}")))


def _messages(frame: pl.DataFrame, parts: Sequence[_Part]) -> pl.DataFrame:
    """The rows' messages: texts and columns put together in this order."""
    pieces = [pl.lit(part) if isinstance(part, str) else part.cast(pl.String) for part in parts]
    return frame.select("time_us", message=pl.concat_str(pieces))


_EVENT_STREAMS = frozenset({"trade", "aggTrade", "forceOrder"})
_BOOK_STREAMS = {"bookTicker": _book_tickers, "depth10": _depths}
