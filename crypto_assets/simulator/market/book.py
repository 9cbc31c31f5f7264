"""Order books: the quotes of a slot, widened to hold the last trade, and levels that live for a while.

Levels below the best bid and above the best ask stand at fixed prices of an irregular grid. The quantity at a price is
a hash of the price and of an epoch, whose length and phase are the price's own, so that from one slot to the next few
levels change, and any slot is known without the ones before it.
"""

from __future__ import annotations

import numpy as np

from crypto_assets.simulator.market.calendar import FIRST_DAY, SLOT_US, SLOTS_PER_DAY
from crypto_assets.simulator.market.exact import Floats, below, exp2, name_key, scatter_bits
from crypto_assets.simulator.market.history import Stream
from crypto_assets.simulator.market.results import Book, Ints, Tape
from crypto_assets.simulator.market.spec import UNIT
from crypto_assets.simulator.market.tape import VenueDay, crash_rows, order_flow

_GAP_BPS = 0.4
_IDS_PER_SLOT = 40
_WHALES = 1.0 / 256  # share of levels with a large order
_WHALE_SIZE = 14.0


def make_book(today: VenueDay, tape: Tape, times_us: Ints, *, levels: int) -> Book:
    """Books of one day at the starts of the slots of `times_us`, [n, levels] or fewer near a price of zero."""
    tick, lot = today.spec.grid(today.venue)
    slots = (times_us - today.start_us) // SLOT_US
    bid, ask = _best(today, tape, slots, tick=tick)
    gap = _gap(today, tick=tick)
    tilt = 2.0 * order_flow(today.seed, today.spec.symbol, today.day_number)[slots // 600]
    tilt = np.minimum(np.maximum(tilt, -0.6), 0.6)
    key = np.uint64((name_key(today.name) ^ today.seed * 0x9E3779B97F4A7C15 ^ Stream.BOOK) % 2**64)
    value = today.spec.temper.depth_value * float(UNIT) * float(UNIT) / (float(tick) * float(lot))
    global_slots = slots + (today.day_number - FIRST_DAY) * SLOTS_PER_DAY
    bids = _ladder(bid, levels=levels, gap=gap, direction=-1, key=key)
    bids = bids[:, : int((bids > 0).sum(axis=1).min(initial=levels))]
    asks = _ladder(ask, levels=levels, gap=gap, direction=1, key=key)
    return Book(
        last_update_id=global_slots * _IDS_PER_SLOT + below(scatter_bits(global_slots.view(np.uint64)), _IDS_PER_SLOT),
        bid_price=bids * tick,
        bid_quantity=_quantities(bids, global_slots, value * (1.0 + tilt), key=key) * lot,
        ask_price=asks * tick,
        ask_quantity=_quantities(asks, global_slots, value * (1.0 - tilt), key=key ^ np.uint64(1)) * lot,
    )


def _best(today: VenueDay, tape: Tape, slots: Ints, *, tick: int) -> tuple[Ints, Ints]:
    """Best bid and ask in ticks: the slot's quotes, widened to hold the last trade before it and crash trades in it."""
    bid, ask = today.path.quotes(slots, tick=tick, premium=today.premium)
    before = np.searchsorted(tape.aggregates.time_us, today.start_us + slots * SLOT_US)
    last = np.append(tape.previous_close, tape.aggregates.price)[before] // tick
    bid, ask = np.minimum(bid, last), np.maximum(ask, last)
    for crash in today.calendar.crashes(today.day_number):
        touched = (tape.aggregates.time_us[crash_rows(tape.aggregates.time_us, crash)] - today.start_us) // SLOT_US
        if touched.size:
            inside = (slots >= touched[0]) & (slots <= touched[-1])
            bid = np.where(inside, np.minimum(bid, crash.price // tick), bid)
            ask = np.where(inside, np.maximum(ask, crash.price // tick), ask)
    return bid, ask


def _gap(today: VenueDay, *, tick: int) -> int:
    """Ticks between levels on average: 1, 2 or 5 times a power of ten, of the day's first price."""
    wanted = float(exp2(today.history.opening[today.day_number - FIRST_DAY :][:1])[0]) / tick * _GAP_BPS * 1e-4
    gap, factors = 1, 0
    while gap * (2.5 if factors % 3 == 1 else 2) <= wanted:
        gap = gap * 5 // 2 if factors % 3 == 1 else gap * 2
        factors += 1
    return gap


def _ladder(best: Ints, *, levels: int, gap: int, direction: int, key: np.uint64) -> Ints:
    """Prices in ticks from the best outwards, [n, levels]: the best, then the grid's prices beyond it."""
    cell = best // gap
    beyond = (_cell_price(cell, gap, key) - best) * direction > 0
    first = np.where(beyond, cell, cell + direction)
    cells = first[:, None] + np.arange(levels - 1, dtype=np.int64) * direction
    return np.concatenate((best[:, None], _cell_price(cells, gap, key)), axis=1)


def _cell_price(cell: Ints, gap: int, key: np.uint64) -> Ints:
    """The one price of each grid cell [cell * gap, cell * gap + gap)."""
    return cell * gap + (below(scatter_bits(cell.view(np.uint64) ^ key), gap) if gap > 1 else 0)


def _quantities(prices: Ints, slots: Ints, value: Floats, *, key: np.uint64) -> Ints:
    """Lots at each price; `value` in ticks times lots."""
    own = scatter_bits(prices.view(np.uint64) ^ key)
    life = ((own >> np.uint64(8)) & np.uint64(63)).astype(np.int64) + 2
    epoch = (slots[:, None] + (own & np.uint64(127)).astype(np.int64)) // life
    drawn = scatter_bits(own + epoch.view(np.uint64))
    u = ((drawn >> np.uint64(48)).astype(np.int64) + 1) * 2.0**-16
    size = np.minimum(0.5 / np.sqrt(u), 8.0)
    whale = (drawn & np.uint64(0xFFFF)).astype(np.int64) < int(_WHALES * 65_536)
    size[whale] *= _WHALE_SIZE
    shape = np.minimum(0.45 + 0.06 * np.arange(prices.shape[1]), 2.0)
    lots = size * shape * (value[:, None] / prices)
    return np.maximum(np.rint(lots), 1.0).astype(np.int64)


def join_books(parts: list[Book], orders: list[Ints], *, n: int) -> Book:
    """Books of several days, back in the order in which their times were asked for."""
    shown = {side: min(getattr(p, f"{side}_price").shape[1] for p in parts) for side in ("bid", "ask")}
    columns: dict[str, Ints] = {"last_update_id": np.empty(n, dtype=np.int64)}
    for side, levels in shown.items():
        columns |= {f"{side}_{what}": np.empty((n, levels), dtype=np.int64) for what in ("price", "quantity")}
    for part, rows in zip(parts, orders, strict=True):
        for name, column in columns.items():
            values = getattr(part, name)
            column[rows] = values if values.ndim == 1 else values[:, : column.shape[1]]
    return Book(**columns)
