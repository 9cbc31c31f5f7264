"""What each place holds of a span of trades: the exchange, Kafka, PostgreSQL and the lake, each asked itself."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import httpx
import msgspec
import numpy as np
import pyarrow as pa
from confluent_kafka import KafkaException

from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Exchange, Settings
from crypto_assets.endpoints import exchange_name, exchange_urls, kafka_servers, postgres_url
from crypto_assets.errors import BadPayload, Unavailable
from crypto_assets.lake.lake import Lake
from crypto_assets.live.equation import Claim, Evidence, Ids
from crypto_assets.postgres.connection import connect
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES, Dataset
from crypto_assets.spans import Span, from_us, times_us, to_us
from crypto_assets.stream.avro import decode, encode_key
from crypto_assets.stream.consuming import header_pairs, read_to_the_ends
from crypto_assets.stream.lag import read_offsets
from crypto_assets.stream.topics import TRADES, Topic

MINUTE = timedelta(minutes=1)
POLL_S = 0.5
HTTP_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class HeldTrades:
    """Trades of one symbol somewhere, copies included, in the order in which they lie there."""

    ids: Ids
    times_us: Ids


class Published(msgspec.Struct, frozen=True):
    """GET /simulator/published: what the simulator streamed to anybody since it was started."""

    symbol: str
    first_trade_id: int | None
    last_trade_id: int | None
    never: tuple[tuple[int, int], ...] = ()


def gather(settings: Settings, symbol: str, span: Span, *, kafka: HeldTrades) -> Evidence:
    """Ask every place for the trades and candles of a span of whole minutes; `kafka` as `read_topic` found them.

    Raises CryptoAssetsError, psycopg2.Error, KafkaException or httpx.HTTPError where a place cannot be asked.
    """
    rest = SpotClient(exchange_urls(settings).spot_rest)
    first_id, last_id = ids_of_span(rest, symbol, span)
    lake = Lake(settings.lake)
    name = exchange_name(settings)
    stored = read_bronze(lake, BRONZE_TRADES, symbol, span, columns=["time", "trade_id"])
    klines = BRONZE_KLINES["1m"]
    return Evidence(
        symbol=symbol,
        span=span,
        first_id=first_id,
        last_id=last_id,
        never=_never_sent(settings, symbol),
        claims=(
            Claim("Kafka", kafka.ids, may_repeat=True),
            Claim(
                "PostgreSQL", read_postgres(postgres_url(settings), name, symbol, first_id, last_id), may_repeat=False
            ),
            Claim("bronze", stored["trade_id"].to_numpy(), may_repeat=False),
        ),
        stored_klines=read_bronze(lake, klines, symbol, span, columns=klines.payload.names),
        exchange_klines=rest.klines(symbol, "1m", span.start, span.end).rows,
    )


def ids_of_span(rest: SpotClient, symbol: str, span: Span) -> tuple[int, int]:
    """First and last trade id of a span by the exchange's aggregated trades; the last is before the first if empty."""
    minutes = [Span(span.start + n * MINUTE, span.start + (n + 1) * MINUTE) for n in range(span.minutes)]
    first = _first_found(rest, symbol, minutes, column="first_trade_id", row=0)
    last = _first_found(rest, symbol, reversed(minutes), column="last_trade_id", row=-1)
    return (0, -1) if first is None or last is None else (first, last)


def _first_found(rest: SpotClient, symbol: str, minutes: Iterable[Span], *, column: str, row: int) -> int | None:
    """An id of the first of the minutes that has a trade, so that not all of them are asked for."""
    for minute in minutes:
        ids = rest.agg_trades(symbol, minute.start, minute.end).rows[column]
        if len(ids):
            return ids[row].as_py()
    return None


def _never_sent(settings: Settings, symbol: str) -> tuple[tuple[int, int], ...]:
    """Ids that the simulator says it streamed to nobody, as far as it remembers; no other exchange tells."""
    published = read_published(settings, symbol)
    return published.never if published else ()


def read_published(settings: Settings, symbol: str) -> Published | None:
    """What the simulator says of the ids that it sent; None where no simulator serves."""
    if settings.exchange is not Exchange.SIMULATOR:
        return None
    url = exchange_urls(settings).spot_rest
    answer = httpx.get(f"{url}/simulator/published", params={"symbol": symbol}, timeout=HTTP_WAIT_S)
    if answer.is_error:
        raise Unavailable(f"{url}/simulator/published answers {answer.status_code}: {answer.text[:200]}")
    return msgspec.json.decode(answer.content, type=Published)


def read_topic(settings: Settings, symbols: Iterable[str], *, topic: Topic = TRADES) -> dict[str, HeldTrades]:
    """Every trade in Kafka, by symbol, from the first message kept to the last one now; none without the topic.

    Raises KafkaException where Kafka does not answer.
    """
    wanted = {encode_key(symbol): symbol for symbol in symbols}
    ids: dict[str, list[int]] = defaultdict(list)
    times: dict[str, list[int]] = defaultdict(list)
    depths = {topic.of(exchange_name(settings)): None}
    for message in read_to_the_ends(kafka_servers(settings), "crypto-assets-account", depths):
        symbol = wanted.get(message.key() or b"")
        value = message.value()
        if symbol is None or value is None:
            continue
        try:
            record = decode(topic.name, value, header_pairs(message))
        except BadPayload:
            continue  # nobody can read it as a trade; the processor puts it with the dead letters
        ids[symbol].append(record["trade_id"])
        times[symbol].append(to_us(record["trade_time"]))
    return {s: HeldTrades(np.array(ids[s], np.int64), np.array(times[s], np.int64)) for s in wanted.values()}


def count_messages(settings: Settings, topics: Sequence[Topic]) -> dict[str, int]:
    """Messages that each topic holds now, by its name; 0 where it does not exist. Raises KafkaException."""
    names = {topic.name: topic.of(exchange_name(settings)) for topic in topics}
    offsets = read_offsets(kafka_servers(settings), names.values())
    return {name: offsets[full].messages if full in offsets else 0 for name, full in names.items()}


def read_postgres(url: str, exchange: str, symbol: str, first_id: int, last_id: int) -> Ids:
    """Ids of the rows of `trades` from one id to another, ascending, a repeated one as often as it is there."""
    connection = connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT trade_id FROM trades WHERE exchange = %s AND symbol = %s AND trade_id BETWEEN %s AND %s",
                (exchange, symbol, first_id, last_id),
            )
            return np.sort(np.array([row[0] for row in cursor.fetchall()], np.int64))
    finally:
        connection.close()


def read_bronze(lake: Lake, dataset: Dataset, symbol: str, span: Span, *, columns: Sequence[str]) -> pa.Table:
    """Rows of a bronze dataset in the span, as stored, copies included; none where no day was published."""
    return lake.read_days(dataset, symbol, days_of(span), columns=columns, start=span.start, end=span.end)


def days_of(span: Span) -> list[date]:
    """UTC days that the span touches."""
    last = (span.end - timedelta(microseconds=1)).astimezone(UTC).date()
    first = span.start.astimezone(UTC).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def whole_minutes(first_us: int, end_us: int) -> Span:
    """The whole minutes between two moments; empty (start == end) where there is none."""
    step = MINUTE // timedelta(microseconds=1)
    start, end = -(-first_us // step) * step, end_us // step * step
    return Span(from_us(start), from_us(max(start, end)))


def newest_bronze_us(lake: Lake, symbol: str, day: date) -> int | None:
    """Time of the newest trade of a day in bronze; None where it holds none."""
    table = lake.read(BRONZE_TRADES, symbol, day, columns=["time"])
    return None if table is None or table.num_rows == 0 else int(times_us(table["time"]).max())


def first_whole_minute(settings: Settings, *, deadline_s: float) -> datetime:
    """Start of the first minute of which Kafka can hold every trade, of all symbols; waits for a trade of each.

    Raises Unavailable where none came by the deadline, or what reading the topic raised last.
    """
    end = time.monotonic() + deadline_s
    while True:
        try:
            held = read_topic(settings, settings.symbols)
            absent = [symbol for symbol, trades in held.items() if not trades.ids.size]
            if not absent:
                first_us = max(int(trades.times_us.min()) for trades in held.values())
                return (from_us(first_us) + MINUTE).replace(second=0, microsecond=0)
            if time.monotonic() > end:
                raise Unavailable(f"No trade of {', '.join(absent)} came within {deadline_s:.0f} s.")
        except KafkaException:
            if time.monotonic() > end:
                raise
        time.sleep(POLL_S)
