"""Minutes of live trades: a real query over a real Kafka, beside the facts of the same trades."""

from __future__ import annotations

import random
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
from crypto_assets.stream.avro import encode
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

    def advance_once_kafka_answers(self) -> Advanced:
        """For a topic that was just made: its leader may not be known yet, which is told as a reason to try again."""
        advanced: list[Advanced] = []

        def attempt() -> list[Advanced]:
            with suppress(ServiceUnavailable):
                advanced.append(self.advance())
            return advanced

        return wait_for(attempt, until=bool, deadline_s=60)[0]

    def rows(self, day: date = DAY) -> list[dict[str, Any]]:
        return self.minutes.read(day).minutes.to_pylist()


@pytest.fixture
def live(hive_session: SparkSession, tmp_path: Path, kafka: str) -> Live:
    """One of a topic that is empty."""
    live = Live(hive_session, tmp_path, kafka=kafka)
    live.market.make_topics()
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
    assert (advanced.messages, advanced.late, advanced.unusable) == (len(sent), 0, 0)
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
    assert live.advance().messages == len(then)
    assert live.advance().messages == 0
    closed = live.minutes.read(DAY).closed_until
    assert live.rows()[: len(before)] == before
    assert live.rows() == facts_of([*first, *then], until=closed)


def test_what_comes_after_its_minute_was_closed_is_counted(live: Live) -> None:
    live.market.send(tape(minutes=20, symbol="BTCUSDT"))
    live.advance()
    before = live.rows()
    live.market.send([trade(900_000, seconds=30), trade(900_001, seconds=20 * 60)])
    assert live.advance().late == 1
    assert live.rows()[: len(before)] == before


def test_messages_that_say_no_trade_of_the_day_are_counted(live: Live) -> None:
    trades = tape(minutes=15, symbol="BTCUSDT")
    live.market.send([*trades, trade(1, seconds=-3 * 86_400), trade(2, seconds=86_400), trade(3, seconds=0, price="0")])
    live.market.send_bytes("trades", b"no avro")
    live.market.flush()
    advanced = live.advance()
    assert (advanced.outside, advanced.unusable, advanced.late) == (2, 2, 0)
    assert live.rows() == facts_of(trades, until=live.minutes.read(DAY).closed_until)


def test_a_confluent_frame_is_read_as_well(live: Live) -> None:
    trades = tape(minutes=15, symbol="BTCUSDT")
    for one in trades:
        live.market.send_bytes("trades", frame(7) + encode("trades", one))
    live.market.flush()
    assert live.advance().unusable == 0
    assert live.rows() == facts_of(trades, until=live.minutes.read(DAY).closed_until)


def test_a_batch_that_was_killed_before_it_was_finished_is_written_again(live: Live) -> None:
    live.market.send(tape(minutes=20, symbol="BTCUSDT"))
    live.advance()
    before = live.rows()
    commits = sorted((live.minutes.folder / "spark" / "commits").glob("[0-9]*"), key=lambda path: int(path.name))
    for commit in (commits[-1], commits[-1].with_name(f".{commits[-1].name}.crc")):
        commit.unlink(missing_ok=True)
    live.advance()
    assert live.rows() == before


def test_a_topic_that_was_made_again_is_read_from_its_start(live: Live) -> None:
    live.market.send(tape(minutes=30, symbol="BTCUSDT"))
    live.advance()
    live.market.delete_topic(f"{live.market.exchange}.trades")
    live.market.make_topics()
    trades = tape(minutes=15, symbol="ETHUSDT")
    live.market.send(trades)
    assert "was made again" in (live.advance_once_kafka_answers().begun_again or "")
    assert live.rows() == facts_of(trades, until=live.minutes.read(DAY).closed_until)


def test_without_the_topic_a_sentence_says_what_to_start(
    hive_session: SparkSession, tmp_path: Path, kafka: str
) -> None:
    live = Live(hive_session, tmp_path, kafka=kafka)
    with pytest.raises(InputIncomplete, match="Start the streams"):
        live.advance()
    assert live.rows() == []
    assert live.minutes.read(DAY).closed_until < datetime(2000, 1, 1, tzinfo=UTC)
