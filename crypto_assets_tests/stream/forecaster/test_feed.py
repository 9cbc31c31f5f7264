"""Where the topic of candles is read from, and what is taken from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from crypto_assets.errors import ServiceUnavailable
from crypto_assets.lake.manifest import Position
from crypto_assets.schemas import TIMEFRAMES
from crypto_assets.spans import times_us, to_us
from crypto_assets.stream.avro import encode, encode_key
from crypto_assets.stream.forecaster.feed import Candles, Feed, Positions
from crypto_assets.stream.reader import LiveTopics, TopicState
from crypto_assets.stream.topics import KLINES
from crypto_assets_tests.stream.forecaster.harness import Market
from crypto_assets_tests.stream.forecaster.market import candles, closed_at, moment, records
from crypto_assets_tests.waiting import wait_for

BTC, ETH = "BTCUSDT", "ETHUSDT"


class World:
    """A topic of candles, and feeds that read it."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.live = LiveTopics(market.kafka, market.exchange)
        self.feeds: list[Feed] = []

    @property
    def state(self) -> TopicState:
        state = self.live.state(KLINES)
        assert state is not None
        return state

    def feed(self, *, taken: dict[int, int] | None = None, now: datetime | None = None) -> Feed:
        """A feed where bronze has read so far by partition; None says that nothing was flushed yet."""
        state = self.state
        places = tuple(Position(state.name, state.topic_id, p, offset) for p, offset in (taken or {}).items())
        positions = [(timeframe, places) for _ in (BTC, ETH) for timeframe in TIMEFRAMES] if taken is not None else []
        return self.open(state, positions, now=now)

    def open(self, state: TopicState, positions: Positions, *, now: datetime | None = None) -> Feed:
        """A feed, as soon as Kafka gives one: a broker that began a moment ago has no coordinator yet."""

        def attempt() -> Feed | None:
            servers, exchange = self.market.kafka, self.market.exchange
            try:
                return Feed(servers, exchange, state, [BTC, ETH], positions=positions, now=now or datetime.now(UTC))
            except ServiceUnavailable:
                return None

        made = wait_for(attempt, until=lambda feed: feed is not None, deadline_s=30)
        assert made is not None
        self.feeds.append(made)
        return made

    def read(self, feed: Feed) -> tuple[list[Candles], int]:
        """All candles up to the end of the topic, and the number of those that could not be used."""
        found: list[Candles] = []
        rejected: list[int] = []

        def look() -> bool:
            taken = feed.take()
            found.extend(taken.candles)
            rejected.append(taken.rejected)
            return taken.is_current

        wait_for(look, until=bool, deadline_s=30)
        return found, sum(rejected)


@pytest.fixture
def world(kafka: str, redis_server: str, postgres: str, tmp_path: Path) -> Iterator[World]:
    market = Market(
        f"simulator-{uuid4().hex[:8]}",
        tmp_path,
        candles(days=1),
        symbols=(BTC, ETH),
        kafka=kafka,
        redis_server=redis_server,
        postgres=postgres,
    )
    market.make_topics()
    made = World(market)
    yield made
    for feed in made.feeds:
        feed.close()
    made.live.close()


def closed(found: list[Candles], *, symbol: str = BTC, timeframe: str = "1m", is_new: bool = True) -> list[int]:
    """Minutes at which the candles closed."""
    length_us = TIMEFRAMES[timeframe] // timedelta(microseconds=1)
    taken = [c for c in found if (c.symbol, c.timeframe, c.is_new) == (symbol, timeframe, is_new)]
    return [(us + length_us - to_us(moment(0))) // 60_000_000 for c in taken for us in times_us(c.rows["open_time"])]


def test_closed_candles_become_rows_of_bronze_and_all_else_is_passed_over(world: World) -> None:
    market = world.market
    market.close(15)
    (one,) = records(closed_at(market.candles["1m"], "1m", moment(16)), "1m")
    market.send({**one, "closed": False})
    market.send({**one, "timeframe": "1s"})
    market.send({**one, "symbol": "DOGEUSDT"})
    market.send({**one, "close": "nothing"})
    market.send_bytes(b"\x02no Avro", symbol=BTC)
    market.flush()
    found, rejected = world.read(world.feed())
    assert {(c.symbol, c.timeframe) for c in found} == {(s, tf) for s in (BTC, ETH) for tf in TIMEFRAMES}
    assert closed(found) == closed(found, timeframe="15m") == [15]
    assert rejected == 2
    (row,) = next(c.rows for c in found if (c.symbol, c.timeframe) == (BTC, "1m")).to_pylist()
    (sent,) = closed_at(market.candles["1m"], "1m", moment(15)).to_pylist()
    assert {name: row[name] for name in ("open", "high", "low", "close", "volume", "count")} == {
        name: sent[name] for name in ("open", "high", "low", "close", "volume", "count")
    }
    assert (row["exchange"], row["topic"]) == (market.exchange, KLINES.of(market.exchange))


def test_it_begins_where_bronze_ends_and_what_was_committed_is_history(world: World) -> None:
    for minute in (1, 2, 3):
        world.market.close(minute)
    feed = world.feed(taken={})
    assert closed(world.read(feed)[0]) == [1, 2, 3]
    feed.commit()
    world.market.close(4)
    ends = dict(enumerate(world.state.ends))
    before = {p: max(0, offset - 2) for p, offset in ends.items()}
    found, _ = world.read(world.feed(taken=before))
    assert closed(found, is_new=False) == [3], "bronze lacks it, and it was foretold"
    assert closed(found) == [4]
    found, _ = world.read(world.feed(taken=ends))
    assert (closed(found, is_new=False), closed(found)) == ([], [4]), "bronze has it, and it was not foretold"


def test_after_a_long_absence_only_the_last_hour_is_read_again(world: World) -> None:
    world.market.close(1)
    ends = dict(enumerate(world.state.ends))
    found, _ = world.read(world.feed(taken=ends, now=datetime.now(UTC) + timedelta(hours=2)))
    assert found == []
    found, _ = world.read(world.feed(taken=ends))
    assert closed(found) == [1]
    found, _ = world.read(world.feed(now=datetime.now(UTC) + timedelta(hours=2)))
    assert closed(found) == [1], "nothing was flushed: the topic is the only history"


def test_positions_in_a_former_topic_of_the_name_say_nothing(world: World) -> None:
    world.market.close(1)
    state = world.state
    former = tuple(Position(state.name, "another", p, 10_000) for p in range(KLINES.partitions))
    positions = [(timeframe, former) for _ in (BTC, ETH) for timeframe in TIMEFRAMES]
    made = world.open(state, positions)
    assert closed(world.read(made)[0]) == [1]


def test_a_key_that_is_not_the_symbol_of_the_message_is_no_candle_of_it(world: World) -> None:
    record: dict[str, Any] = records(closed_at(world.market.candles["1m"], "1m", moment(1)), "1m", symbol=ETH)[0]
    world.market.send_bytes(encode(KLINES.name, record), symbol=BTC)
    world.market.flush()
    assert world.read(world.feed())[0] == []
    assert encode_key(BTC) != encode_key(ETH)
