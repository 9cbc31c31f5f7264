"""PostgreSQL as the processor's memory: a batch is one transaction, and what is known of prices comes from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2 names the class in lower case

from crypto_assets.postgres.kept import KeptConnection
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.statements import statement
from crypto_assets.postgres.tables import RAW_PRICES, TRADES
from crypto_assets.spans import from_us, to_us
from crypto_assets.stream.processor.messages import Batch, Ticker, Trade
from crypto_assets.stream.processor.prices import Chained, Price, chain, spans_to_look_up


@dataclass(frozen=True, slots=True)
class LastTrade:
    """The newest trade of a symbol, by its time, and of one moment by its id."""

    symbol: str
    trade_us: int
    trade_id: int
    price: Decimal

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among the trades of its symbol."""
        return self.trade_us, self.trade_id


@dataclass(frozen=True, slots=True)
class State:
    """Newest ticker price and newest trade of each symbol, as committed; it does not change under who reads it."""

    prices: Mapping[str, Price]
    trades: Mapping[str, LastTrade]


@dataclass(frozen=True, slots=True)
class Written:
    """What a batch changed."""

    prices: int
    trades: int
    repeated: int
    """Tickers and trades that were there already."""
    late: int
    """Tickers older than the newest that was known."""
    contradictions: int
    """Trades that say something else than the one of the same id that came first."""
    newest: State
    """Of the symbols that have something newer now."""


class Store:
    """The processor's rows and what it has to know of them; not for several threads."""

    def __init__(self, url: str, exchange: str) -> None:
        self._kept = KeptConnection(url)
        self._exchange = exchange
        self._state = State({}, {})

    def open(self) -> State:
        """The state as PostgreSQL has it, its schema brought up to date; raises CryptoAssetsError or psycopg2.Error."""
        self._kept.open()
        with self._kept.transaction() as connection:
            self._state = _read_state(connection, self._exchange)
        return self._state

    @property
    def state(self) -> State:
        """What was committed last."""
        return self._state

    def write(self, batch: Batch) -> Written:
        """Commit the batch, whatever of it is new; the same batch again changes nothing.

        Raises CryptoAssetsError or psycopg2.Error; then nothing is known of the commit, the connection is closed, and
        the next call reads the state again before it writes.
        """
        if not self._kept.is_open:
            self.open()
        with self._kept.transaction() as connection:
            written = _write(connection, self._exchange, batch, self._state)
        prices, trades = written.newest.prices, written.newest.trades
        self._state = State({**self._state.prices, **prices}, {**self._state.trades, **trades})
        return written

    def close(self) -> None:
        """Close the connection."""
        self._kept.close()


def _write(connection: Connection, exchange: str, batch: Batch, state: State) -> Written:
    chained = _chain(connection, exchange, batch.tickers, state)
    prices = upsert_rows(connection, RAW_PRICES, [_price_row(exchange, price) for price in chained.added])
    trades = upsert_rows(connection, TRADES, [_trade_row(exchange, trade) for trade in batch.trades])
    repeated = len(batch.trades) - trades
    return Written(
        prices=prices,
        trades=trades,
        repeated=repeated + len(batch.tickers) - prices,
        late=chained.late,
        contradictions=_contradictions(connection) if repeated else 0,
        newest=State(chained.newest, _newest_trades(batch.trades, state)),
    )


def _chain(connection: Connection, exchange: str, tickers: Sequence[Ticker], state: State) -> Chained:
    spans = spans_to_look_up(tickers, state.prices)
    known = {symbol: _prices_of(connection, exchange, symbol, span) for symbol, span in spans.items()}
    return chain(tickers, newest=state.prices, known=known)


def _prices_of(connection: Connection, exchange: str, symbol: str, span: tuple[int, int]) -> list[Price]:
    first, last = map(from_us, span)
    with connection.cursor() as cursor:
        cursor.execute(
            statement("select_prices_of_span"),
            {"exchange": exchange, "symbol": symbol, "first": first, "last": last},
        )
        return [_price(row) for row in cursor.fetchall()]


def _newest_trades(trades: Sequence[Trade], state: State) -> dict[str, LastTrade]:
    newest: dict[str, LastTrade] = {}
    for trade in trades:
        known = newest.get(trade.symbol) or state.trades.get(trade.symbol)
        if known is None or (trade.trade_us, trade.trade_id) > known.order:
            newest[trade.symbol] = LastTrade(trade.symbol, trade.trade_us, trade.trade_id, trade.price)
    return newest


def _contradictions(connection: Connection) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement("count_contradicting_trades"))
        found = cursor.fetchone()
    return 0 if found is None else found[0]


def _read_state(connection: Connection, exchange: str) -> State:
    with connection.cursor() as cursor:
        cursor.execute(statement("select_newest_prices"), {"exchange": exchange})
        prices = [_price(row) for row in cursor.fetchall()]
        cursor.execute(statement("select_newest_trades"), {"exchange": exchange})
        trades = [LastTrade(symbol, to_us(time), trade_id, price) for symbol, trade_id, time, price in cursor]
    return State({price.ticker.symbol: price for price in prices}, {trade.symbol: trade for trade in trades})


def _price(row: tuple[str, datetime, Decimal, datetime, int, int, Decimal | None]) -> Price:
    """A price of the columns that the `select_*_prices` statements give."""
    symbol, event_time, price, received_at, partition, offset, previous = row
    ticker = Ticker(symbol, event_time, to_us(event_time), price, received_at, partition, offset)
    return Price(ticker, previous)


def _price_row(exchange: str, price: Price) -> tuple[str | int | Decimal | datetime | None, ...]:
    ticker = price.ticker
    return (
        exchange,
        ticker.symbol,
        ticker.event_time,
        ticker.price,
        price.previous,
        price.rate,
        ticker.partition,
        ticker.offset,
        ticker.received_at,
    )


def _trade_row(exchange: str, trade: Trade) -> tuple[str | int | Decimal | datetime | bool, ...]:
    return (
        exchange,
        trade.symbol,
        trade.trade_id,
        trade.trade_time,
        trade.price,
        trade.quantity,
        trade.is_buyer_maker,
        trade.source,
        trade.received_at,
    )
