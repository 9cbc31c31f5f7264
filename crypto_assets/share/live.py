"""The minutes of the day that runs: a query of Spark over Kafka's trades that goes on where it last ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from crypto_assets.cleaning.tables import table_of
from crypto_assets.errors import InputIncomplete, ServiceUnavailable
from crypto_assets.share.live_rows import SORTED_OUT, minute_facts, sort_out_trades
from crypto_assets.share.live_taken import Taken, TakenByBatch, last_finished, taken_of
from crypto_assets.spans import Span, day_span, from_us, to_us
from crypto_assets.stream.processor.checkpoint import Checkpoint, Topics
from crypto_assets.stream.processor.session import read_messages
from crypto_assets.stream.topics import TRADES
from crypto_assets.warehouse.tables import FACT_TRADES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

LATENESS = timedelta(minutes=10)
"""How long after the newest trade a minute stays open: trades that a reconnection missed are fetched by then."""
AHEAD = timedelta(minutes=1)
"""A trade further in the future is a wrong clock's; taken, it would close every minute before it."""
KEPT = timedelta(days=1)
"""The day before today is finished by the first run after midnight, so that it can be compared with its facts."""
STORES = "3"
"""Of Spark's state: as many as the topic has partitions. A checkpoint keeps the number that it began with."""
LOCK_TIMEOUT_S = 60.0
START_S = 60.0
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a run of the query did."""

    taken: Taken
    begun_again: str | None
    """Why everything that Kafka holds was read again; None where the query went on."""


@dataclass(frozen=True, slots=True)
class LiveDay:
    """The closed minutes of a day."""

    minutes: pa.Table
    """FACT_TRADES"""
    closed_until: datetime
    """Every minute that ends by then is closed: no trade is added to it any more."""
    since: datetime
    """Start of the first minute before which the query had begun: of the one where it began it may lack trades."""
    taken: Taken
    """By all runs of the query on that day, those that were killed among them."""


class LiveMinutes:
    """Closed minutes of an exchange's live trades, with the checkpoint that they belong to, in a folder.

    A minute is emitted once, when the newest trade of all symbols is LATENESS past its end; a batch that is run again
    after a kill writes the same file again. Where the checkpoint no longer fits the topic it is put aside with its
    minutes, and all that Kafka holds is read again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._checkpoint = Checkpoint(folder)
        self._taken = TakenByBatch(folder / "taken.json")

    def advance(self, session: SparkSession, *, servers: str, exchange: str, now: datetime) -> Advanced:
        """Take everything that Kafka holds by now, and write the minutes that it closes.

        `now` is the exchange's clock. Raises InputIncomplete where the topic does not exist, ServiceUnavailable where
        Kafka does not answer or another run does the same.
        """
        topic = TRADES.of(exchange)
        with self._alone():
            states = Topics(servers, [topic]).states()
            if states is None:
                raise InputIncomplete(
                    f"Kafka at {servers} has no topic {topic}. Start the streams (`make up`, or the sensor "
                    "market_stream), then materialise again."
                )
            self._taken.reopen(self._location)
            begun_again = self._checkpoint.fit(states, now=now)
            wanted = Span(day_span(now.date()).start - KEPT, now + AHEAD)
            taken = self._run(session, servers=servers, topic=topic, wanted=wanted, day=now.date())
            self._prune(wanted.start)
        return Advanced(taken, begun_again)

    def read(self, day: date) -> LiveDay:
        """The closed minutes of a day as they were last written, by symbol and minute."""
        closed_until = _closed_until(self._location)
        tables = [pq.read_table(file) for file in self._files()]
        frame = pl.DataFrame(pl.from_arrow(pa.concat_tables([FACT_TRADES.schema.empty_table(), *tables])))
        minute = pl.col("trade_minute")
        start, end, closed = (m.replace(tzinfo=None) for m in (day_span(day).start, day_span(day).end, closed_until))
        # a batch that was killed may have written minutes that are not closed until it has run again
        of_day = frame.filter(minute >= start, minute < end, minute.dt.offset_by("1m") <= closed)
        first = frame["trade_minute"].min()
        return LiveDay(
            table_of(of_day.sort(FACT_TRADES.key), FACT_TRADES.schema),
            closed_until,
            since=first.replace(tzinfo=UTC) + MINUTE if isinstance(first, datetime) else closed_until,
            taken=self._taken.on(day),
        )

    @contextmanager
    def _alone(self) -> Generator[None]:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder.with_name(f"{self.folder.name}.lock"), timeout=LOCK_TIMEOUT_S)
        try:
            lock.acquire()
        except Timeout:
            raise ServiceUnavailable(
                f"Another run takes the live trades into {self.folder}. Try again when it has ended."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _run(self, session: SparkSession, *, servers: str, topic: str, wanted: Span, day: date) -> Taken:
        from pyspark.errors import StreamingQueryException

        own = session.newSession()  # its settings are this query's alone
        own.conf.set("spark.sql.shuffle.partitions", STORES)
        own.conf.set("spark.sql.streaming.stateStore.providerClass", _ROCKSDB)
        minutes = _closed_minutes(own, servers=servers, topic=topic, wanted=wanted)
        began: Future[StreamingQuery] = Future()

        def write(frame: DataFrame, number: int) -> None:
            # Spark has counted the batch before this one by now: at any end, one at most is not accounted for.
            self._keep_taken(began.result(START_S), day=day)
            self._write(frame, number)

        query = (
            minutes.writeStream.outputMode("append")
            .option("checkpointLocation", self._checkpoint.location)
            .trigger(availableNow=True)
            .foreachBatch(write)
            .start()
        )
        began.set_result(query)
        try:
            query.awaitTermination()
        except StreamingQueryException as error:
            reason = str(error).strip().partition("\n")[0]
            raise ServiceUnavailable(
                f"The query of live trades ended early: {reason}. What it had finished stays; it goes on from there "
                "with the next run."
            ) from error
        finally:
            query.stop()
        return self._keep_taken(query, day=day)

    def _keep_taken(self, query: StreamingQuery, *, day: date) -> Taken:
        """Note what the batches of a run took that are over; what they took together."""
        taken = taken_of(query.recentProgress)
        self._taken.keep(taken, day=day)
        return sum(taken.values(), Taken())

    def _write(self, frame: DataFrame, number: int) -> None:
        """The minutes of a batch as its file, whichever attempt this is."""
        file = self._minutes / f"{number:010d}.parquet"
        minutes = minute_facts(frame.toArrow())
        if not minutes.num_rows:
            file.unlink(missing_ok=True)
            return
        self._minutes.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        pq.write_table(minutes, beside, compression="zstd")
        beside.replace(file)

    def _prune(self, start: datetime) -> None:
        self._taken.forget_before(start.date())
        for file in self._files():
            newest = max(pq.read_table(file, columns=["trade_minute"])["trade_minute"].to_pylist())
            if newest < start.replace(tzinfo=None):
                file.unlink()

    def _files(self) -> list[Path]:
        return sorted(self._minutes.glob("*.parquet"))

    @property
    def _location(self) -> Path:
        return Path(self._checkpoint.location)

    @property
    def _minutes(self) -> Path:
        return self.folder / "minutes"


_ROCKSDB = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
"""Keeps the ids of a backlog of millions of trades on disk, not in Java's heap."""


def _closed_minutes(session: SparkSession, *, servers: str, topic: str, wanted: Span) -> DataFrame:
    """The query: messages, trades, each id once, minutes."""
    from pyspark.sql import functions as f

    # All that waits is one batch: in several, a symbol that is ahead of another would close its minutes too early.
    messages = read_messages(session, servers=servers, topics=[topic], at_most=None)
    sort_out: Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]] = partial(
        sort_out_trades, start_us=to_us(wanted.start), end_us=to_us(wanted.end)
    )
    return (
        messages.mapInArrow(sort_out, SORTED_OUT)  # pyright: ignore[reportArgumentType]
        .observe(
            "taken",
            f.count("*").alias("messages"),
            f.count_if(f.col("verdict") == "unusable").alias("unusable"),
            f.count_if(f.col("verdict") == "outside").alias("outside"),
        )
        .where("verdict = 'trade'")
        .withWatermark("trade_time", f"{int(LATENESS.total_seconds())} seconds")
        .dropDuplicatesWithinWatermark(["symbol", "trade_id"])
        .groupBy("symbol", f.window("trade_time", "1 minute"))
        .agg(
            f.min("price").alias("min_price"),
            f.max("price").alias("max_price"),
            f.sum("price").alias("prices"),
            f.sum("quantity").alias("total_quantity"),
            f.sum("value").alias("total_trade_value"),
            f.min_by("price", "trade_id").alias("open_price"),
            f.max_by("price", "trade_id").alias("close_price"),
            f.count("*").alias("trade_count"),
            f.sum("bought").alias("taker_buy_quantity"),
        )
        .withColumn("trade_minute", f.col("window.start"))
        .drop("window")
    )


def _closed_until(location: Path) -> datetime:
    """Watermark of the last batch that was finished, as Spark's checkpoint has it: minutes that end by then are out."""
    if (last := last_finished(location)) is None:
        return from_us(0)
    _, about, *_ = (location / "offsets" / str(last)).read_text(encoding="utf-8").splitlines()
    return from_us(json.loads(about)["batchWatermarkMs"] * 1_000)
