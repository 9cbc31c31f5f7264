from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import polars as pl
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions

from crypto_assets.convergence.converge import converge
from crypto_assets.convergence.live_ranges import TopicEnds
from crypto_assets.errors import ServiceUnavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_LIQUIDATIONS, BRONZE_MARK_PRICE, BRONZE_ORDERBOOK, BRONZE_TRADES
from crypto_assets.spans import to_us
from crypto_assets.stream import avro
from crypto_assets.stream.reader import LiveTopics
from crypto_assets.stream.topics import KLINES, LIQUIDATIONS, MARK_PRICE, ORDERBOOK, TRADES
from crypto_assets_tests.convergence.archive_folder import DAY, put_klines
from crypto_assets_tests.convergence.live_world import MIDNIGHT, NOON, SYMBOL, LiveWorld, make_live_world, trade
from crypto_assets_tests.convergence.place import START, make_place

NEXT = DAY + timedelta(days=1)
SETTLED = MIDNIGHT + timedelta(minutes=15)


@pytest.fixture
def world(kafka: str, tmp_path: Path) -> Iterator[LiveWorld]:
    made = make_live_world(kafka, tmp_path)
    made.create()
    yield made
    made.live.close()


def test_every_message_becomes_one_row_with_where_it_came_from(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(200)), *(trade(n, symbol="ETHUSDT") for n in range(50)))

    found = world.converge()

    assert world.ids() == list(range(200))
    row = world.rows()[3]
    assert (row["price"], row["quantity"]) == (Decimal("61000.01000000"), Decimal("0.00200000"))
    assert row["quote_quantity"] == Decimal("122.00002000")
    assert (row["source"], row["exchange"], row["topic"]) == ("live", world.exchange, f"{world.exchange}.trades")
    assert (row["offset"], row["received_at"]) == (3, START + timedelta(seconds=3, milliseconds=50))
    assert found.added == {"live": 200}
    assert (found.manifest.rejected, found.manifest.duplicates) == (0, 0)


def test_a_repeat_takes_nothing_and_what_came_since_is_taken_once(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(100)))
    first = world.converge()
    before = world.place.contents()

    again = world.converge()

    assert (again.changed, again.manifest.data_version) == (False, first.manifest.data_version)
    assert world.place.contents() == before
    world.send(*(trade(n) for n in range(100, 130)))
    more = world.converge()
    assert world.ids() == list(range(130))
    assert more.added == {"live": 30}
    assert more.manifest.data_version != first.manifest.data_version


def test_a_run_stops_at_the_offsets_it_was_given(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(40)))
    ends = world.ends()
    world.send(*(trade(n) for n in range(40, 60)))

    world.converge(ends=ends)
    assert world.ids() == list(range(40))
    world.converge(ends=ends)
    assert world.ids() == list(range(40))
    world.converge(ends=world.ends())
    assert world.ids() == list(range(60))


def test_days_around_midnight_get_their_own_rows_and_late_ones_still_come_in(world: LiveWorld) -> None:
    evening = MIDNIGHT - timedelta(seconds=1)
    world.send(*(trade(n, at=evening + timedelta(milliseconds=100 * n)) for n in range(20)))
    world.converge(now=SETTLED)
    world.converge(day=NEXT, now=SETTLED)
    assert (world.ids(), world.ids(day=NEXT)) == (list(range(10)), list(range(10, 20)))

    world.send(trade(20, at=SETTLED), trade(77, at=evening))
    world.converge(now=SETTLED)
    world.converge(day=NEXT, now=SETTLED)

    assert world.ids() == [*range(10), 77]
    assert world.ids(day=NEXT) == list(range(10, 21))


def test_the_next_day_starts_to_read_where_its_first_row_is(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(30)), trade(30, at=MIDNIGHT), trade(31, at=MIDNIGHT))
    world.converge(now=SETTLED)

    found = world.converge(day=NEXT, now=SETTLED)

    assert "live: 2 messages" in " ".join(found.answers)
    assert world.ids(day=NEXT) == [30, 31]


def test_a_backfill_of_long_ago_reads_no_topic_that_begins_later(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(30)))

    found = world.converge(day=DAY - timedelta(days=3))

    assert "begins after this day" in " ".join(found.answers)
    assert found.manifest.positions == ()


def test_the_first_of_equal_copies_is_kept_and_the_others_are_counted(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(10)), trade(3, connection="c2", received_at=0), trade(4, source="rest"))
    first = world.converge()
    world.send(trade(5, connection="c2"), trade(10))

    second = world.converge()

    assert world.ids() == list(range(11))
    assert [row["offset"] for row in world.rows()][:6] == [0, 1, 2, 3, 4, 5]
    assert (first.manifest.duplicates, second.manifest.duplicates) == (2, 3)


def test_copies_that_differ_are_kept_for_silver_to_decide(world: LiveWorld) -> None:
    world.send(trade(1), trade(1, price="61000.02000000"))

    found = world.converge()

    assert [str(row["price"]) for row in world.rows()] == ["61000.01000000", "61000.02000000"]
    assert found.manifest.duplicates == 0


def test_what_cannot_be_read_is_rejected_with_its_bytes_and_origin_and_costs_nobody_else(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(5)))
    world.send_raw(b"no Avro")
    world.send_raw(avro.encode("trades", trade(5))[:30])
    world.send(trade(6, price="a lot"), trade(7, quantity="1e400"))
    world.send_raw(avro.encode("trades", trade(8, symbol="ETHUSDT")))
    world.send_raw(avro.encode("trades", trade(9)), schema=b"\0" * 8)
    world.send(trade(10))

    found = world.converge()

    assert world.ids() == [0, 1, 2, 3, 4, 10]
    rejected = sorted(world.rejected(), key=lambda row: row["line"])
    assert [row["line"] for row in rejected] == [5, 6, 7, 8, 9, 10]
    assert rejected[0]["raw"] == b"no Avro"
    assert all(row["origin"].startswith(f"{world.exchange}.trades/") for row in rejected)
    assert "price 'a lot'" in rejected[2]["reason"]
    assert "another symbol" in rejected[4]["reason"]
    assert "schema" in rejected[5]["reason"]
    assert found.manifest.rejected == 6
    assert world.converge().manifest.rejected == 6


def test_what_cannot_be_read_belongs_to_the_day_of_the_message_before_it(world: LiveWorld) -> None:
    world.send(trade(0))
    world.send_raw(b"of the first day")
    world.send(trade(1, at=MIDNIGHT))
    world.send_raw(b"of the second day")

    days = [world.converge(day=day, now=SETTLED).manifest.rejected for day in (DAY, NEXT)]

    assert days == [1, 1]
    assert sorted(row["raw"] for row in world.rejected()) == [b"of the first day", b"of the second day"]


def test_messages_of_an_older_schema_are_read(
    world: LiveWorld, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = json.loads((avro.SCHEMAS / "trades.avsc").read_text())
    old["fields"].insert(0, {"name": "trade_type", "type": "string"})
    parsed: dict[str, Any] = fastavro.parse_schema(old)  # pyright: ignore[reportAssignmentType]
    fingerprint = b"eighteen"
    monkeypatch.setattr(
        avro, "_known", lambda name: {fingerprint: parsed, avro.fingerprint(name): avro.schema_of(name)}
    )
    world.send(trade(0))
    with (tmp_path / "old").open("w+b") as sink:
        fastavro.schemaless_writer(sink, parsed, {**trade(1), "trade_type": "MARKET"})
        sink.seek(0)
        world.send_raw(sink.read(), schema=fingerprint)
    world.send(trade(2))

    world.converge()

    assert world.ids() == [0, 1, 2]


def test_a_topic_that_was_deleted_and_made_again_is_read_from_its_first_message(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(20)))
    first = world.converge()
    world.delete()
    world.create()
    world.send(*(trade(n) for n in range(15, 35)))

    second = world.converge()

    assert world.ids() == list(range(35))
    assert second.manifest.duplicates == 5
    topics = {p.topic_id for p in first.manifest.positions} | {p.topic_id for p in second.manifest.positions}
    assert len(topics) == 2


def test_without_the_topic_and_without_kafka_the_day_is_converged_from_the_rest(
    world: LiveWorld, tmp_path: Path
) -> None:
    absent = world.converge(BRONZE_ORDERBOOK)
    assert "Kafka has no topic" in " ".join(absent.answers)

    world.live = LiveTopics("127.0.0.1:9", world.exchange)
    away = world.converge()
    assert "does not answer" in " ".join(away.answers)
    with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1:9"):
        world.converge(ends={"trades": TopicEnds("any", (1, 1, 1))})


def test_a_day_that_ended_is_compacted_without_changing_its_data_version(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(20)))
    world.converge()
    world.send(*(trade(n) for n in range(20, 40)))
    world.converge()
    world.send(*(trade(n) for n in range(40, 60)))
    running = world.converge()
    assert len(running.manifest.parts) == 3

    ended = world.converge(now=SETTLED)
    again = world.converge(now=SETTLED)

    assert world.ids() == list(range(60))
    assert len(ended.manifest.parts) == 1
    assert ended.manifest.data_version == running.manifest.data_version
    assert (again.changed, again.manifest.data_version) == (False, running.manifest.data_version)
    assert [name for name in world.place.contents() if "trades" in name and "live" in name] == [
        f"bronze/trades/symbol={SYMBOL}/date={DAY}/{ended.manifest.parts[0].path}"
    ]
    world.send(trade(60))
    late = world.converge(now=SETTLED)
    assert (len(late.manifest.parts), late.manifest.data_version != ended.manifest.data_version) == (1, True)


def test_live_trades_that_another_source_holds_too_are_not_kept_twice(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(30)))
    world.converge()
    lake = world.place.lake
    rows = lake.read(BRONZE_TRADES, SYMBOL, DAY)
    assert rows is not None
    manifest = lake.manifest(BRONZE_TRADES, SYMBOL, DAY)
    assert manifest is not None
    archived = lake.write_part(
        BRONZE_TRADES,
        SYMBOL,
        DAY,
        rows.slice(0, 25),
        source="archive",
        origin="a.zip",
        version="v",
        exchange=world.exchange,
    )
    parts = (*manifest.parts, *archived)
    lake.publish_manifest(BRONZE_TRADES, SYMBOL, DAY, msgspec.structs.replace(manifest, parts=parts))
    world.send(trade(30))

    found = world.converge(now=SETTLED)

    assert world.ids() == list(range(31))
    assert found.manifest.duplicates == 25


def test_groups_show_how_far_each_dataset_has_read(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(12)))
    world.converge()

    asked = world.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(f"bronze.bronze_trades.{SYMBOL}")])
    read = [p for future in asked.values() for p in future.result().topic_partitions]
    assert sum(p.offset for p in read if p.topic == f"{world.exchange}.trades") == 12


def test_two_runs_at_once_take_each_message_once(world: LiveWorld) -> None:
    world.send(*(trade(n) for n in range(500)))
    world.producer.flush()
    context = multiprocessing.get_context("spawn")
    runs = [
        context.Process(target=_converge_there, args=(world.servers, world.exchange, world.place.lake.uri, ""))
        for _ in range(2)
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()

    assert [run.exitcode for run in runs] == [0, 0]
    assert world.ids() == list(range(500))


@pytest.mark.parametrize("moment", ["write_file", "publish_manifest", "commit"])
def test_a_run_that_is_killed_loses_and_doubles_nothing(world: LiveWorld, moment: str) -> None:
    """Killed right after the file, before the manifest, and after it before the group's offsets."""
    world.send(*(trade(n) for n in range(100)))
    world.converge()
    world.send(*(trade(n) for n in range(100, 250)))
    world.send_raw(b"no Avro")
    world.producer.flush()
    killed = multiprocessing.get_context("spawn").Process(
        target=_converge_there, args=(world.servers, world.exchange, world.place.lake.uri, moment)
    )
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    world.send(*(trade(n) for n in range(250, 260)))

    found = world.converge()

    assert world.ids() == list(range(260))
    assert found.manifest.rejected == 1
    on_disk = sorted(name for name in world.place.contents() if "/trades/symbol" in name and name.endswith("parquet"))
    assert on_disk == sorted(f"bronze/trades/symbol={SYMBOL}/date={DAY}/{part.path}" for part in found.manifest.parts)


def _converge_there(servers: str, exchange: str, lake: str, killed_at: str) -> None:
    """Converge in a process of its own, which kills itself right after writing a file, or before the other moments."""
    folder = Path(lake).parent / f"beside-{os.getpid()}"
    folder.mkdir()
    live = LiveTopics(servers, exchange)
    sources = replace(make_place(folder).sources, exchange=exchange, live=live, now=lambda: NOON)
    if killed_at == "commit":
        live.commit = _die  # pyright: ignore[reportAttributeAccessIssue]
    elif killed_at == "publish_manifest":
        Lake.publish_manifest = _die  # pyright: ignore[reportAttributeAccessIssue]
    elif killed_at:
        written = Lake.write_file
        Lake.write_file = lambda *a, **k: (written(*a, **k), _die())  # pyright: ignore
    converge(BRONZE_TRADES, symbol=SYMBOL, day=DAY, lake=Lake(lake), sources=sources)


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def candle(minute: int, **other: Any) -> dict[str, Any]:
    """The closed candle of a minute, as `kline_line` of the archive has it."""
    opened = START + timedelta(minutes=minute)
    record: dict[str, Any] = {
        "symbol": SYMBOL,
        "timeframe": "1m",
        "open_time": opened,
        "close_time": opened + timedelta(milliseconds=59_999),
        **{"open": "61000.10", "high": "61010.00", "low": "60990.00", "close": "61000.20"},
        **{"volume": "1.50000000", "quote_volume": "91500.25", "count": 12},
        **{"taker_buy_volume": "0.70000000", "taker_buy_quote_volume": "42700.10"},
        "closed": True,
        "event_time": opened + timedelta(minutes=1),
        "received_at": opened + timedelta(minutes=1),
        "connection": "c1",
        "sequence": minute,
        "source": "live",
    }
    return record | other


def test_live_candles_equal_those_of_the_archive_and_rest_is_asked_for_the_others(world: LiveWorld) -> None:
    world.create(KLINES)
    klines = BRONZE_KLINES["1m"]
    world.send(*(candle(n) for n in range(1440) if n not in (700, 701)), topic=KLINES)
    world.place.rest.minutes = set(range(1440))
    live = world.converge(klines, now=SETTLED)
    assert (live.missing, live.added) == ((), {"live": 1438, "rest": 2})
    assert [(span.start, span.minutes) for span in world.place.rest.asked] == [(START + timedelta(minutes=700), 2)]

    put_klines(world.place.archive, DAY, range(1440))
    world.converge(klines, now=SETTLED)

    stored = world.place.lake.read(klines, SYMBOL, DAY)
    assert stored is not None
    rows = pl.DataFrame(stored).sort("open_time")
    archive, live_rows = (
        rows.filter(pl.col("source") == source).select(klines.payload.names) for source in ("archive", "live")
    )
    assert archive.height == 1440
    assert archive.join(live_rows, on="open_time", how="semi").equals(live_rows)


def test_a_flush_of_the_running_day_leaves_its_last_minutes_to_the_next(world: LiveWorld) -> None:
    world.create(KLINES)
    world.send(*(candle(n) for n in range(8)), topic=KLINES)
    put_klines(world.place.archive, DAY, range(1440))

    ten = START + timedelta(minutes=10, seconds=1)
    flushed = world.converge(BRONZE_KLINES["1m"], now=ten, ends=world.ends(KLINES))
    assert (flushed.added, world.place.rest.asked) == ({"live": 8}, [])
    early = world.converge(BRONZE_KLINES["15m"], now=ten, ends=world.ends(KLINES))
    assert (early.manifest.rows, early.missing) == (0, ())


def test_candles_are_taken_once_they_closed_and_by_timeframe(world: LiveWorld) -> None:
    world.create(KLINES)
    world.send(
        candle(0, closed=False, close="1.00000000"),
        candle(0),
        candle(0, timeframe="5m"),
        candle(0, timeframe="1s"),
        topic=KLINES,
    )

    world.converge(BRONZE_KLINES["1m"])
    world.converge(BRONZE_KLINES["5m"])

    minute, five = world.rows(BRONZE_KLINES["1m"]), world.rows(BRONZE_KLINES["5m"])
    assert [(row["open_time"], str(row["close"]), row["count"]) for row in minute] == [(START, "61000.20000000", 12)]
    assert [row["offset"] for row in five] == [minute[0]["offset"] + 1]


def test_order_books_keep_ten_levels_and_a_short_book_has_nulls(world: LiveWorld) -> None:
    world.create(ORDERBOOK)

    def levels(count: int) -> list[list[str]]:
        return [[f"{100 + n}.10000000", f"{n}.50000000"] for n in range(count)]

    def book(number: int, bids: list[list[str]], asks: list[list[str]]) -> dict[str, Any]:
        return {
            "symbol": SYMBOL,
            "last_update_id": number,
            "bids": bids,
            "asks": asks,
            "event_time": None,
            "received_at": to_us(START) + number,
            "connection": "c1",
            "sequence": number,
            "source": "live",
        }

    world.send(
        book(0, levels(10), levels(12)),
        book(1, levels(2), []),
        book(2, [["1.0"]], levels(10)),
        book(3, [["x", "1.0"]], levels(10)),
        topic=ORDERBOOK,
    )

    found = world.converge(BRONZE_ORDERBOOK)

    first, second = world.rows(BRONZE_ORDERBOOK)
    assert [first[f"bid_price_{n}"] for n in (1, 10)] == [100.1, 109.1]
    assert [first[f"ask_quantity_{n}"] for n in (1, 10)] == [0.5, 9.5]
    assert [second[f"bid_price_{n}"] for n in (2, 3)] == [101.1, None]
    assert second["ask_price_1"] is None
    assert second["time"] == START + timedelta(microseconds=1)
    assert found.manifest.rejected == 2


def test_mark_prices_and_liquidations_come_with_their_times(world: LiveWorld) -> None:
    world.create(MARK_PRICE)
    world.create(LIQUIDATIONS)
    common = {"symbol": SYMBOL, "received_at": NOON, "connection": "c1", "sequence": 0, "source": "live"}
    world.send(
        {
            **common,
            **{"mark_price": "61000.1", "index_price": "61000.2", "estimated_settle_price": "61000.3"},
            **{"funding_rate": "0.00010000", "next_funding_time": 0, "event_time": START},
        },
        topic=MARK_PRICE,
    )
    world.send(
        {
            **common,
            **{"side": "SELL", "order_type": "LIMIT", "time_in_force": "IOC", "status": "FILLED"},
            **{"original_quantity": "0.014", "price": "9910", "average_price": "9910.5"},
            **{"last_filled_quantity": "0.014", "filled_quantity": "0.014"},
            **{"trade_time": START + timedelta(seconds=1), "event_time": START + timedelta(seconds=2)},
        },
        topic=LIQUIDATIONS,
    )
    ends = {**world.ends(MARK_PRICE), **world.ends(LIQUIDATIONS)}

    world.converge(BRONZE_MARK_PRICE, ends=ends, now=START + timedelta(minutes=1))
    world.converge(BRONZE_LIQUIDATIONS, ends=ends)

    (mark,), (order,) = world.rows(BRONZE_MARK_PRICE), world.rows(BRONZE_LIQUIDATIONS)
    assert (mark["time"], str(mark["estimated_funding_rate"])) == (START, "0.00010000")
    assert mark["next_funding_time"] is None
    assert (order["time"], order["side"]) == (START + timedelta(seconds=1), "SELL")
    assert str(order["average_price"]) == "9910.50000000"


def test_topics_are_named_by_exchange_so_that_another_one_is_not_read(world: LiveWorld) -> None:
    world.send(trade(0))
    world.producer.flush()

    assert LiveTopics(world.servers, "binance").state(TRADES) is None
    assert world.live.state(TRADES) is not None
