"""The market as it moves: prices, candles that grow, the order book, trades, and how each stream does."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psycopg2
import redis
import streamlit as st

from crypto_assets.dashboard import words
from crypto_assets.dashboard.choosing import choose_symbol
from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.links import asset_link
from crypto_assets.dashboard.market.candle_chart import draw_candles
from crypto_assets.dashboard.market.cards import Card, cards
from crypto_assets.dashboard.market.feed import MarketFeed
from crypto_assets.dashboard.market.history import first_gap, joined, lake_candles, sampled_candles
from crypto_assets.dashboard.market.messages import Candle, assets_of
from crypto_assets.dashboard.market.shared import feed_of, newest_price
from crypto_assets.dashboard.market.stream_table import stream_rows
from crypto_assets.dashboard.market.tables import SHOWN_LIQUIDATIONS, SHOWN_TRADES, balance, ladder, liquidated, tape
from crypto_assets.dashboard.states import empty, failure, part, sentence_of
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.forecast.notice import notice
from crypto_assets.spans import to_us
from crypto_assets.stream.health import Standing, read_programs
from crypto_assets.stream.processor.last_prices import SymbolPrices, read_last_prices

PRICES_EVERY_S, NUMBERS_EVERY_S, CHARTS_EVERY_S, STREAMS_EVERY_S = 0.5, 1.0, 2.0, 2.0
HOURS = {"1 h": 1, "3 h": 3, "6 h": 6}
STALE_S = 10.0
"""An order book older than this is not the market of now."""
START = "make up"
"""What starts services and streams."""
_MARKS: Mapping[Standing, str] = {"ok": ":green[●]", "failed": ":red[●]", "absent": ":gray[○]", "unknown": ":red[●]"}


def render(context: PageContext) -> None:
    """Draw the page; its parts then draw themselves again."""
    feed = feed_of(context)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("### Live", width="content")
        symbol = choose_symbol(context)
    st.caption(notice(context.exchange))
    # Each part has a place that is not its own: where a part is drawn again before the page's first drawing is sent,
    # Streamlit drops what is left to send of the part, and the parts behind it would have no place to go to.
    with st.container():
        _prices(context, feed, symbol)
    left, right = st.columns([2.2, 1], gap="small")
    with left.container():
        _candles(context, feed, symbol)
    with left.container():
        _funding(context, feed, symbol)
    with right:
        _book(context, feed, symbol)
    left, right = st.columns(2, gap="small")
    with left:
        _trades(context, feed, symbol)
    with right:
        _liquidations(context, feed, symbol)
    with st.container():
        _streams(context, symbol)


@st.fragment(run_every=PRICES_EVERY_S)
def _prices(context: PageContext, feed: MarketFeed, symbol: str) -> None:
    now = context.now()
    try:
        stored, down = read_last_prices(context.redis, context.exchange, context.symbols), None
    except (CryptoAssetsError, redis.RedisError) as error:
        stored, down = dict[str, SymbolPrices](), sentence_of(error)
    shown = [_price_card(feed, one, stored.get(one), now=now, is_chosen=one == symbol) for one in context.symbols]
    link = asset_link(context.settings, "redis_last_price")
    with part("Prices", link=link, down=None if feed.down is None else down):
        if any(card.value != "–" for card in shown):
            st.html(cards(shown))
        elif not down:
            empty("No price has arrived yet. Start the services and the streams:", run=START)
        if down and feed.down is None:
            failure(f"{down} Prices are those of Kafka.")


def _price_card(feed: MarketFeed, symbol: str, stored: SymbolPrices | None, *, now: datetime, is_chosen: bool) -> Card:
    """The newest of what Redis and Kafka say; the change is the ticker's."""
    ticker, newest = feed.tail(symbol).ticker, newest_price(feed, symbol, stored)
    if newest is None:
        return Card(symbol, "–", change_of="no price yet", is_chosen=is_chosen)
    at, price = newest
    return Card(
        symbol,
        words.price(price),
        unit=assets_of(symbol)[1],
        change=ticker.change if ticker and feed.down is None else None,
        change_of="in 24 h" if feed.down is None else "",
        age=words.age(at, now=now),
        is_chosen=is_chosen,
    )


@st.fragment(run_every=CHARTS_EVERY_S)
def _candles(context: PageContext, feed: MarketFeed, symbol: str) -> None:
    base, quote = assets_of(symbol)
    link = asset_link(context.settings, "bronze_klines_1m")
    with part("Candles", link=link, down=feed.down):
        asked = st.segmented_control(
            "Time shown", list(HOURS), default="3 h", label_visibility="collapsed", key="hours", required=True
        )
        now = context.now()
        start = _minute(now) - timedelta(hours=HOURS.get(asked or "", 3))
        live = feed.tail(symbol).candles
        older, reasons = _older(context, symbol, start=start, until=_minute(now))
        shown = joined(older, live, start=start)
        if not shown:
            empty(f"No candle of {symbol} of the last {asked} is known. Start the streams:", run=START)
        else:
            draw_candles(shown, symbol=symbol, base=base, quote=quote)
            st.caption(_said_of(shown, now=now))
        for reason in reasons:
            failure(reason)


def _older(context: PageContext, symbol: str, *, start: datetime, until: datetime) -> tuple[list[Candle], list[str]]:
    """Candles of the lake and of PostgreSQL, with why one of them could not be read."""
    found: list[Candle] = []
    reasons: list[str] = []
    try:
        found = _of_lake(context, symbol, _five_minutes(start), _five_minutes(until))
    except CryptoAssetsError as error:
        reasons.append(sentence_of(error))
    if first_gap(found, start=start, end=until - timedelta(minutes=6)) is not None:
        try:
            found = joined(_of_prices(context, symbol, _five_minutes(start)), found, start=start)
        except (CryptoAssetsError, psycopg2.Error) as error:
            reasons.append(f"{sentence_of(error)} Candles of before the start of this page may be missing.")
    return found, reasons


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def _of_lake(_context: PageContext, symbol: str, start: datetime, until: datetime) -> list[Candle]:
    end = until + timedelta(minutes=5)
    return lake_candles(_context.lake, symbol, exchange=_context.exchange, start=start, end=end)


@st.cache_data(ttl=60, max_entries=64, show_spinner=False)
def _of_prices(_context: PageContext, symbol: str, start: datetime) -> list[Candle]:
    with _context.database() as connection:
        end = _context.now() + timedelta(minutes=1)
        return sampled_candles(connection, symbol, exchange=_context.exchange, start=start, end=end)


def _said_of(shown: list[Candle], *, now: datetime) -> str:
    sampled = sum(one.volume is None for one in shown)
    last = shown[-1]
    text = f"The last candle began at {last.open_time:%H:%M} UTC, {words.age(last.open_time, now=now)}"
    text += "; it is closed." if last.is_closed else " and still grows."
    if sampled:
        text += f" {sampled} of {len(shown)} are of prices in PostgreSQL, about one a second, and have no volume."
    return text


@st.fragment(run_every=PRICES_EVERY_S)
def _book(context: PageContext, feed: MarketFeed, symbol: str) -> None:
    base, quote = assets_of(symbol)
    with part("Order book", link=asset_link(context.settings, "orderbook_stream"), down=feed.down):
        book = feed.tail(symbol).book
        if book is None:
            empty(f"No order book of {symbol} has arrived yet. Start the streams:", run=START)
            return
        st.html(balance(book) + ladder(book, base=base, quote=quote))
        st.caption(_age_of("Snapshot", book.at, now=context.now()))


@st.fragment(run_every=NUMBERS_EVERY_S)
def _trades(context: PageContext, feed: MarketFeed, symbol: str) -> None:
    base, quote = assets_of(symbol)
    with part("Trades", link=asset_link(context.settings, "trade_stream"), down=feed.down):
        trades = feed.tail(symbol).trades(SHOWN_TRADES)
        if not trades:
            empty(f"No trade of {symbol} has arrived yet. Start the streams:", run=START)
            return
        st.html(tape(trades, base=base, quote=quote))
        st.caption(_age_of("Last trade", trades[0].at, now=context.now()))


@st.fragment(run_every=CHARTS_EVERY_S)
def _liquidations(context: PageContext, feed: MarketFeed, symbol: str) -> None:
    quote = assets_of(symbol)[1]
    link = asset_link(context.settings, "liquidation_stream")
    with part("Liquidations", link=link, down=feed.down):
        found = feed.tail(symbol).liquidations(SHOWN_LIQUIDATIONS)
        if found:
            st.html(liquidated(found, quote=quote, now=context.now()))
        else:
            st.caption(f"No position in {symbol} was liquidated in the last 12 hours, as far as Kafka remembers.")


@st.fragment(run_every=NUMBERS_EVERY_S)
def _funding(context: PageContext, feed: MarketFeed, symbol: str) -> None:
    quote = assets_of(symbol)[1]
    link = asset_link(context.settings, "mark_price_stream")
    with part("Perpetual", link=link, down=feed.down):
        mark, now = feed.tail(symbol).mark, context.now()
        if mark is None:
            empty(f"No mark price of {symbol} has arrived yet. Start the streams:", run=START)
            return
        basis = 1e4 * (mark.mark / mark.index - 1) if mark.index else None
        payers = "longs pay shorts" if mark.funding_rate >= 0 else "shorts pay longs"
        due = words.age(mark.next_funding, now=now) if mark.next_funding else "no time set"
        found = [
            Card("Mark price", words.price(mark.mark), unit=quote, age=words.age(mark.at, now=now)),
            Card("Index price", words.price(mark.index), unit=quote, age=words.age(mark.at, now=now)),
            Card("Mark over index", words.number(basis, digits=2), unit="bps", age=words.age(mark.at, now=now)),
            Card("Funding, estimate", f"{100 * mark.funding_rate:+.4f}", unit="%", change_of=payers, age=f"due {due}"),
        ]
        st.html(cards(found))


@st.fragment(run_every=STREAMS_EVERY_S)
def _streams(context: PageContext, symbol: str) -> None:
    now = context.now()
    with part("Streams", link=asset_link(context.settings, "redis_last_price", view="lineage")):
        found = read_programs(context.redis, context.exchange, now_us=to_us(now))
        for health in found:
            st.markdown(f"{_MARKS[health.standing]} {words.plain(health.sentence)}")
        if not any(health.is_alive for health in found):
            empty("Nothing feeds the streams. Start them:", run=START)
        rows = stream_rows(found, symbol=symbol, now=now)
        if rows:
            st.html(rows)


def _age_of(what: str, at: datetime, *, now: datetime) -> str:
    quiet = ". The stream is quiet." if (now - at).total_seconds() > STALE_S else "."
    return f"{what} of {at.astimezone(UTC):%H:%M:%S} UTC, {words.age(at, now=now)}{quiet}"


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _five_minutes(moment: datetime) -> datetime:
    """The moment rounded down, so that what is read stays the same for a while."""
    return moment.replace(minute=moment.minute // 5 * 5, second=0, microsecond=0)
