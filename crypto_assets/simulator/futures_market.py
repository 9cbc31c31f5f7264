"""USD-M REST of the simulated market's state: rules, book, prices, open interest and trader ratios."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from starlette.datastructures import QueryParams
from starlette.requests import Request

from crypto_assets.binance.archive_tables import METRICS_LABEL_SWITCH
from crypto_assets.simulator.clock import day_start_us
from crypto_assets.simulator.decimal_text import decimal_text, decimals_of
from crypto_assets.simulator.futures import check_order
from crypto_assets.simulator.market import SymbolSpec
from crypto_assets.simulator.parameters import (
    limit_of,
    read_limit,
    read_optional_symbol,
    read_symbol,
    read_text,
    read_time_range,
)
from crypto_assets.simulator.replies import ApiError
from crypto_assets.simulator.rest import FUTURES_WEIGHT_LIMIT, Endpoint, Handler
from crypto_assets.simulator.rows import RowReader
from crypto_assets.simulator.simulated_data import SimulatedData
from crypto_assets.simulator.state_answers import book_sides, futures_ticker
from crypto_assets.spans import DAY_US, MINUTE_US, to_us

_DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
_DEPTH_WEIGHTS = {100: 5, 500: 10, 1000: 20}
FIGURES_PERIOD_US = 5 * MINUTE_US
_PERIODS = {"5m": 1, "15m": 3, "30m": 6, "1h": 12, "2h": 24, "4h": 48, "6h": 72, "12h": 144, "1d": 288}
_FIGURES_REACH_US = 30 * DAY_US


class FuturesMarketRest:
    """Answers from the market as it stands now."""

    def __init__(self, data: SimulatedData, reader: RowReader) -> None:
        self._data = data
        self._reader = reader

    def endpoints(self) -> list[Endpoint]:
        """Addresses and their weights; those of `/futures/data` have a limit of their own."""
        ratios = {
            "globalLongShortAccountRatio": "account_ratio",
            "topLongShortAccountRatio": "top_trader_account_ratio",
            "topLongShortPositionRatio": "top_trader_position_ratio",
        }
        figures = {
            "openInterestHist": _open_interest_rows,
            "takerlongshortRatio": _taker_rows,
            **{name: _ratio_rows(column) for name, column in ratios.items()},
        }
        return [
            Endpoint("/fapi/v1/exchangeInfo", self.exchange_info),
            Endpoint("/fapi/v1/depth", self.depth, _depth_weight),
            Endpoint("/fapi/v1/openInterest", self.open_interest),
            Endpoint("/fapi/v1/premiumIndex", self.premium_index, _one_or(10)),
            Endpoint("/fapi/v1/ticker/24hr", self.ticker_24h, _one_or(40)),
            Endpoint("/fapi/v1/fundingInfo", self.funding_info, limit="funding"),
            *(Endpoint(f"/futures/data/{n}", self._figures(d), limit="figures") for n, d in figures.items()),
        ]

    def exchange_info(self, _request: Request) -> object:
        """Rules and symbols."""
        return {
            "timezone": "UTC",
            "serverTime": self._reader.now_us() // 1000,
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {
                    "rateLimitType": "REQUEST_WEIGHT",
                    "interval": "MINUTE",
                    "intervalNum": 1,
                    "limit": FUTURES_WEIGHT_LIMIT,
                }
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "0"}],
            "symbols": [
                _symbol_info(self._data.spec(symbol), status=self._status(symbol)) for symbol in self._reader.symbols()
            ],
        }

    def depth(self, request: Request) -> object:
        """The order book."""
        symbol = read_symbol(request, self._reader.traded())
        limit = read_limit(request, default=500, largest=1000, clamp=False)
        if limit not in _DEPTHS:
            raise ApiError(-1130, "Data sent for parameter 'limit' is not valid.")
        now_us = self._reader.now_us()
        with self._data.market() as market:
            book = market.depth(symbol, now_us, levels=limit, venue="usdm")
        bids, asks = book_sides(book, self._data.digits(symbol, "usdm"))
        times = {"E": now_us // 1000, "T": now_us // 1000}
        return {"lastUpdateId": int(book.last_update_id[0]), **times, "bids": bids, "asks": asks}

    def open_interest(self, request: Request) -> object:
        """Open contracts now."""
        symbol = read_symbol(request, self._reader.traded())
        now_us = self._reader.now_us()
        found = self._data.open_interest(symbol, np.array([now_us], dtype=np.int64))
        held = int(found["open_interest"].cast(pl.Decimal(38, 8)).to_physical()[0])
        contracts = self._data.digits(symbol, "usdm").lot_text(held)
        return {"openInterest": contracts, "symbol": symbol, "time": now_us // 1000}

    def premium_index(self, request: Request) -> object:
        """Mark price, index price and funding of one symbol or of all."""
        known = self._reader.traded()
        symbol = read_optional_symbol(request, known)
        return self._premium(symbol) if symbol else [self._premium(each) for each in known]

    def funding_info(self, _request: Request) -> object:
        """Caps and intervals of funding."""
        return [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": 8,
                "disclaimer": False,
            }
            for symbol in self._reader.traded()
        ]

    def ticker_24h(self, request: Request) -> object:
        """Statistics of the last 24 hours of one symbol or of all."""
        known = self._reader.traded()
        symbol = read_optional_symbol(request, known)
        now_us = self._reader.now_us()
        with self._data.market() as market:
            tickers = [market.ticker_24h(each, now_us, venue="usdm") for each in ([symbol] if symbol else known)]
        found = [futures_ticker(each, self._data.digits(each.symbol, "usdm"), unit_us=1000) for each in tickers]
        return found[0] if symbol else found

    def _premium(self, symbol: str) -> dict[str, object]:
        now_us = self._reader.now_us()
        with self._data.market() as market:
            prices = market.mark_prices(symbol, np.array([now_us], dtype=np.int64))
            paid = market.funding(symbol, now_us - DAY_US, now_us + 1)
        index = decimal_text(int(prices.index_price[0]))
        return {
            "symbol": symbol,
            "markPrice": decimal_text(int(prices.mark_price[0])),
            "indexPrice": index,
            "estimatedSettlePrice": index,
            "lastFundingRate": decimal_text(int(paid.rate[-1]) if paid.rate.size else 0),
            "interestRate": "0.00010000",
            "nextFundingTime": int(prices.next_funding_time_us[0]) // 1000,
            "time": now_us // 1000,
        }

    def _status(self, symbol: str) -> str:
        if symbol in self._reader.traded():
            return "TRADING"
        opened = to_us(self._data.life(symbol, "usdm").start) <= self._reader.now_us()
        return "SETTLING" if opened else "PENDING_TRADING"

    def _figures(self, describe: Callable[[str, pl.DataFrame], list[dict[str, object]]]) -> Handler:
        def answer(request: Request) -> object:
            symbol = read_symbol(request, self._reader.symbols())
            if read_text(request, "period") not in _PERIODS:
                raise ApiError(-1130, "Data sent for parameter 'period' is not valid.")
            step_us = _PERIODS[request.query_params["period"]] * FIGURES_PERIOD_US
            limit = read_limit(request, default=30, largest=500, clamp=False)
            span, now_us = read_time_range(request), self._reader.now_us()
            check_order(span)
            if span.start_us is not None and span.start_us < now_us - _FIGURES_REACH_US:
                raise ApiError(-1130, "parameter 'startTime' is invalid.")
            found = self._reader.select(
                request, lambda start, end: self._labelled(symbol, step_us, start, end, now_us),
                symbol=symbol, limit=limit, width_us=limit * step_us,
            )  # fmt: skip
            oldest = pl.col("time_us") >= now_us - _FIGURES_REACH_US
            return describe(symbol, found.filter(oldest))

        return answer

    def _labelled(self, symbol: str, step_us: int, start_us: int, end_us: int, now_us: int) -> pl.DataFrame:
        """Figures whose label, in `time_us`, lies in the span, as far as they are known now."""
        ends_us = np.arange(-(-start_us // step_us) * step_us, end_us + step_us, step_us, dtype=np.int64)
        found = self._data.open_interest(symbol, ends_us[ends_us <= now_us])
        labelled = found.with_columns(label_of(pl.col("time_us"), step_us)).filter(
            pl.col("time_us").is_between(start_us, end_us, closed="left")
        )
        return labelled.unique("time_us", keep="last", maintain_order=True)


def label_of(end_us: pl.Expr, period_us: int = FIGURES_PERIOD_US) -> pl.Expr:
    """Label of figures by the end of their period: that end itself, since 2026-06-25 the start."""
    return pl.when(end_us > to_us(METRICS_LABEL_SWITCH)).then(end_us - period_us).otherwise(end_us)


def _open_interest_rows(symbol: str, frame: pl.DataFrame) -> list[dict[str, object]]:
    return frame.select(
        symbol=pl.lit(symbol),
        sumOpenInterest=pl.col("open_interest").cast(pl.String),
        sumOpenInterestValue=pl.col("open_interest_value").cast(pl.String),
        CMCCirculatingSupply=pl.lit("0.00000000"),
        timestamp=pl.col("time_us") // 1000,
    ).to_dicts()


def _taker_rows(_symbol: str, frame: pl.DataFrame) -> list[dict[str, object]]:
    four = pl.Decimal(38, 4)
    return frame.select(
        buySellRatio=pl.col("taker_volume_ratio").cast(four).cast(pl.String),
        buyVol=pl.col("taker_buy_volume").cast(four).cast(pl.String),
        sellVol=pl.col("taker_sell_volume").cast(four).cast(pl.String),
        timestamp=pl.col("time_us") // 1000,
    ).to_dicts()


def _ratio_rows(column: str) -> Callable[[str, pl.DataFrame], list[dict[str, object]]]:
    def describe(symbol: str, frame: pl.DataFrame) -> list[dict[str, object]]:
        rows = zip(frame["time_us"].to_list(), frame[column].cast(pl.Float64).to_list(), strict=True)
        return [
            {
                "symbol": symbol,
                "longShortRatio": f"{ratio:.4f}",
                "longAccount": f"{ratio / (1 + ratio):.4f}",
                "shortAccount": f"{1 / (1 + ratio):.4f}",
                "timestamp": time_us // 1000,
            }
            for time_us, ratio in rows
        ]

    return describe


def _symbol_info(spec: SymbolSpec, *, status: str) -> dict[str, object]:
    tick, lot = str(spec.futures_tick_size), str(spec.futures_lot_size)
    listed_ms = day_start_us(spec.futures_listed_on) // 1000 if spec.futures_listed_on else 0
    return {
        "symbol": spec.symbol,
        "pair": spec.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": listed_ms,
        "status": status,
        "baseAsset": spec.base_asset,
        "quoteAsset": spec.quote_asset,
        "marginAsset": spec.quote_asset,
        "pricePrecision": decimals_of(spec.futures_tick_size),
        "quantityPrecision": decimals_of(spec.futures_lot_size),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "4529764", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000", "stepSize": lot},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _one_or(all_symbols: int) -> Callable[[QueryParams], int]:
    """Weight 1 for one symbol, more for all of them."""
    return lambda query: 1 if query.get("symbol") else all_symbols


def _depth_weight(query: QueryParams) -> int:
    return _DEPTH_WEIGHTS.get(limit_of(query, default=500), 2)
