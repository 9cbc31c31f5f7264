"""Order books: whole to some depth, their best prices, and what changed since the message before.

The levels of the changes are those of the book to a depth of `_DIFF_LEVELS`. A level that comes within is sent in
full, one that sinks below is left to the client, who knows it as it was; so a client's book holds these levels exactly,
from whatever snapshot it began.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from crypto_assets.simulator.decimal_text import Digits
from crypto_assets.simulator.frames import amounts
from crypto_assets.simulator.market import Book, Market, Venue
from crypto_assets.simulator.market.results import Ints
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.streams.payloads import Part, messages

_DIFF_LEVELS = 500
_SIDES = ("bid", "ask")
_BEST_COLUMNS = {"b": "bid_price", "B": "bid_quantity", "a": "ask_price", "A": "ask_quantity"}
_BEST: tuple[Part, ...] = (
    *(',"b":"', pl.col("b"), '","B":"', pl.col("B"), '","a":"', pl.col("a"), '","A":"', pl.col("A"), '"'),
)
_FUTURES_TAIL = ',"ps":"{symbol}","st":1}}'


def depth_payloads(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, levels: int, pace_us: int
) -> pl.DataFrame:
    """The best levels at each moment; messages of USD-M continue the ids of the one `pace_us` before."""
    book = _book(data, symbol, times_us, venue=venue, levels=levels)
    if venue == "spot":
        return spot_depth_messages(times_us, book)
    columns, bids, asks = _sides(book, data.digits(symbol, venue))
    following = Book(book.last_update_id, *(np.zeros((times_us.size, 1), dtype=np.int64) for _ in range(4)))
    before = _book_before(data, symbol, times_us - pace_us, venue=venue, levels=1, following=following)
    frame = pl.DataFrame({"time_us": times_us, **columns, "pu": pl.Series(before.last_update_id)})
    return messages(frame, _update(symbol, venue=venue, unit_us=1000, bids=bids, asks=asks))


def spot_depth_messages(times_us: Ints, book: Book) -> pl.DataFrame:
    """All levels of the book at each moment."""
    columns, bids, asks = _sides(book, Digits())
    frame = pl.DataFrame({"time_us": times_us, **columns})
    return messages(frame, ['{"lastUpdateId":', pl.col("u"), ',"bids":', *bids, ',"asks":', *asks, "}"])


def _sides(book: Book, digits: Digits) -> tuple[dict[str, pl.Series], list[Part], list[Part]]:
    """Columns of ids and levels, and the JSON lists of bids and asks made of them."""
    columns: dict[str, pl.Series] = {"u": pl.Series(book.last_update_id)}
    sides: list[list[Part]] = []
    for side in _SIDES:
        parts: list[Part] = ["["]
        prices, quantities = getattr(book, f"{side}_price"), getattr(book, f"{side}_quantity")
        for level in range(prices.shape[1]):
            price, quantity = f"{side}_price_{level}", f"{side}_quantity_{level}"
            columns[price] = amounts(prices[:, level], decimals=digits.price)
            columns[quantity] = amounts(quantities[:, level], decimals=digits.lot)
            parts += ['["' if level == 0 else ',["', pl.col(price), '","', pl.col(quantity), '"]']
        sides.append([*parts, "]"])
    bids, asks = sides
    return columns, bids, asks


def book_ticker_payloads(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, slot_us: int
) -> pl.DataFrame:
    """The best prices and quantities, where they differ from those a slot before."""
    if not times_us.size:
        return messages(pl.DataFrame({"time_us": times_us}), [""])
    book = _book(data, symbol, times_us, venue=venue, levels=1)
    before = _book_before(data, symbol, times_us - slot_us, venue=venue, levels=1, following=book)
    changed = (best_quotes(book) != best_quotes(before)).any(axis=1)
    best = best_quote_frame(times_us, book, data.digits(symbol, venue)).filter(pl.Series(changed))
    if venue == "spot":
        return messages(best, spot_book_ticker(symbol))
    time_ms = pl.col("time_us") // 1000
    head: list[Part] = ['{"e":"bookTicker","u":', pl.col("u"), ',"E":', time_ms, ',"T":', time_ms]
    return messages(best, [*head, f',"s":"{symbol}","ps":"{symbol}"', *_BEST, ',"st":1}'])


def best_quotes(book: Book) -> Ints:
    """Prices and quantities of the best levels, [n, 4]."""
    return np.column_stack([getattr(book, name)[:, 0] for name in _BEST_COLUMNS.values()])


def best_quote_frame(times_us: Ints, book: Book, digits: Digits) -> pl.DataFrame:
    """The best levels at each moment, by the names that messages have for them."""
    decimals = {"price": digits.price, "quantity": digits.lot}
    columns = {
        short: amounts(getattr(book, name)[:, 0], decimals=decimals[name.partition("_")[2]])
        for short, name in _BEST_COLUMNS.items()
    }
    return pl.DataFrame({"time_us": times_us, "u": book.last_update_id, **columns})


def spot_book_ticker(symbol: str) -> list[Part]:
    """The parts of a message, of the columns of `best_quote_frame`."""
    return ['{"u":', pl.col("u"), f',"s":"{symbol}"', *_BEST, "}"]


def diff_payloads(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, pace_us: int, unit_us: int = 1000
) -> pl.DataFrame:
    """What changed in the book at each moment since `pace_us` before it; amounts are absolute, 0 removes a level."""
    if not times_us.size:
        return messages(pl.DataFrame({"time_us": times_us}), [""])
    book = _book(data, symbol, times_us, venue=venue, levels=_DIFF_LEVELS)
    before = _book_before(data, symbol, times_us - pace_us, venue=venue, levels=_DIFF_LEVELS, following=book)
    frame = pl.DataFrame({"time_us": times_us, "u": book.last_update_id, "pu": before.last_update_id})
    with data.market() as market:
        for side in _SIDES:
            gone = list(_gone_beyond(market, symbol, times_us - pace_us, venue=venue, side=side, pair=(before, book)))
            texts = _changes(data, symbol, book, before, side=side, venue=venue, gone=gone)
            frame = frame.with_row_index("row").join(texts, on="row", how="left", maintain_order="left").drop("row")
    frame = frame.with_columns(pl.col("bid", "ask").fill_null(""))
    bids: list[Part] = ["[", pl.col("bid"), "]"]
    asks: list[Part] = ["[", pl.col("ask"), "]"]
    return messages(frame, _update(symbol, venue=venue, unit_us=unit_us, bids=bids, asks=asks))


def _changes(
    data: SimulatedData, symbol: str, book: Book, before: Book, *, side: str, venue: Venue, gone: list[tuple[int, int]]
) -> pl.DataFrame:
    """Text of the changed levels of one side by `row`, the number of the moment."""
    sign = 1 if side == "bid" else -1
    now, then = _levels(book, side), _levels(before, side)
    worst = pl.DataFrame({"worst": getattr(book, f"{side}_price")[:, -1]}).with_row_index("row")
    best_before = pl.DataFrame({"best": getattr(before, f"{side}_price")[:, 0]}).with_row_index("row")
    both = now.join(then, on=("row", "price"), how="full", coalesce=True, suffix="_before")
    both = both.join(worst, on="row").join(best_before, on="row")
    sunk = (pl.col("price") * sign < pl.col("worst") * sign) & (pl.col("price") != pl.col("best"))
    removed = pl.col("quantity").is_null()
    changed = both.filter(pl.col("quantity").ne_missing(pl.col("quantity_before")) & ~(removed & sunk)).select(
        "row", "price", quantity=pl.col("quantity").fill_null(0)
    )
    further = pl.DataFrame(gone, schema={"row": pl.UInt32, "price": pl.Int64}, orient="row")
    further = further.with_columns(quantity=pl.lit(0, dtype=pl.Int64))
    changed = pl.concat([changed.cast({"row": pl.UInt32}), further]).sort("row", pl.col("price") * -sign)
    digits = data.digits(symbol, venue)
    text = pl.DataFrame(
        {
            "row": changed["row"],
            "price": amounts(changed["price"].to_numpy(), decimals=digits.price),
            "quantity": amounts(changed["quantity"].to_numpy(), decimals=digits.lot),
        }
    ).with_columns(pl.col("price", "quantity").cast(pl.String))
    level = pl.concat_str(pl.lit('["'), "price", pl.lit('","'), "quantity", pl.lit('"]'))
    return text.group_by("row", maintain_order=True).agg(level.str.join(",").alias(side))


def _gone_beyond(
    market: Market, symbol: str, before_us: Ints, *, venue: Venue, side: str, pair: tuple[Book, Book]
) -> Iterator[tuple[int, int]]:
    """Rows and prices of levels that a leap of the best price took away below those that are compared."""
    sign = 1 if side == "bid" else -1
    before, book = (getattr(each, f"{side}_price") * sign for each in pair)
    for row in np.flatnonzero(book[:, 0] < before[:, -1]).tolist():
        levels, shown = before.shape[1], before[row]
        while shown[-1] > book[row, 0] and shown.size == levels:
            levels *= 4
            deep = market.depth(symbol, int(before_us[row]), levels=levels, venue=venue)
            shown = getattr(deep, f"{side}_price")[0] * sign
        lost = shown[before.shape[1] :]
        yield from ((row, int(price) * sign) for price in lost[lost > book[row, 0]].tolist())


def _levels(book: Book, side: str) -> pl.DataFrame:
    prices, quantities = getattr(book, f"{side}_price"), getattr(book, f"{side}_quantity")
    rows, levels = prices.shape
    return pl.DataFrame(
        {
            "row": np.repeat(np.arange(rows, dtype=np.uint32), levels),
            "price": prices.ravel(),
            "quantity": quantities.ravel(),
        }
    )


def _update(symbol: str, *, venue: Venue, unit_us: int, bids: list[Part], asks: list[Part]) -> list[Part]:
    time = pl.col("time_us") // unit_us
    ids: list[Part] = [f',"s":"{symbol}","U":', pl.col("pu") + 1, ',"u":', pl.col("u")]
    sides: list[Part] = [',"b":', *bids, ',"a":', *asks]
    if venue == "spot":
        return ['{"e":"depthUpdate","E":', time, *ids, *sides, "}"]
    tail = _FUTURES_TAIL.format(symbol=symbol)
    return ['{"e":"depthUpdate","E":', time, ',"T":', time, *ids, ',"pu":', pl.col("pu"), *sides, tail]


def _book_before(
    data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, levels: int, following: Book
) -> Book:
    """Books at earlier moments; at the symbol's very first moment the book itself, as there is none before."""
    try:
        return _book(data, symbol, times_us, venue=venue, levels=levels)
    except LookupError:
        return following


def _book(data: SimulatedData, symbol: str, times_us: Ints, *, venue: Venue, levels: int) -> Book:
    with data.market() as market:
        return market.book(symbol, times_us, levels=levels, venue=venue)
