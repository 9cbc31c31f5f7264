"""Rows of the simulated archive's files, day by day, in the columns that the exchange writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from crypto_assets.binance.archive_paths import ArchiveFile
from crypto_assets.simulator.clock import day_start_us
from crypto_assets.simulator.frames import amounts
from crypto_assets.simulator.futures_market import FIGURES_PERIOD_US, label_of
from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.rows import KLINE_COLUMNS
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.spans import DAY_US, SECOND_US, to_us

_MICROSECONDS_SINCE = date(2025, 1, 1)  # spot only
_KLINE_HEADER_SINCE = date(2022, 5, 1)  # USD-M only, as the next
_TRADE_HEADER_SINCE = date(2022, 8, 11)
_BOOK_DEPTH_PERIOD_US = 30 * SECOND_US
_BOOK_DEPTH_LEVELS = 3500  # reaches the widest band
_BOOK_DEPTH_CHUNK = 120
_BANDS = (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Columns:
    """How one kind of file is written: header, and columns of the frame in order."""

    names: str
    order: tuple[str, ...]
    header_since: date | None
    """None for the kinds that never have one."""

    def has_header(self, file: ArchiveFile) -> bool:
        """Whether this file begins with a header."""
        return self.header_since is not None and file.span.start.date() >= self.header_since


_KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
_TRADE_ORDER = ("id", "price", "quantity", "quote_quantity", "time_us", "is_buyer_maker")
_AGG_ORDER = ("id", "price", "quantity", "first_id", "last_id", "time_us", "is_buyer_maker")
_RATIOS = ("top_trader_account_ratio", "top_trader_position_ratio", "account_ratio", "taker_volume_ratio")
_ALWAYS = date.min

_SPOT_COLUMNS = {
    "klines": Columns(_KLINES, (*KLINE_COLUMNS, "ignore"), None),
    "trades": Columns("", (*_TRADE_ORDER, "is_best_match"), None),
    "aggTrades": Columns("", (*_AGG_ORDER, "is_best_match"), None),
}
_PRICE_KLINES = Columns(_KLINES, (*KLINE_COLUMNS, "ignore"), _KLINE_HEADER_SINCE)
FUTURES_COLUMNS = {
    "klines": _PRICE_KLINES,
    "markPriceKlines": _PRICE_KLINES,
    "indexPriceKlines": _PRICE_KLINES,
    "premiumIndexKlines": _PRICE_KLINES,
    "trades": Columns("id,price,qty,quote_qty,time,is_buyer_maker", _TRADE_ORDER, _TRADE_HEADER_SINCE),
    "aggTrades": Columns(
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
        _AGG_ORDER,
        _TRADE_HEADER_SINCE,
    ),
    "metrics": Columns(
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
        "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio",
        ("label", "symbol", "open_interest", "open_interest_value", *_RATIOS),
        _ALWAYS,
    ),
    "fundingRate": Columns(
        "calc_time,funding_interval_hours,last_funding_rate", ("time_us", "interval_hours", "rate"), _ALWAYS
    ),
    "bookDepth": Columns("timestamp,percentage,depth,notional", ("label", "percentage", "depth", "notional"), _ALWAYS),
}


def columns_of(file: ArchiveFile) -> Columns:
    """How the file is written."""
    return (_SPOT_COLUMNS if file.market == "spot" else FUTURES_COLUMNS)[file.kind]


def venue_of(file: ArchiveFile) -> Venue:
    """Where what the file holds is traded."""
    return "spot" if file.market == "spot" else "usdm"


def archive_frames(file: ArchiveFile, data: SimulatedData) -> Iterator[pl.DataFrame]:
    """The rows of the file, a frame a day, with their time in `time_us` (and `close_time_us`)."""
    day, end = file.span.start.date(), file.span.end.date()
    if file.timeframe in ("3d", "1w", "1M"):
        yield _klines(file, data, to_us(file.span.start), to_us(file.span.end))
        return
    while day < end:
        start_us = day_start_us(day)
        yield _rows(file, data, start_us, start_us + DAY_US)
        day += timedelta(days=1)


def csv_lines(file: ArchiveFile, frame: pl.DataFrame) -> bytes:
    """The rows as the lines of the file, without a header."""
    unit_us = 1 if file.market == "spot" and file.span.start.date() >= _MICROSECONDS_SINCE else 1000
    times = [pl.col(name) // unit_us for name in ("time_us", "close_time_us") if name in frame.columns]
    written = frame.with_columns(*times, ignore=pl.lit("0"))
    if file.market == "spot" and "is_buyer_maker" in frame.columns:  # Python's booleans, where USD-M has JSON's
        maker = pl.when("is_buyer_maker").then(pl.lit("True")).otherwise(pl.lit("False"))
        written = written.with_columns(is_buyer_maker=maker, is_best_match=pl.lit("True"))
    chosen = written.select(columns_of(file).order)
    return chosen.write_csv(None, include_header=False).encode()


def _rows(file: ArchiveFile, data: SimulatedData, start_us: int, end_us: int) -> pl.DataFrame:
    match file.kind:
        case "trades" | "aggTrades":
            return data.trades(file.symbol, start_us, end_us, venue=venue_of(file), kind=file.kind)
        case "metrics":
            return _metrics(file, data, start_us, end_us)
        case "fundingRate":
            return data.funding(file.symbol, start_us, end_us).with_columns(interval_hours=pl.lit(8))
        case "bookDepth":
            return _book_depth(file, data, start_us, end_us)
        case _:
            return _klines(file, data, start_us, end_us)


def _klines(file: ArchiveFile, data: SimulatedData, start_us: int, end_us: int) -> pl.DataFrame:
    kind = file.kind
    assert file.timeframe is not None
    assert kind in ("klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines")
    return data.klines(
        file.symbol, file.timeframe, start_us, end_us, venue=venue_of(file), kind=kind, until_us=end_us + 31 * DAY_US
    )


def _metrics(file: ArchiveFile, data: SimulatedData, start_us: int, end_us: int) -> pl.DataFrame:
    ends_us = np.arange(start_us + FIGURES_PERIOD_US, end_us + 1, FIGURES_PERIOD_US, dtype=np.int64)
    found = data.open_interest(file.symbol, ends_us)
    wide = pl.Decimal(38, 16)  # open interest has 16 decimals in these files, whatever the lot
    return found.with_columns(
        time_us=label_of(pl.col("time_us")),
        label=pl.from_epoch(label_of(pl.col("time_us")), time_unit="us").dt.strftime("%Y-%m-%d %H:%M:%S"),
        symbol=pl.lit(file.symbol),
        open_interest=pl.col("open_interest").cast(wide),
        open_interest_value=pl.col("open_interest_value").cast(wide),
    )


def _book_depth(file: ArchiveFile, data: SimulatedData, start_us: int, end_us: int) -> pl.DataFrame:
    """Quantities and their worth between the middle of the book and each band."""
    times_us = np.arange(start_us, end_us, _BOOK_DEPTH_PERIOD_US, dtype=np.int64)
    times_us = data.listed_times(file.symbol, "usdm", times_us)
    parts = [
        _bands(file.symbol, data, times_us[first : first + _BOOK_DEPTH_CHUNK])
        for first in range(0, times_us.size, _BOOK_DEPTH_CHUNK)
    ]
    return pl.concat(parts)


def _bands(symbol: str, data: SimulatedData, times_us: np.ndarray) -> pl.DataFrame:
    with data.market() as market:
        book = market.book(symbol, times_us, levels=_BOOK_DEPTH_LEVELS, venue="usdm")
    middle = (book.bid_price[:, :1] + book.ask_price[:, :1]) / 2
    depths, worths = [], []
    for band in _BANDS:
        price, quantity = (book.bid_price, book.bid_quantity) if band < 0 else (book.ask_price, book.ask_quantity)
        inside = np.abs(price / middle - 1) <= abs(band) / 100
        depths.append(np.where(inside, quantity, 0).sum(axis=1))
        worths.append((np.where(inside, quantity, 0) * (price / 10**8)).sum(axis=1).round().astype(np.int64))
    moments = np.repeat(times_us, len(_BANDS))
    return pl.DataFrame(
        {
            "time_us": moments,
            "percentage": np.tile(np.array(_BANDS), times_us.size),
            "depth": amounts(np.stack(depths, axis=1).ravel()),
            "notional": amounts(np.stack(worths, axis=1).ravel()),
        }
    ).with_columns(label=pl.from_epoch("time_us", time_unit="us").dt.strftime("%Y-%m-%d %H:%M:%S"))
