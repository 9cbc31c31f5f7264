"""The market as it moves: numbers that change by themselves, and parts that dim alone."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pyarrow as pa
import pytest
from playwright.sync_api import Browser, Page, expect

from crypto_assets.config import Settings
from crypto_assets.dashboard.context import PageContext
from crypto_assets.dashboard.market.feed import MarketFeed
from crypto_assets.dashboard.market.history import first_gap, joined, lake_candles, sampled_candles
from crypto_assets.dashboard.market.messages import Book, Candle
from crypto_assets.dashboard.market.stream_table import stream_rows
from crypto_assets.dashboard.market.tables import Cell, table
from crypto_assets.dashboard.pages import live
from crypto_assets.endpoints import exchange_name
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.postgres.connection import transaction
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import RAW_PRICES
from crypto_assets.schemas import BRONZE_KLINES
from crypto_assets.spans import to_us
from crypto_assets.stream.health import judge
from crypto_assets.stream.heartbeat import Heartbeat, StreamState
from crypto_assets_tests.dashboard.conftest import (
    EXCHANGE,
    SYMBOLS,
    Dashboard,
    Visitor,
    drawn,
    is_too_wide,
    said,
    visiting,
)
from crypto_assets_tests.dashboard.feeding import Feeding
from crypto_assets_tests.databases import price_row
from crypto_assets_tests.waiting import wait_for

NOWHERE = "127.0.0.1:1"
SYMBOL, PRICE = "BTCUSDT", 64_000.0
MINUTE = timedelta(minutes=1)
MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def moving(feeding: Feeding) -> Feeding:
    """A market that has something of everything, of both symbols."""
    feeding.market(SYMBOL, PRICE)
    feeding.market("ETHUSDT", 3_000.0)
    now = datetime.now(UTC)
    feeding.beat("collector", [SYMBOL, "ETHUSDT"], at=now)
    feeding.beat("processor", [SYMBOL], at=now)
    return feeding


@pytest.fixture
def feed(kafka: str, moving: Feeding) -> Iterator[MarketFeed]:
    """A feed of the market, which begins behind candles that are closed but for the newest."""
    moving.market(SYMBOL, PRICE)
    feed = MarketFeed(servers=lambda: kafka, exchange=EXCHANGE, symbols=SYMBOLS)
    feed.start()
    yield feed
    feed.close()
    assert not feed.is_running


def price_of(page: Page, symbol: str) -> str:
    return page.locator(".ca-card", has_text=symbol).locator(".value").inner_text()


@pytest.mark.parametrize(("theme", "phone"), [("light", False), ("dark", True)], ids=["laptop", "phone"])
def test_the_page_shows_everything_of_the_market(
    served: Dashboard, moving: Feeding, browser: Browser, theme: str, phone: bool
) -> None:
    moving.market(SYMBOL, PRICE)
    moving.beat("collector", [SYMBOL], at=datetime.now(UTC))
    with visiting(browser, theme=theme, phone=phone) as visitor:
        page = visitor.open(f"{served.url}/?symbol={SYMBOL}")
        for part in ("Prices", "Candles", "Order book", "Trades", "Liquidations", "Perpetual", "Streams"):
            expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
        card = page.locator(".ca-card", has_text=SYMBOL)
        expect(card).to_contain_text(re.compile(r"64,0\d\d\.\d\d USDT"))
        expect(card).to_contain_text("▲ 1.25 % in 24 h")
        expect(card).to_contain_text(re.compile(r"\d+(\.\d)? (s|minutes?) ago"))
        book = page.get_by_role("table", name="order book")
        expect(book.locator("tbody tr")).to_have_count(21)
        expect(page.get_by_text("imbalance +0.25")).to_be_visible()
        expect(page.get_by_role("table", name="trades").locator("tbody tr")).to_have_count(14)
        expect(page.get_by_role("table", name="liquidations")).to_contain_text("long")
        expect(page.get_by_text("+0.0100")).to_be_visible()
        expect(page.get_by_text("collector (pid 4242 on here) is running")).to_be_visible()
        expect(page.get_by_role("table", name=f"streams of {SYMBOL}")).to_contain_text("flows")
        chart = page.locator("[aria-label*='candles of BTCUSDT']").first
        expect(chart).to_be_visible()
        expect(page.get_by_text("time, UTC").first).to_be_visible()
        expect(page.get_by_text("Simulated market (simulator-41)")).to_be_visible()
        expect(page.get_by_role("link", name="redis_last_price ↗").first).to_have_attribute(
            "href", "http://127.0.0.1:3000/assets/redis_last_price"
        )
        assert not is_too_wide(page)
        assert visitor.complaints == []


def test_a_new_price_appears_by_itself_and_only_what_changed_is_drawn_again(
    served: Dashboard, moving: Feeding, visitor: Visitor
) -> None:
    page = visitor.open(f"{served.url}/?symbol={SYMBOL}")
    expect(page.locator("[aria-label*='candles of BTCUSDT']").first).to_be_visible()
    page.evaluate("document.querySelector('[aria-label*=\"candles of BTCUSDT\"]').dataset.seen = 'yes'")
    for step, shown in ((111.11, "64,111.11"), (222.22, "64,222.22")):
        now = datetime.now(UTC)
        moving.trade(SYMBOL, PRICE + step, at=now, trade_id=1_000 + int(step))
        moving.flush()
        wait_for(lambda: price_of(page, SYMBOL), until=lambda text, shown=shown: shown in text, deadline_s=60)
        expect(page.get_by_role("table", name="trades").locator("tbody tr").first).to_contain_text(shown)
    opened = datetime.now(UTC).replace(second=0, microsecond=0)
    moving.candle(SYMBOL, opened, (PRICE, PRICE + 900, PRICE, PRICE + 777), closed=False)
    moving.flush()
    expect(page.locator("[aria-label*='the last at 64,777.00 USDT']").first).to_be_visible()
    assert page.evaluate("document.querySelector('[aria-label*=\"candles of BTCUSDT\"]').dataset.seen") == "yes"


def test_no_secret_reaches_the_page(
    served: Dashboard, moving: Feeding, visitor: Visitor, redis_server: str, postgres: str
) -> None:
    secrets = [password for url in (redis_server, postgres) if (password := urlsplit(url).password)]
    assert secrets
    received: list[str] = []
    page = visitor.open("about:blank")
    page.on(
        "websocket",
        lambda socket: socket.on(
            "framereceived", lambda data: received.append(data if isinstance(data, str) else data.decode("latin-1"))
        ),
    )
    for path in ("", "forecast", "features", "health"):
        page.goto(f"{served.url}/{path}")
        expect(page.get_by_role("heading", level=3).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        received.append(page.content())
    whole = "\n".join(received)
    assert "redis_last_price" in whole
    assert [secret for secret in secrets if secret in whole] == []


def settings_with(served_settings: Settings, folder: Path, **changed: object) -> Settings:
    return served_settings.model_copy(
        update={"data_dir": folder, **Settings.model_validate(changed).model_dump(include=set(changed))}
    )


def test_without_kafka_prices_are_those_of_redis_and_the_other_parts_say_what_to_run(
    served_settings: Settings, moving: Feeding, tmp_path: Path
) -> None:
    settings = settings_with(served_settings, tmp_path, kafka_bootstrap_servers=NOWHERE)
    text = said(drawn(live.render, settings))
    assert "64,000.00" in text
    assert re.search(rf"Kafka was not reached yet|Kafka at {NOWHERE}: ", text)
    assert "make up" in text


def test_without_redis_prices_are_those_of_kafka_and_streams_say_why(
    served_settings: Settings, moving: Feeding, tmp_path: Path, feed: MarketFeed
) -> None:
    wait_for(lambda: feed.tail(SYMBOL).ticker, until=bool, deadline_s=60)
    settings = settings_with(served_settings, tmp_path, redis_url="redis://:hidden@127.0.0.1:1/0")
    context = PageContext(settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "feed_of", lambda _: feed)
        text = said(drawn(live.render, context.settings))
    assert re.search(r"64,\d\d\d\.\d\d", text)
    assert "Redis does not answer. See `make status`" in text
    assert "hidden" not in text


def test_without_postgres_only_candles_speak_of_it(served_settings: Settings, moving: Feeding, tmp_path: Path) -> None:
    settings = settings_with(served_settings, tmp_path, postgres_url=f"postgresql://u:hidden@{NOWHERE}/d")
    text = said(drawn(live.render, settings))
    assert text.count("PostgreSQL at 127.0.0.1:1/d cannot be used") == 1
    assert "hidden" not in text
    assert "64,000.00" in text


def test_a_feed_begins_with_what_was_said_before_it(feed: MarketFeed) -> None:
    tail = feed.tail(SYMBOL)
    candles = wait_for(
        lambda: tail.candles,
        until=lambda found: len(found) >= 31 and all(one.is_closed for one in found[:-1]),
        deadline_s=60,
    )
    assert [one.open_time for one in candles] == sorted({one.open_time for one in candles})
    wait_for(lambda: (tail.book, tail.mark, tail.ticker, tail.trades(5)), until=all, deadline_s=60)
    assert tail.book is not None
    assert tail.book.imbalance == pytest.approx(0.25)
    assert [one.at for one in tail.trades(5)] == sorted((one.at for one in tail.trades(5)), reverse=True)
    assert feed.down is None


def test_a_feed_says_that_kafka_is_away_and_goes_on_where_it_comes_back(kafka: str, moving: Feeding) -> None:
    where = [NOWHERE]
    feed = MarketFeed(servers=lambda: where[0], exchange=EXCHANGE, symbols=[SYMBOL])
    feed.start()
    wait_for(lambda: feed.down, until=lambda text: bool(text and "does not answer" in text), deadline_s=60)
    assert "make up" in (feed.down or "")
    where[0] = kafka
    wait_for(lambda: feed.down, until=lambda text: text is None, deadline_s=60)
    wait_for(lambda: feed.tail(SYMBOL).trades(1), until=bool, deadline_s=60)
    where[0] = NOWHERE
    wait_for(lambda: feed.down, until=bool, deadline_s=60)
    assert feed.tail(SYMBOL).trades(1), "the last that is known stays"
    feed.close()


def test_topics_that_come_later_are_read(kafka: str, redis_server: str) -> None:
    feeding = Feeding(kafka, redis_server, f"simulator-{uuid.uuid4().int % 10**6}")
    feed = MarketFeed(servers=lambda: kafka, exchange=feeding.exchange, symbols=[SYMBOL])
    feed.start()
    wait_for(lambda: feed.down, until=lambda text: bool(text and "no streams" in text), deadline_s=60)
    feeding.make_topics()
    feeding.ticker(SYMBOL, 1.5, at=datetime.now(UTC))
    feeding.flush()
    wait_for(lambda: feed.tail(SYMBOL).ticker, until=bool, deadline_s=60)
    assert feed.down is None
    feed.close()


def test_the_database_can_only_be_read(database: str, served_settings: Settings) -> None:
    context = PageContext(settings_with(served_settings, served_settings.data_dir, postgres_url=database))
    with context.database() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.trades")
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("DELETE FROM public.trades")


def candle(minute: int, *, close: float = 1.0, volume: float | None = 2.0, closed: bool = True) -> Candle:
    return Candle(MORNING + minute * MINUTE, 1.0, 2.0, 0.5, close, volume, closed)


def test_candles_before_the_feed_are_those_of_the_lake_of_this_exchange(
    tmp_path: Path, served_settings: Settings
) -> None:
    lake, dataset = Lake(str(tmp_path)), BRONZE_KLINES["1m"]
    rows = [bronze_row(minute, exchange="imported" if minute == 2 else EXCHANGE) for minute in range(4)]
    kept = pa.Table.from_pylist(rows, schema=dataset.schema)
    parts = lake.write_part(dataset, SYMBOL, MORNING.date(), kept, source="live", origin="", version="a" * 16)
    lake.publish_manifest(dataset, SYMBOL, MORNING.date(), Manifest(parts=tuple(parts)))
    end = MORNING + 10 * MINUTE
    found = lake_candles(lake, SYMBOL, exchange=exchange_name(served_settings), start=MORNING + MINUTE, end=end)
    assert [(one.open_time, one.close) for one in found] == [(MORNING + n * MINUTE, 10.0 + n) for n in (1, 3)]


def bronze_row(minute: int, *, exchange: str) -> dict[str, object]:
    at = MORNING + minute * MINUTE
    amounts = dict.fromkeys(("open", "high", "low", "volume", "quote_volume"), 1)
    return {
        "open_time": at,
        "close": 10 + minute,
        "close_time": at + MINUTE,
        "count": 1,
        "taker_buy_volume": 1,
        "taker_buy_quote_volume": 1,
        "source": "live",
        "exchange": exchange,
        "received_at": at,
        **amounts,
    }


def test_prices_of_postgres_fill_what_the_lake_lacks(database: str) -> None:
    with transaction(database) as connection:
        prices = [(0, "5"), (20, "9"), (59, "7"), (60, "8")]
        rows = [price_row(price, at=MORNING + timedelta(seconds=s), offset=n) for n, (s, price) in enumerate(prices)]
        upsert_rows(connection, RAW_PRICES, rows)
    with transaction(database) as connection:
        found = sampled_candles(
            connection, SYMBOL, exchange="simulator-7", start=MORNING, end=MORNING + timedelta(hours=1)
        )
    assert found == [
        Candle(MORNING, 5.0, 9.0, 5.0, 7.0, None),
        Candle(MORNING + MINUTE, 8.0, 8.0, 8.0, 8.0, None),
    ]


def test_of_several_sources_the_last_with_a_volume_counts() -> None:
    found = joined(
        [candle(0, volume=None), candle(1, volume=None, close=9.0)],
        [candle(1, close=3.0), candle(2)],
        [candle(2, close=4.0, closed=False), candle(1, volume=None, close=5.0)],
        start=MORNING + MINUTE,
    )
    assert [(one.close, one.volume) for one in found] == [(3.0, 2.0), (4.0, 2.0)]


def test_the_first_minute_without_a_candle_is_found() -> None:
    held = [candle(0), candle(2)]
    assert first_gap(held, start=MORNING, end=MORNING + 3 * MINUTE) == MORNING + MINUTE
    assert first_gap(held, start=MORNING, end=MORNING + MINUTE) is None


def test_an_empty_side_of_a_book_has_no_spread() -> None:
    book = Book(MORNING, bids=((10.0, 3.0),), asks=())
    assert (book.imbalance, book.spread_bps) == (1.0, None)
    assert Book(MORNING, bids=(), asks=()).imbalance is None


def test_what_comes_from_outside_is_text_in_a_table() -> None:
    shown = table(["<b>"], [[Cell("<script>alert(1)</script>")]], label='a"b')
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert 'aria-label="a&quot;b"' in shown


def test_streams_of_one_topic_are_one_row_that_says_the_worst_of_them() -> None:
    at = to_us(MORNING)

    def stream(topic: str, symbol: str, *, age_s: int, lag_s: float, silent: bool = False) -> StreamState:
        event_us = at - 1_000_000 * age_s
        return StreamState(topic, symbol, 10, 0.5, event_us, event_us, lag_s, silent)

    beat = Heartbeat(
        program="collector", instance="one", pid=1, host="here", started_at_us=at, beat_at_us=at, state="running",
        streams=(
            stream("klines", SYMBOL, age_s=1, lag_s=0.02),
            stream("trades", SYMBOL, age_s=2, lag_s=0.03),
            stream("klines", SYMBOL, age_s=3_600, lag_s=0.5, silent=True),
            stream("klines", "ETHUSDT", age_s=1, lag_s=9),
        ),
    )  # fmt: skip
    shown = stream_rows([judge("collector", beat, now_us=at)], symbol=SYMBOL, now=MORNING)
    assert shown is not None
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in shown.split("<tr>")[2:]]
    assert cells == [
        ["klines (2 streams)", "collector", "silent", "1.0", "1.0 s ago", "500 ms"],
        ["trades", "collector", "flows", "0.5", "2.0 s ago", "30 ms"],
    ]
