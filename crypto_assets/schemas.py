"""The schema, key and place of every dataset: the one declaration that writers, readers, checks and the UI share.

Times are UTC microseconds. Prices and quantities of klines, trades and rates are DECIMAL, exactly as sent. Order-book
levels and one-minute perpetual states are float64: a price or quantity of at most 15 significant digits survives it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from crypto_assets.identifiers import checked_exchange, checked_symbol
from crypto_assets.spans import TIMEFRAME_US

TIMESTAMP = pa.timestamp("us", tz="UTC")
AMOUNT = pa.decimal128(28, 8)
"""A price or quantity as the exchange prints it: at most 8 decimals."""
WIDE_AMOUNT = pa.decimal128(38, 18)
"""A statistic of the archive, which prints up to 16 decimals."""

TIMEFRAMES: dict[str, timedelta] = {name: timedelta(microseconds=TIMEFRAME_US[name]) for name in ("1m", "5m", "15m")}
"""Timeframes of the medallion layers and the length of their candles."""

BOOK_LEVELS = 10


def described(name: str, kind: pa.DataType, description: str, *, nullable: bool = False) -> pa.Field:
    """A column with its meaning, which the UI and the documentation show."""
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


KLINE_FIELDS = (
    described("open_time", TIMESTAMP, "start of the candle; its name everywhere"),
    described("open", AMOUNT, "price of the first trade, quote asset"),
    described("high", AMOUNT, "highest trade price, quote asset"),
    described("low", AMOUNT, "lowest trade price, quote asset"),
    described("close", AMOUNT, "price of the last trade, quote asset"),
    described("volume", AMOUNT, "traded base quantity"),
    described("close_time", TIMESTAMP, "last moment of the candle, as sent (ms or us resolution)"),
    described("quote_volume", AMOUNT, "traded quote quantity"),
    described("count", pa.int64(), "number of trades"),
    described("taker_buy_volume", AMOUNT, "base quantity bought by takers"),
    described("taker_buy_quote_volume", AMOUNT, "quote quantity bought by takers"),
)

PROVENANCE_FIELDS = (
    described("source", pa.string(), "where the row came from: live, rest, archive, capture or history"),
    described("exchange", pa.string(), "whose data it is: binance, replay, simulator-<seed>, or imported"),
    described("received_at", TIMESTAMP, "when this platform, or the recorder of a capture, received the row"),
    described("topic", pa.string(), "Kafka topic of a live row", nullable=True),
    described("partition", pa.int32(), "Kafka partition of a live row", nullable=True),
    described("offset", pa.int64(), "Kafka offset of a live row", nullable=True),
)

BOOK_FIELDS = tuple(
    described(
        f"{side}_{what}_{level}",
        pa.float64(),
        f"{side} {what} at level {level}, 1 is the best",
        nullable=True,
    )
    for side in ("bid", "ask")
    for level in range(1, BOOK_LEVELS + 1)
    for what in ("price", "quantity")
)

REJECTED = pa.schema(
    [
        described("raw", pa.binary(), "the bytes as received"),
        described("reason", pa.string(), "why they could not be used"),
        described("origin", pa.string(), "file or request they came from"),
        described("line", pa.int64(), "line or index within the origin, from 1", nullable=True),
    ]
)
"""Rows that did not parse, or that lie in a file where they do not belong."""

AGG_TRADES = pa.schema(
    [
        described("time", TIMESTAMP, "when the trades were matched"),
        described("agg_trade_id", pa.int64(), "the exchange's id of the group, contiguous within a symbol"),
        described("price", AMOUNT, "price, quote asset"),
        described("quantity", AMOUNT, "base quantity of all trades of the group"),
        described("first_trade_id", pa.int64(), "id of the first trade of the group"),
        described("last_trade_id", pa.int64(), "id of the last trade of the group"),
        described("is_buyer_maker", pa.bool_(), "true where the taker sold"),
    ]
)
"""Trades with the fills of one order at one price and moment joined; read from the exchange, not kept in the lake."""

BOOK_DEPTH = pa.schema(
    [
        described("time", TIMESTAMP, "when the depth was measured"),
        described("percentage", AMOUNT, "edge of the band, percent away from the price; below zero for bids"),
        described("depth", WIDE_AMOUNT, "base quantity between the price and the edge"),
        described("notional", WIDE_AMOUNT, "the same in the quote asset"),
    ]
)
"""Depth of the perpetual's book within bands around the price; read from the archive, not kept in the lake."""

FLAGS: dict[str, int] = {
    "duplicate_dropped": 1,
    "sources_disagree": 2,
    "filled": 4,
    "out_of_range": 8,
    "ohlc_violation": 16,
    "outlier": 32,
    "exchange_halt": 64,
    "truncated": 128,
    "off_grid": 256,
    "derived": 512,
    "no_trades": 1024,
    "crossed": 2048,
}
"""Bits of the `flags` column.

duplicate_dropped: further copies of this row were dropped. sources_disagree: one of them differed. filled: a single
missing minute, interpolated. out_of_range: a price not above zero, a negative quantity, or a close time that is not
in the candle. ohlc_violation: high, low, open and close contradict each other, or a part is larger than its whole.
outlier: a move far outside what the candles before it show; real as far as anyone knows. exchange_halt: the candle
beside a halt that the exchange's own files confirm. truncated: the candle ended before its timeframe did. off_grid:
the open time is not a multiple of the timeframe; the row is nobody's minute. derived: aggregated here from one-minute
candles. no_trades: the candle repeats the former close. crossed: the best bid is not below the best ask.
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset of the lake: what a row is, what makes it unique, and where a day of one symbol lies."""

    name: str
    payload: pa.Schema
    """Columns that the exchange, or the calculation, gives."""
    key: tuple[str, ...]
    """Columns that identify a row within a symbol."""
    folder: str
    """Where a day lies, with `{symbol}` and `{day}`."""
    file: str | None = None
    """File of the day where it is a single one; parts otherwise."""
    hourly: bool = False
    """Whether parts lie in `hour=HH` folders."""
    provenance: bool = False
    """Whether rows carry the columns of PROVENANCE_FIELDS."""

    @property
    def time_column(self) -> str:
        """Column that puts a row into its day: the first of the schema."""
        return self.payload.names[0]

    @property
    def schema(self) -> pa.Schema:
        """All columns of a stored row."""
        return pa.schema([*self.payload, *PROVENANCE_FIELDS]) if self.provenance else self.payload

    def partition_path(self, symbol: str, day: date) -> str:
        """Path of the day, relative to the lake: its folder, or its file where it has just one.

        Raises ValueError for a text that is no symbol, where the dataset has days of symbols.
        """
        place = checked_symbol(symbol) if "symbol={symbol}" in self.folder else checked_exchange(symbol)
        folder = self.folder.format(symbol=place, day=day.isoformat())
        return f"{folder}/{self.file}" if self.file else folder

    def rejected_path(self, day: date) -> str:
        """Folder of rows of this dataset that could not be used, relative to the lake."""
        return f"bronze/_rejected/{self.name.removeprefix('bronze_')}/date={day.isoformat()}"


def _bronze(
    name: str, fields: tuple[pa.Field, ...], *, key: tuple[str, ...], place: str, hourly: bool = False
) -> Dataset:
    return Dataset(
        name=f"bronze_{name}",
        payload=pa.schema(fields),
        key=key,
        folder=f"bronze/{place}/symbol={{symbol}}/date={{day}}",
        hourly=hourly,
        provenance=True,
    )


def _silver(name: str, fields: tuple[pa.Field, ...], *, key: tuple[str, ...]) -> Dataset:
    return Dataset(
        name=f"silver_{name}",
        payload=pa.schema(fields),
        key=key,
        folder="silver/symbol={symbol}/date={day}",
        file=f"{name}.parquet",
    )


_FLAGS_FIELD = described(
    "flags", pa.int32(), "bit mask of cleaning flags: " + ", ".join(f"{v} {k}" for k, v in FLAGS.items())
)

BRONZE_KLINES = {
    timeframe: _bronze(
        f"klines_{timeframe}",
        KLINE_FIELDS,
        key=("open_time",),
        place=f"klines/timeframe={timeframe}",
        hourly=timeframe == "1m",
    )
    for timeframe in TIMEFRAMES
}

BRONZE_ORDERBOOK = _bronze(
    "orderbook",
    (
        described("time", TIMESTAMP, "when the snapshot was known: the later of exchange and receive time"),
        described("last_update_id", pa.int64(), "the exchange's id of the last change in the snapshot"),
        *BOOK_FIELDS,
    ),
    key=("last_update_id", "time"),
    place="orderbook",
    hourly=True,
)

BRONZE_FUNDING_RATE = _bronze(
    "funding_rate",
    (
        described(
            "funding_time",
            TIMESTAMP,
            "when the payment was exchanged, with the exchange's jitter of milliseconds",
        ),
        described("funding_rate", AMOUNT, "rate paid by longs to shorts, fraction of notional"),
        described("mark_price", AMOUNT, "mark price of the payment; the archive does not give it", nullable=True),
        described(
            "interval_hours",
            pa.int32(),
            "hours since the former payment; REST does not give it",
            nullable=True,
        ),
    ),
    key=("funding_time",),
    place="funding_rate",
)

BRONZE_OPEN_INTEREST = _bronze(
    "open_interest",
    (
        described("time", TIMESTAMP, "when the figures were known: the end of the period they describe"),
        described(
            "label",
            TIMESTAMP,
            "the exchange's own label, end of period until 2026-06-25, start of period since",
        ),
        described("open_interest", WIDE_AMOUNT, "open contracts, base asset", nullable=True),
        described("open_interest_value", WIDE_AMOUNT, "open contracts, quote asset", nullable=True),
        described("top_trader_account_ratio", WIDE_AMOUNT, "long / short accounts of top traders", nullable=True),
        described("top_trader_position_ratio", WIDE_AMOUNT, "long / short positions of top traders", nullable=True),
        described("account_ratio", WIDE_AMOUNT, "long / short accounts", nullable=True),
        described("taker_volume_ratio", WIDE_AMOUNT, "taker buy / sell volume of the period", nullable=True),
    ),
    key=("time",),
    place="open_interest",
)

BRONZE_MARK_PRICE = _bronze(
    "mark_price",
    (
        described("time", TIMESTAMP, "when the prices were known"),
        described("mark_price", AMOUNT, "mark price of the perpetual, quote asset"),
        described("index_price", AMOUNT, "index price of the underlying, quote asset"),
        described("estimated_funding_rate", AMOUNT, "running estimate of the next funding rate", nullable=True),
        described("next_funding_time", TIMESTAMP, "time of the next payment", nullable=True),
    ),
    key=("time",),
    place="mark_price",
)

BRONZE_LIQUIDATIONS = _bronze(
    "liquidations",
    (
        described("time", TIMESTAMP, "time of the liquidation order"),
        described("side", pa.string(), "side of the order: SELL closes a long, BUY closes a short"),
        described("price", AMOUNT, "limit price, quote asset"),
        described("average_price", AMOUNT, "average fill price, quote asset"),
        described("original_quantity", AMOUNT, "ordered base quantity"),
        described("filled_quantity", AMOUNT, "filled base quantity"),
        described("status", pa.string(), "order status"),
    ),
    key=("time", "side", "price", "original_quantity", "filled_quantity"),
    place="liquidations",
)

BRONZE_TRADES = _bronze(
    "trades",
    (
        described("time", TIMESTAMP, "when the trade was matched"),
        described("trade_id", pa.int64(), "the exchange's id, contiguous within a symbol"),
        described("price", AMOUNT, "price, quote asset"),
        described("quantity", AMOUNT, "base quantity"),
        described("quote_quantity", AMOUNT, "quote quantity"),
        described("is_buyer_maker", pa.bool_(), "true where the taker sold"),
    ),
    key=("trade_id",),
    place="trades",
)

BRONZE = (
    *BRONZE_KLINES.values(),
    BRONZE_ORDERBOOK,
    BRONZE_FUNDING_RATE,
    BRONZE_OPEN_INTEREST,
    BRONZE_MARK_PRICE,
    BRONZE_LIQUIDATIONS,
    BRONZE_TRADES,
)

SILVER_KLINES = {
    timeframe: _silver(
        f"klines_{timeframe}",
        (
            *KLINE_FIELDS,
            _FLAGS_FIELD,
            described("source", pa.string(), "source of the copy that was kept, or derived"),
        ),
        key=("open_time",),
    )
    for timeframe in TIMEFRAMES
}

KLINES_1S = Dataset(
    name="klines_1s",
    payload=pa.schema((*KLINE_FIELDS, _FLAGS_FIELD)),
    key=("open_time",),
    folder="archive/klines_1s/symbol={symbol}/date={day}",
    file="klines_1s.parquet",
)
"""Candles of a second from the archive, cleaned; not in TIMEFRAMES, as no medallion layer has them."""

SILVER_ORDERBOOK = _silver(
    "orderbook",
    (*BRONZE_ORDERBOOK.payload, _FLAGS_FIELD),
    key=("last_update_id", "time"),
)

SILVER_PERPETUAL = _silver(
    "perpetual",
    (
        described("open_time", TIMESTAMP, "the minute"),
        described("as_of", TIMESTAMP, "its end; every value of the row was known by then"),
        described("funding_rate", pa.float64(), "last settled rate, fraction of notional", nullable=True),
        described("funding_time", TIMESTAMP, "when that rate was settled", nullable=True),
        described("previous_funding_rate", pa.float64(), "the settled rate before it", nullable=True),
        described("next_funding_time", TIMESTAMP, "when the next rate settles", nullable=True),
        described("open_interest", pa.float64(), "open contracts, base asset", nullable=True),
        described("open_interest_value", pa.float64(), "open contracts, quote asset", nullable=True),
        described("open_interest_time", TIMESTAMP, "when the open interest was known", nullable=True),
        described("mark_price", pa.float64(), "last mark price, quote asset", nullable=True),
        described("index_price", pa.float64(), "last index price, quote asset", nullable=True),
        described(
            "liquidated_long_count",
            pa.int64(),
            "long liquidations in the minute; a lower bound",
            nullable=True,
        ),
        described(
            "liquidated_short_count",
            pa.int64(),
            "short liquidations in the minute; a lower bound",
            nullable=True,
        ),
        described(
            "liquidated_long_volume",
            pa.float64(),
            "their filled value, quote asset; a lower bound",
            nullable=True,
        ),
        described(
            "liquidated_short_volume",
            pa.float64(),
            "their filled value, quote asset; a lower bound",
            nullable=True,
        ),
    ),
    key=("open_time",),
)

SILVER = (*SILVER_KLINES.values(), SILVER_ORDERBOOK, SILVER_PERPETUAL)
