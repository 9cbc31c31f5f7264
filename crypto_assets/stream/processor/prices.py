"""The chain of a symbol's prices: which price comes before which, whatever order the tickers arrive in.

The price before a ticker's is that of the newest earlier ticker known when it arrived: of lower offset, and earlier
by event time. Kafka keeps a symbol's tickers in one order for ever, so the rate of a ticker is the same however the
messages are cut into batches, and however often they are read; a late ticker changes no rate that was given before.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from operator import attrgetter

from crypto_assets.stream.processor.messages import Ticker

RATE_DECIMALS = Decimal("1e-18")
LARGEST_RATE = Decimal(10) ** 19
_EXACT = Context(prec=60)
_order = attrgetter("order")


@dataclass(frozen=True, slots=True)
class Price:
    """A ticker's price, with the one before it."""

    ticker: Ticker
    previous: Decimal | None

    @property
    def order(self) -> tuple[int, int, int]:
        """Where it stands among the prices of its symbol."""
        return self.ticker.order

    @property
    def rate(self) -> Decimal | None:
        """(price - previous) / previous to 18 decimals; None for the first price, and after one of zero."""
        return exchange_rate(self.ticker.price, self.previous)


@dataclass(frozen=True, slots=True)
class Chained:
    """What a batch of tickers came to."""

    added: list[Price]
    """New prices, in the order of their offsets."""
    late: int
    """New prices that are older than the newest known when they arrived."""
    newest: dict[str, Price]
    """Newest price of each symbol that has a newer one now."""


def exchange_rate(price: Decimal, previous: Decimal | None) -> Decimal | None:
    """(price - previous) / previous, half even to 18 decimals; None where it is not defined or beyond its column."""
    if not previous:
        return None
    rate = _EXACT.divide(price - previous, previous)
    return None if abs(rate) >= LARGEST_RATE else rate.quantize(RATE_DECIMALS, context=_EXACT)


def spans_to_look_up(tickers: Iterable[Ticker], newest: Mapping[str, Price]) -> dict[str, tuple[int, int]]:
    """First and last event (us) of the tickers for which the newest price of their symbol is not enough to know."""
    spans: dict[str, tuple[int, int]] = {}
    for ticker in tickers:
        known = newest.get(ticker.symbol)
        if known is not None and ticker.event_us <= known.ticker.event_us:
            first, last = spans.get(ticker.symbol, (ticker.event_us, ticker.event_us))
            spans[ticker.symbol] = min(first, ticker.event_us), max(last, ticker.event_us)
    return spans


def chain(tickers: Iterable[Ticker], *, newest: Mapping[str, Price], known: Mapping[str, Sequence[Price]]) -> Chained:
    """Give each ticker the price before it.

    `tickers` come in the order of their offsets. `known` has, for the symbols of `spans_to_look_up`, the last prices
    before the span and those within it, in their order.
    """
    histories = _histories(newest, known)
    added: list[Price] = []
    late = 0
    latest: dict[str, Price] = {}
    for ticker in tickers:
        history = histories.setdefault(ticker.symbol, [])
        if _is_known(ticker, history):
            continue
        place = bisect_left(history, ticker.order, key=_order)
        price = Price(ticker, history[place - 1].ticker.price if place else None)
        late += place < len(history)
        added.append(price)
        if place == len(history):
            latest[ticker.symbol] = price
        insort(history, price, key=_order)
    return Chained(added, late, latest)


def _histories(newest: Mapping[str, Price], known: Mapping[str, Sequence[Price]]) -> dict[str, list[Price]]:
    histories: dict[str, list[Price]] = {}
    for symbol, price in newest.items():
        earlier = [each for each in known.get(symbol, ()) if each.order < price.order]
        histories[symbol] = [*earlier, price]
    return histories


def _is_known(ticker: Ticker, history: Sequence[Price]) -> bool:
    place = bisect_left(history, (ticker.event_us,), key=_order)
    while place < len(history) and history[place].ticker.event_us == ticker.event_us:
        if history[place].ticker.price == ticker.price:
            return True
        place += 1
    return False
