"""Rows for REST answers: chosen by time or id, changed by scripted faults, nothing from after now."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from starlette.requests import Request

from crypto_assets.simulator.clock import Clock, day_at, day_start_us, longest_candle_us
from crypto_assets.simulator.content_faults import apply_row_faults
from crypto_assets.simulator.exchange_data import ExchangeData, KlineKind, TradeKind
from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import describe_target
from crypto_assets.simulator.frames import KLINE_AMOUNTS
from crypto_assets.simulator.market import Venue
from crypto_assets.simulator.pages import Fetch, select_rows
from crypto_assets.simulator.parameters import TimeRange, read_time_range
from crypto_assets.spans import MINUTE_US, from_us, to_us

KLINE_COLUMNS = (
    "time_us", "open", "high", "low", "close", "volume", "close_time_us", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads rows of one venue as they are known now."""

    data: ExchangeData
    clock: Clock
    faults: FaultBook
    venue: Venue

    def now_us(self) -> int:
        """The present."""
        return self.clock.now_us()

    def symbols(self) -> tuple[str, ...]:
        """Symbols that are listed by the end of today, those delisted since included."""
        today = day_at(self.now_us())
        return tuple(s for s in self.data.symbols(self.venue) if self.data.life(s, self.venue).start.date() <= today)

    def traded(self) -> tuple[str, ...]:
        """Symbols that are open or halted now: all others have no book, no prices and no statistics."""
        now = from_us(self.now_us())
        lives = {s: self.data.life(s, self.venue) for s in self.data.symbols(self.venue)}
        return tuple(s for s, life in lives.items() if life.start <= now < life.end)

    def klines(self, request: Request, symbol: str, interval: str, *, kind: KlineKind, limit: int) -> pl.DataFrame:
        """Candles of the span that the request names, the one still open included."""

        def fetch(start_us: int, end_us: int) -> pl.DataFrame:
            until_us = self.now_us() + 1
            return self.data.klines(symbol, interval, start_us, end_us, venue=self.venue, kind=kind, until_us=until_us)

        width_us = longest_candle_us(interval) * limit
        return self.select(request, fetch, symbol=symbol, limit=limit, width_us=width_us)

    def trades(
        self,
        request: Request,
        symbol: str,
        *,
        kind: TradeKind,
        limit: int,
        from_id: int | None = None,
        span: TimeRange | None = None,
    ) -> pl.DataFrame:
        """Trades or aggregates from an id on where one is given, else of the span as in `select`."""
        if from_id is not None:
            found = self.data.trades_by_id(symbol, from_id, limit, venue=self.venue, kind=kind)
            return self._with_faults(found.filter(pl.col("time_us") <= self.now_us()), request)

        def fetch(start_us: int, end_us: int) -> pl.DataFrame:
            return self.data.trades(symbol, start_us, end_us, venue=self.venue, kind=kind)

        return self.select(request, fetch, symbol=symbol, limit=limit, width_us=MINUTE_US, span=span)

    def select(
        self,
        request: Request,
        fetch: Fetch,
        *,
        symbol: str,
        limit: int,
        width_us: int,
        span: TimeRange | None = None,
    ) -> pl.DataFrame:
        """Rows of the span that the request names, unless another is given."""
        life = self.data.life(symbol, self.venue)
        found = select_rows(
            fetch,
            read_time_range(request) if span is None else span,
            limit=limit,
            width_us=width_us,
            first_us=day_start_us(life.start.date()),
            now_us=min(self.now_us(), to_us(life.end)),  # to look for the newest rows beyond takes long
        )
        return self._with_faults(found, request)

    def _with_faults(self, frame: pl.DataFrame, request: Request) -> pl.DataFrame:
        target = describe_target(request.url.path, request.query_params)
        return apply_row_faults(frame, self.faults.content_faults(target, source="rest"))


def kline_rows(frame: pl.DataFrame, *, unit_us: int) -> list[tuple[object, ...]]:
    """Candles as the arrays of twelve values that the exchange sends."""
    texts = [pl.col(name).cast(pl.String) for name in KLINE_AMOUNTS]
    times = [pl.col(name) // unit_us for name in ("time_us", "close_time_us")]
    return frame.with_columns(*texts, *times).select(*KLINE_COLUMNS, pl.lit("0")).rows()
