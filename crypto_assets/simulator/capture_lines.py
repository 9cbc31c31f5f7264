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
        found.append(_mark_prices(data, symbol, times_us))
    parts = [part for part in found if part.height]
    if not parts:
        return b""
    lines = pl.concat(parts).sort("time_us", maintain_order=True)
    received_ns = pl.col("time_us") * 1000 + _LATENCY_NS
    text = lines.select(pl.concat_str(received_ns.cast(pl.String), pl.lit(" "), pl.col("message")))
    return text.write_csv(None, include_header=False, quote_style="never").encode()


def _events(data: SimulatedData, symbol: str, stream: str, span: tuple[int, int]) -> pl.DataFrame:
    """Messages that come whenever something happens, with their `time_us`."""
    return _EVENT_STREAMS[stream](data, symbol, *span)


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


def _trades(data: SimulatedData, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
    time_ms = pl.col("time_us") // 1000
    return _messages(
        data.trades(symbol, start_us, end_us, venue="spot"),
        [
            f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":', time_ms, f',"s":"{symbol}","t":',
            pl.col("id"), ',"p":"', pl.col("price"), '","q":"', pl.col("quantity"), '","T":', time_ms,
            ',"m":', pl.col("is_buyer_maker"), ',"M":true}}',
        ],
    )  # fmt: skip


def _agg_trades(data: SimulatedData, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
    time_ms = pl.col("time_us") // 1000
    return _messages(
        data.agg_trades(symbol, start_us, end_us, venue="usdm"),
        [
            f'{{"stream":"{symbol.lower()}@aggTrade","data":{{"e":"aggTrade","E":', time_ms, f',"s":"{symbol}","a":',
            pl.col("id"), ',"p":"', pl.col("price"), '","q":"', pl.col("quantity"), '","nq":"', pl.col("quantity"),
            '","f":', pl.col("first_id"), ',"l":', pl.col("last_id"), ',"T":', time_ms,
            ',"m":', pl.col("is_buyer_maker"), ',"st":1}}',
        ],
    )  # fmt: skip


def _mark_prices(data: SimulatedData, symbol: str, times_us: Ints) -> pl.DataFrame:
    with data.market() as market:
        prices = market.mark_prices(symbol, times_us)
    frame = pl.DataFrame(
        {
            "time_us": times_us,
            "mark": amounts(prices.mark_price),
            "index": amounts(prices.index_price),
            "rate": amounts(prices.estimated_rate),
            "next": prices.next_funding_time_us // 1000,
        }
    )
    time_ms = pl.col("time_us") // 1000
    return _messages(
        frame,
        [
            f'{{"stream":"{symbol.lower()}@markPrice@1s","data":{{"e":"markPriceUpdate","E":', time_ms,
            f',"s":"{symbol}","p":"', pl.col("mark"), '","i":"', pl.col("index"), '","P":"', pl.col("index"),
            '","r":"', pl.col("rate"), '","ap":"', pl.col("mark"), '","T":', pl.col("next"), ',"st":1}}',
        ],
    )  # fmt: skip


def _force_orders(data: SimulatedData, symbol: str, start_us: int, end_us: int) -> pl.DataFrame:
    decimals = data.decimals(symbol, "usdm")
    with data.market() as market:
        found = market.liquidations(symbol, day_of(start_us))
    frame = pl.DataFrame(
        {
            "time_us": found.time_us,
            "side": np.where(found.is_sell, "SELL", "BUY"),
            "price": amounts(found.price, decimals=decimals["price_decimals"]),
            "average": amounts(found.average_price, decimals=decimals["price_decimals"]),
            "quantity": amounts(found.quantity, decimals=decimals["lot_decimals"]),
        }
    ).filter(pl.col("time_us").is_between(start_us, end_us, closed="left"))
    time_ms, quantity = pl.col("time_us") // 1000, pl.col("quantity")
    return _messages(
        frame,
        [
            f'{{"stream":"{symbol.lower()}@forceOrder","data":{{"e":"forceOrder","E":', time_ms,
            f',"o":{{"s":"{symbol}","S":"', pl.col("side"), '","o":"LIMIT","f":"IOC","q":"', quantity,
            '","p":"', pl.col("price"), '","ap":"', pl.col("average"), '","X":"FILLED","l":"', quantity,
            '","z":"', quantity, '","T":', time_ms, "}}}",
        ],
    )  # fmt: skip


def _messages(frame: pl.DataFrame, parts: Sequence[_Part]) -> pl.DataFrame:
    """The rows' messages: texts and columns put together in this order."""
    pieces = [pl.lit(part) if isinstance(part, str) else part.cast(pl.String) for part in parts]
    return frame.select("time_us", message=pl.concat_str(pieces))


_EVENT_STREAMS = {"trade": _trades, "aggTrade": _agg_trades, "forceOrder": _force_orders}
_BOOK_STREAMS = {"bookTicker": _book_tickers, "depth10": _depths}
