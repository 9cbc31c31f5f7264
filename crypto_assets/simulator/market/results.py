"""What a market hands out: columns of integers. Prices and amounts are in 1e-8, times in UTC microseconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades of any span."""

    trade_id: Ints
    time_us: Ints
    price: Ints
    quantity: Ints
    quote_quantity: Ints
    """Exact: price times quantity never has more than 8 decimals."""
    is_buyer_maker: Bools
    """True where the taker sold."""


@dataclass(frozen=True, slots=True)
class AggTrades:
    """Taker orders of any span, with the ids of the trades that filled them."""

    agg_id: Ints
    time_us: Ints
    price: Ints
    quantity: Ints
    first_trade_id: Ints
    last_trade_id: Ints
    is_buyer_maker: Bools


@dataclass(frozen=True, slots=True)
class Tape:
    """One UTC day of one symbol: its trades in order, and the taker orders (aggregates) that they fill."""

    symbol: str
    day: date
    trades: Trades
    aggregates: AggTrades
    agg_index: Ints
    """Row of the aggregate that a trade belongs to, from 0."""
    first_trade_id: int
    """Id of the first trade of the day; ids are contiguous within and across days."""
    first_agg_id: int
    previous_close: int
    """Price of the last trade before this day; candles without trades begin with it."""
    closed: tuple[tuple[int, int], ...] = ()
    """Half-open spans in microseconds without trading: halts, and the time before the listing."""


@dataclass(frozen=True, slots=True)
class KlineArrays:
    """Candles by open time. One without trades repeats the last price with zero volume; a closed span has none."""

    open_time_us: Ints
    close_time_us: Ints
    """Last microsecond of the candle."""
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    quote_volume: Ints
    count: Ints
    taker_buy_volume: Ints
    taker_buy_quote_volume: Ints


@dataclass(frozen=True, slots=True)
class Book:
    """Order books at n moments, L levels a side, best first; arrays of levels are [n, L]."""

    last_update_id: Ints
    bid_price: Ints
    bid_quantity: Ints
    ask_price: Ints
    ask_quantity: Ints


@dataclass(frozen=True, slots=True)
class Funding:
    """Funding payments of a perpetual."""

    funding_time_us: Ints
    """The hour plus the exchange's jitter of milliseconds."""
    rate: Ints
    """1e-8, fraction of notional that longs pay to shorts."""
    mark_price: Ints


@dataclass(frozen=True, slots=True)
class MarkPrices:
    """State of a perpetual at given times."""

    mark_price: Ints
    index_price: Ints
    premium: Ints
    """1e-8, mark over index less one."""
    estimated_rate: Ints
    """1e-8, the rate that the payment to come would have if it were due now."""
    next_funding_time_us: Ints
    """Without jitter."""


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Open contracts and trader ratios at the end of five-minute periods; ratios are in 1e-8."""

    time_us: Ints
    """End of the period."""
    open_interest: Ints
    """Base asset."""
    open_interest_value: Ints
    """Quote asset, at the mark price."""
    top_trader_account_ratio: Ints
    top_trader_position_ratio: Ints
    account_ratio: Ints
    taker_volume_ratio: Ints
    """Taker buy over taker sell volume of the perpetual's trades in the period; 1 where one side is empty."""
    taker_buy_volume: Ints
    taker_sell_volume: Ints


@dataclass(frozen=True, slots=True)
class Liquidations:
    """Liquidation orders, at most one a second; each is one of the perpetual's aggregates."""

    time_us: Ints
    is_sell: Bools
    """True where a long was closed (S=SELL)."""
    price: Ints
    """Limit of the order: the bankruptcy price."""
    average_price: Ints
    quantity: Ints


@dataclass(frozen=True, slots=True)
class Ticker24h:
    """Rolling statistics of the trades in [open_time_us, close_time_us], the 24 hours up to the moment asked for."""

    symbol: str
    open_time_us: int
    close_time_us: int
    price_change: int
    price_change_percent: int
    """In 1e-3 %, rounded half even."""
    weighted_average_price: int
    previous_close_price: int
    last_price: int
    last_quantity: int
    bid_price: int
    bid_quantity: int
    ask_price: int
    ask_quantity: int
    open_price: int
    high_price: int
    low_price: int
    volume: int
    quote_volume: int
    first_trade_id: int
    """-1 without trades, as is the last."""
    last_trade_id: int
    count: int
