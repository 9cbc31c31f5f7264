"""The trades of one day: taker orders along the latent path, each filled by one or more makers.

Buys happen at the ask and sells at the bid of their 100 ms slot. How many orders and trades the day has is known from
the ledger beforehand, so ids are continuous over days without making the days before. The last order of a day lies in
its last slot, whose quotes follow from midnight's price alone: the close of a day is known without its tape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crypto_assets.simulator.market.calendar import FIRST_DAY, SLOT_US, Crash, TradingCalendar, day_of
from crypto_assets.simulator.market.exact import ONE, Floats, Words, below, draw_words, uniform
from crypto_assets.simulator.market.history import History, Ledger, Stream
from crypto_assets.simulator.market.noise import DAY_S, Noise
from crypto_assets.simulator.market.path import STEP_S, DayPath, quote
from crypto_assets.simulator.market.results import AggTrades, Bools, Ints, Tape, Trades
from crypto_assets.simulator.market.selection import chain
from crypto_assets.simulator.market.spec import UNIT, SymbolSpec, Venue
from crypto_assets.spans import DAY_US, SECOND_US

RESUMPTION_US = 60 * SECOND_US
"""Orders due in a halt come within a minute after it, or before it where it lasts over midnight."""

_CLOSING_US = DAY_US - 1_000  # the last order comes in the last millisecond
_FLOW_SCALES = ((1_200, 0.05), (300, 0.05), (60, 0.07))
_LARGEST_ORDER = 150.0  # times the mean


@dataclass(frozen=True, slots=True)
class VenueDay:
    """What a tape is made of: one symbol, one venue, one day."""

    seed: int
    spec: SymbolSpec
    venue: Venue
    day_number: int
    history: History
    ledger: Ledger
    calendar: TradingCalendar
    path: DayPath
    premium: Ints | None
    """Of the perpetual over spot, in 1e-8, at each second and the next midnight; None on spot."""

    @property
    def start_us(self) -> int:
        """Midnight."""
        return self.day_number * DAY_US

    @property
    def name(self) -> str:
        """Name of the random streams."""
        return f"{self.spec.symbol} {self.venue}"

    def words(self, stream: Stream, count: int) -> Words:
        """Words of the day's stream."""
        return draw_words(self.seed, self.name, stream, self.day_number, count=count)


def make_tape(today: VenueDay, *, previous_close: int) -> Tape:
    """The tape of a day, empty where the ledger has no orders."""
    index = today.day_number - FIRST_DAY
    orders = int(today.ledger.orders[index])
    if not orders:
        none = np.empty(0, dtype=np.int64)
        return _tape(today, chain(Trades, []), chain(AggTrades, []), agg_index=none, previous_close=previous_close)
    tick, lot = today.spec.grid(today.venue)
    time_us = _order_times(today, orders)
    slots = (time_us - today.start_us) // SLOT_US
    words = today.words(Stream.ORDERS, orders)
    sells = _sells(today, slots, words)
    bid, ask = today.path.quotes(slots, tick=tick, premium=today.premium)
    quoted = np.where(sells, bid, ask)
    price = _crash_prices(quoted * tick, time_us, today.calendar.crashes(today.day_number)) // tick
    size = uniform(words << np.uint64(16))
    fills = _fills(today, size, trades=int(today.ledger.trades[index]))
    lots = np.maximum(_lots(today, slots, quoted, size), fills)
    agg_index = np.repeat(np.arange(orders), fills)
    trade_lots = _split(today.words(Stream.FILLS, agg_index.size), lots, fills, agg_index)
    last_id = int(today.ledger.first_trade[index]) + np.cumsum(fills) - 1
    first_id = last_id - fills + 1
    trade_price = price[agg_index]
    trades = Trades(
        trade_id=first_id[0] + np.arange(agg_index.size),
        time_us=time_us[agg_index],
        price=trade_price * tick,
        quantity=trade_lots * lot,
        quote_quantity=trade_price * trade_lots * (tick * lot // UNIT),
        is_buyer_maker=sells[agg_index],
    )
    aggregates = AggTrades(
        agg_id=int(today.ledger.first_order[index]) + np.arange(orders),
        time_us=time_us,
        price=price * tick,
        quantity=lots * lot,
        first_trade_id=first_id,
        last_trade_id=last_id,
        is_buyer_maker=sells,
    )
    return _tape(today, trades, aggregates, agg_index=agg_index, previous_close=previous_close)


def _tape(today: VenueDay, trades: Trades, aggregates: AggTrades, *, agg_index: Ints, previous_close: int) -> Tape:
    index = today.day_number - FIRST_DAY
    return Tape(
        symbol=today.spec.symbol,
        day=day_of(today.day_number),
        trades=trades,
        aggregates=aggregates,
        agg_index=agg_index,
        first_trade_id=int(today.ledger.first_trade[index]),
        first_agg_id=int(today.ledger.first_order[index]),
        previous_close=previous_close,
        closed=today.calendar.closed(today.day_number),
    )


def closing_price(
    seed: int, spec: SymbolSpec, history: History, *, venue: Venue, day_number: int, closing_premium: int
) -> int:
    """Price of the last trade of a day that no event touches, without its tape."""
    tick, _ = spec.grid(venue)
    log_price = history.opening[day_number - FIRST_DAY + 1 :][:1]
    premium = None if venue == "spot" else np.array([closing_premium])
    bid, ask = quote(log_price, np.array([spec.temper.spread_bps * 1e-4]), tick=tick, premium=premium)
    word = draw_words(seed, f"{spec.symbol} {venue}", Stream.CLOSING, day_number, count=1)
    return int((bid if _closes_with_sell(word) else ask)[0]) * tick


def _closes_with_sell(word: Words) -> bool:
    return bool(word[0] & np.uint64(1))


def _order_times(today: VenueDay, orders: int) -> Ints:
    """Sorted times: independent draws from the day's intensity, and the closing order."""
    low, shift = np.uint64((1 << 10) - 1), np.uint64(10)
    weight = _second_weights(today)
    elapsed = np.cumsum(weight)  # below 2**31, so that the product below stays within 64 bits
    words = today.words(Stream.ARRIVALS, orders - 1)
    place = (words >> np.uint64(32)) * np.uint64(elapsed[-1]) >> np.uint64(32)
    key = np.sort(place << shift | (words & low)).astype(np.int64)
    place = key >> 10
    second = np.searchsorted(elapsed, place, side="right")
    within = ((place - elapsed[second] + weight[second]) << 10 | (key & 1_023)) * SECOND_US // (weight[second] << 10)
    times = np.minimum(second * SECOND_US + within, _CLOSING_US - 1)
    closing = _CLOSING_US + int(today.words(Stream.CLOSING, 1)[0] >> np.uint64(8)) % 1_000
    times = np.append(times, closing) + today.start_us
    return _after_halts(times, today.calendar, today.day_number)


def _second_weights(today: VenueDay) -> Ints:
    """How likely an order comes in each second: with liveliness, in bursts, never before the listing; [86400]."""
    bursts = uniform(today.words(Stream.FLOW, DAY_S))
    burst = 0.35 + 0.65 / np.sqrt(np.maximum(bursts, 0.02))
    liveliness = np.rint(today.path.liveliness * 256).astype(np.int64)
    share = liveliness / (int(liveliness.sum()) / liveliness.size)
    weight = np.minimum(np.rint(np.repeat(share * 1_024, STEP_S) * burst), (1 << 14) - 1).astype(np.int64) + 1
    opening_s = (today.calendar.listing_us - today.start_us) // SECOND_US
    weight[: max(0, opening_s)] = 0
    return weight


def _after_halts(times: Ints, calendar: TradingCalendar, day_number: int) -> Ints:
    """Times with those in a halt moved beside it, in order."""
    start, end = day_number * DAY_US, (day_number + 1) * DAY_US
    closed = calendar.closed(day_number)
    for halted_from, halted_to in calendar.halts(day_number):
        inside = (times >= halted_from) & (times < halted_to)
        if halted_to < end:
            free = min([RESUMPTION_US, end - halted_to, *(a - halted_to for a, _ in closed if a >= halted_to)])
            target = halted_to
        else:
            free = min([RESUMPTION_US, halted_from - start, *(halted_from - b for _, b in closed if b <= halted_from)])
            target = halted_from - free
        times[inside] = target + (times[inside] - halted_from) * free // (halted_to - halted_from)
    return np.sort(times)


def _sells(today: VenueDay, slots: Ints, words: Words) -> Bools:
    """Sides of takers: drawn, more often with the move of the minute around, and in slow waves of buying or selling."""
    second = slots // 10
    path = today.path
    around = np.concatenate((path.log_price[30:], np.full(30, path.log_price[-1])))
    around[30:] -= path.log_price[:-30]
    around[:30] -= path.log_price[0]
    move = around[second] / path.second_deviation[second // STEP_S] * 0.129  # 1 / sqrt(60): of a usual minute
    wave = order_flow(today.seed, today.spec.symbol, today.day_number)[second // 60]
    buys = 0.5 + 0.12 * np.minimum(np.maximum(move, -2.2), 2.2) + np.minimum(np.maximum(wave, -0.2), 0.2)
    sells = (words & np.uint64(0xFFFF)).astype(np.int64) >= np.rint(buys * 65_536)
    closing = today.words(Stream.CLOSING, 1)
    sells[-1] = _closes_with_sell(closing)
    return sells


def order_flow(seed: int, symbol: str, day_number: int) -> Floats:
    """How much likelier than a half a taker buys, at each minute of the day and the next midnight."""
    noise = Noise(seed, symbol, Stream.FLOW, _FLOW_SCALES).over_day(day_number, step_s=60)
    return noise.astype(np.float64) / ONE


def _lots(today: VenueDay, slots: Ints, price: Ints, size: Floats) -> Ints:
    """Order quantities: the tail falls as value**-2, livelier moments trade more."""
    tick, lot = today.spec.grid(today.venue)
    lively = np.sqrt(np.minimum(today.path.liveliness, 25.0))[slots // 10 // STEP_S]
    share = np.minimum(0.5 / np.sqrt(size), _LARGEST_ORDER)
    per_lot = price * (float(tick) * float(lot) / (float(UNIT) * float(UNIT)))
    return np.maximum(np.rint(today.spec.temper.order_value * share * lively / per_lot), 1.0).astype(np.int64)


def _fills(today: VenueDay, size: Floats, *, trades: int) -> Ints:
    """Number of fills of each order: one, and the day's further ones by half to any order, by half to large ones."""
    further = trades - size.size
    words = today.words(Stream.FILLS, further)
    large = np.flatnonzero(size < 0.06)
    if not large.size:
        large = np.arange(size.size)
    split = further // 2
    chosen = np.append(below(words[:split], size.size), large[below(words[split:], large.size)])
    return 1 + np.bincount(chosen, minlength=size.size)


def _split(words: Words, lots: Ints, fills: Ints, agg_index: Ints) -> Ints:
    """Lots of each fill: at least one, the rest of an order in random shares."""
    weight = (words & np.uint64(0xFFFF)).astype(np.int64) + 1
    running = np.cumsum(weight)
    last = np.cumsum(fills) - 1
    before = np.append(0, running[last[:-1]])
    total = running[last] - before
    filled = (lots - fills)[agg_index] * (running - before[agg_index]) // total[agg_index]
    first = last - fills + 1
    shares = np.diff(filled, prepend=0)
    shares[first] = filled[first]
    return shares + 1


def _crash_prices(price: Ints, time_us: Ints, crashes: Sequence[Crash]) -> Ints:
    """Prices with those of scripted crashes in their place."""
    for crash in crashes:
        price[crash_rows(time_us, crash)] = crash.price
    return price


def crash_rows(time_us: Ints, crash: Crash) -> slice:
    """Rows of a day's orders that a crash prices: those in its span, or the next one where it begins that day."""
    first, end = np.searchsorted(time_us, [crash.start_us, crash.end_us])
    begins_today = time_us.size and crash.start_us // DAY_US == time_us[0] // DAY_US
    return slice(int(first), int(max(end, first + 1)) if begins_today else int(end))
