"""Minutes of live trades: a real query over a real Kafka, beside the facts of the same trades."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import uuid
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from crypto_assets.errors import InputIncomplete, ServiceUnavailable
from crypto_assets.share.live import Advanced, LiveMinutes
from crypto_assets.share.live_taken import Taken
from crypto_assets.stream.avro import encode
from crypto_assets.stream.processor.checkpoint import Topics
from crypto_assets.stream.registry import frame
from crypto_assets.warehouse.facts import trade_facts
from crypto_assets.warehouse.tables import TRADES
from crypto_assets_tests.stream.processor.harness import Market
from crypto_assets_tests.stream.processor.samples import BEGIN, trade
from crypto_assets_tests.waiting import wait_for

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

DAY = BEGIN.date()
NOW = BEGIN + timedelta(hours=2)


class Live:
    """A folder of live minutes, and what feeds it."""

    def __init__(self, session: SparkSession, folder: Path, *, kafka: str) -> None:
        self.market = Market(f"simulator-{uuid.uuid4().hex[:8]}", kafka=kafka, redis_server="redis://x", postgres="")
        self.minutes = LiveMinutes(folder / self.market.exchange)
        self._session = session
        self._kafka = kafka

    def advance(self, *, now: datetime = NOW) -> Advanced:
        return self.minutes.advance(self._session, servers=self._kafka, exchange=self.market.exchange, now=now)

    def make_topics(self) -> None:
        """Topics whose leaders are known: for a moment they are not, which is told as a reason to try again."""
        self.market.make_topics()
        wait_for(self._logs, until=bool, deadline_s=60)

    def _logs(self) -> object:
        with suppress(ServiceUnavailable):
            return Topics(self._kafka, [f"{self.market.exchange}.trades"]).states()
        return None

    def rows(self, day: date = DAY) -> list[dict[str, Any]]:
        return self.minutes.read(day).minutes.to_pylist()


@pytest.fixture
def live(hive_session: SparkSession, tmp_path: Path, kafka: str) -> Live:
    """One of a topic that is empty."""
    live = Live(hive_session, tmp_path, kafka=kafka)
    live.make_topics()
    return live


def tape(*, minutes: int, symbol: str, start: int = 0) -> list[dict[str, Any]]:
    """Trades at odd prices, six a minute but for every seventh minute, from minute `start`."""
    dice = random.Random(f"{symbol}{start}")
    return [
        trade(
            start * 6 + number,
            seconds=start * 60 + number * 10 + dice.random() * 9,
            symbol=symbol,
            price=f"{dice.randint(1, 10**12) / 10**8:.8f}",
            quantity=f"{dice.randint(1, 10**12) / 10**8:.8f}",
            is_buyer_maker=dice.random() < 0.5,
        )
        for number in range(minutes * 6)
        if number // 6 % 7 != 3
    ]


def facts_of(trades: list[dict[str, Any]], *, until: datetime) -> list[dict[str, Any]]:
    """What the warehouse makes of the same trades, of minutes that ended by then."""
    rows = [
        {**{name: t[name] for name in TRADES.names}, "price": Decimal(t["price"]), "quantity": Decimal(t["quantity"])}
        for t in trades
    ]
    found = trade_facts(pa.Table.from_pylist(rows, schema=TRADES)).to_pylist()
    return [row for row in found if row["trade_minute"] + timedelta(minutes=1) <= until.replace(tzinfo=None)]


def test_closed_minutes_equal_the_facts_of_the_same_trades(live: Live) -> None:
    trades = tape(minutes=30, symbol="BTCUSDT") + tape(minutes=25, symbol="ETHUSDT")
    sent = [*trades, *trades[50:90]]
    random.Random(1).shuffle(sent)
    live.market.send(sent)
    advanced = live.advance()
    assert advanced.taken == Taken(len(sent))
    newest = max(t["trade_time"] for t in trades)
    closed = live.minutes.read(DAY).closed_until
    assert newest - timedelta(minutes=10, seconds=1) < closed <= newest - timedelta(minutes=10)
    assert live.rows() == facts_of(trades, until=closed)
    assert len(live.rows()) > 30


def test_a_query_goes_on_where_it_ended(live: Live) -> None:
    first, then = tape(minutes=20, symbol="BTCUSDT"), tape(minutes=20, symbol="BTCUSDT", start=20)
    live.market.send(first)
    live.advance()
    before = live.rows()
    live.market.send(then)
    assert live.advance().taken.messages == len(then)
    assert live.advance().taken.messages == 0
    assert live.minutes.read(DAY).taken.messages == len(first) + len(then)
    closed = live.minutes.read(DAY).closed_until
    assert live.rows()[: len(before)] == before
    assert live.rows() == facts_of([*first, *then], until=closed)


def test_what_comes_after_its_minute_was_closed_is_counted(live: Live) -> None:
    live.market.send(tape(minutes=20, symbol="BTCUSDT"))
    live.advance()
    before = live.rows()
    live.market.send([trade(900_000, seconds=30), trade(900_001, seconds=20 * 60)])
    assert live.advance().taken.late == 1
    assert live.rows()[: len(before)] == before


def test_messages_that_say_no_trade_of_the_day_are_counted(live: Live) -> None:
    trades = tape(minutes=15, symbol="BTCUSDT")
    live.market.send([*trades, trade(1, seconds=-3 * 86_400), trade(2, seconds=86_400), trade(3, seconds=0, price="0")])
    live.market.send_bytes("trades", b"no avro")
    live.market.flush()
    advanced = live.advance()
    assert advanced.taken == Taken(len(trades) + 4, unusable=2, outside=2)
    assert live.rows() == facts_of(trades, until=live.minutes.read(DAY).closed_until)


def test_a_confluent_frame_is_read_as_well(live: Live) -> None:
    trades = tape(minutes=15, symbol="BTCUSDT")
    for one in trades:
        live.market.send_bytes("trades", frame(7) + encode("trades", one))
    live.market.flush()
    assert live.advance().taken.unusable == 0
    assert live.rows() == facts_of(trades, until=live.minutes.read(DAY).closed_until)


KILLED_IN = {
    "the middle, when nothing was noted of the batch before": "LiveMinutes._keep_taken = end_later",
    "the moment after the last batch": "StreamingQuery.stop = end",
}
DYING = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from pyspark.sql.streaming.query import StreamingQuery
from crypto_assets.share.live import LiveMinutes
from crypto_assets.spark.session import SparkOptions, batch_session
from resources.services.jars import fetch_jars
from resources.services.java import java_home

keep, calls = LiveMinutes._keep_taken, []

def end(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def end_later(*given, **named):
    calls.append(1)
    return end() if len(calls) == 2 else keep(*given, **named)

folder, minutes, servers, exchange, now, change = sys.argv[1:]
exec(change)
session = batch_session(SparkOptions(folder=Path(folder), jars=tuple(fetch_jars("spark")), java_home=java_home()))
LiveMinutes(Path(minutes)).advance(session, servers=servers, exchange=exchange, now=datetime.fromisoformat(now))
"""


@pytest.mark.parametrize("change", KILLED_IN.values(), ids=KILLED_IN)
def test_a_killed_run_loses_no_trade_no_minute_and_no_count(
    live: Live, tmp_path: Path, kafka: str, change: str
) -> None:
    first, then = tape(minutes=20, symbol="BTCUSDT"), tape(minutes=20, symbol="BTCUSDT", start=20)
    late = [trade(900_000 + n, seconds=30) for n in range(3)]
    live.market.send(first)
    live.advance()
    live.market.send([*late, *then])
    told = (tmp_path / "spark", live.minutes.folder, kafka, live.market.exchange, NOW.isoformat(), change)
    killed = subprocess.Popen([sys.executable, "-c", DYING, *map(str, told)], stderr=subprocess.PIPE, text=True)
    _, said = killed.communicate(timeout=300)
    assert killed.returncode == -signal.SIGKILL, said
    held = live.minutes.read(DAY)
    assert held.minutes.to_pylist() == facts_of([*first, *then], until=held.closed_until)

    live.advance()
    held = live.minutes.read(DAY)
    assert held.minutes.to_pylist() == facts_of([*first, *then], until=held.closed_until)
    assert held.closed_until > BEGIN + timedelta(minutes=29)
    assert held.taken == Taken(len(first) + len(then) + len(late), late=len(late))


def test_a_topic_that_was_made_again_is_read_from_its_start(live: Live) -> None:
    live.market.send(tape(minutes=30, symbol="BTCUSDT"))
    live.advance()
    live.market.delete_topic(f"{live.market.exchange}.trades")
    live.make_topics()
    trades = tape(minutes=15, symbol="ETHUSDT")
    live.market.send(trades)
    assert "was made again" in (live.advance().begun_again or "")
    assert live.rows() == facts_of(trades, until=live.minutes.read(DAY).closed_until)


def test_without_the_topic_a_sentence_says_what_to_start(
    hive_session: SparkSession, tmp_path: Path, kafka: str
) -> None:
    live = Live(hive_session, tmp_path, kafka=kafka)
    with pytest.raises(InputIncomplete, match="Start the streams"):
        live.advance()
    assert live.rows() == []
    assert live.minutes.read(DAY).closed_until < datetime(2000, 1, 1, tzinfo=UTC)
