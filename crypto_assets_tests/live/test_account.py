"""The account of places that were filled from the exchange itself, before and after something is taken away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from crypto_assets.binance.spot import SpotClient
from crypto_assets.config import Settings
from crypto_assets.convergence.delivery import content_version, stored_rows
from crypto_assets.endpoints import exchange_name
from crypto_assets.errors import InputIncomplete
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.live.account import await_accounts, settled_span, take_accounts
from crypto_assets.live.evidence import read_topic
from crypto_assets.postgres.connection import connect
from crypto_assets.postgres.migrate import migrate
from crypto_assets.postgres.rows import upsert_rows
from crypto_assets.postgres.tables import TRADES as TRADES_TABLE
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES, Dataset
from crypto_assets.simulator.process import start_simulator
from crypto_assets.spans import Span, from_us
from crypto_assets.stream.avro import encode, encode_key
from crypto_assets.stream.topics import TRADES
from crypto_assets_tests.services import service_settings

SYMBOL = "BTCUSDT"
DAY = date(2026, 1, 19)
START = datetime(2026, 1, 19, 10, 0, tzinfo=UTC)
SPAN = Span(START, START + timedelta(minutes=4))
AROUND = Span(START - timedelta(seconds=20), SPAN.end + timedelta(seconds=20))


@dataclass(frozen=True)
class Places:
    """Places that hold the trades of AROUND, and its candles; trades of `without` are in none of those named."""

    settings: Settings
    trades: pa.Table

    def fill(self, *, kafka: object = (), postgres: object = (), bronze: object = ()) -> None:
        self.fill_kafka(without=kafka)
        self.fill_postgres(without=postgres)
        self.fill_bronze(BRONZE_TRADES, self.rows(without=bronze))

    def rows(self, *, without: object = ()) -> pa.Table:
        lost = set(without)  # type: ignore[call-overload]
        return self.trades.filter(pa.array([i not in lost for i in self.trades["trade_id"].to_pylist()]))

    def fill_kafka(self, *, without: object = ()) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self.settings.kafka_bootstrap_servers,
                "partitioner": "murmur2",
                "enable.idempotence": True,
            }
        )
        for number, row in enumerate(self.rows(without=without).to_pylist()):
            record = {
                **{name: row[name] for name in ("trade_id", "is_buyer_maker")},
                "symbol": SYMBOL,
                "trade_time": row["time"],
                "price": str(row["price"]),
                "quantity": str(row["quantity"]),
                "event_time": None,
                "received_at": row["time"],
                "connection": "test",
                "sequence": number,
                "source": "live",
            }
            topic = TRADES.of(exchange_name(self.settings))
            producer.produce(topic, key=encode_key(SYMBOL), value=encode("trades", record))
            producer.produce(topic, key=encode_key("OTHERUSDT"), value=encode("trades", {**record, "trade_id": 1}))
        assert producer.flush(30) == 0

    def fill_postgres(self, *, without: object = ()) -> None:
        assert self.settings.postgres_url is not None
        url = self.settings.postgres_url.get_secret_value()
        rows = [
            (exchange_name(self.settings), SYMBOL, row["trade_id"], row["time"], row["price"], row["quantity"],
             row["is_buyer_maker"], "live", row["time"])
            for row in self.rows(without=without).to_pylist()
        ]  # fmt: skip
        with closing(connect(url)) as connection, connection:
            upsert_rows(connection, TRADES_TABLE, rows)

    def fill_bronze(self, dataset: Dataset, payload: pa.Table) -> None:
        lake = Lake(self.settings.lake)
        stored = stored_rows(
            payload, dataset, source="live", exchange=exchange_name(self.settings), received_at=SPAN.end
        )
        version = content_version(payload)
        parts = lake.write_part(dataset, SYMBOL, DAY, stored, source="live", origin=version, version=version)
        held = lake.manifest(dataset, SYMBOL, DAY) or Manifest()
        lake.publish_manifest(dataset, SYMBOL, DAY, Manifest(parts=(*held.parts, *parts)))


@pytest.fixture(scope="module")
def simulator_url() -> Iterator[str]:
    with start_simulator(symbols=[SYMBOL], frozen_at=AROUND.end) as simulator:
        yield simulator.url


@pytest.fixture(scope="module")
def exchange(simulator_url: str) -> SpotClient:
    return SpotClient(simulator_url)


@pytest.fixture
def places(exchange: SpotClient, simulator_url: str, kafka: str, postgres: str, tmp_path: Path) -> Places:
    """Places of a test's own: nothing is in them yet but the candles in bronze."""
    migrate(postgres)
    settings = service_settings(
        tmp_path,
        symbols=(SYMBOL,),
        simulator_seed=uuid4().int
        % 1_000_000,  # names the topic and the rows; the exchange itself is given by its URLs
        kafka_bootstrap_servers=kafka,
        postgres_url=postgres,
        binance_archive_url=simulator_url,
        binance_spot_rest_url=simulator_url,
        binance_futures_rest_url=simulator_url,
        binance_spot_ws_url=simulator_url,
        binance_futures_ws_url=simulator_url,
    )
    topic = NewTopic(TRADES.of(exchange_name(settings)), num_partitions=TRADES.partitions)
    admin = AdminClient({"bootstrap.servers": kafka})
    [created] = admin.create_topics([topic]).values()
    created.result(30)
    places = Places(settings, trades_of(exchange, AROUND))
    klines = BRONZE_KLINES["1m"]
    places.fill_bronze(klines, exchange.klines(SYMBOL, "1m", SPAN.start, SPAN.end).rows)
    return places


def trades_of(exchange: SpotClient, span: Span) -> pa.Table:
    """Every single trade of the span, as bronze has them."""
    joined = exchange.agg_trades(SYMBOL, span.start, span.end).rows
    wanted, last = joined["first_trade_id"][0].as_py(), joined["last_trade_id"][-1].as_py()
    rows: list[dict[str, object]] = []
    while wanted <= last:
        for trade in exchange.printed_trades(SYMBOL, wanted):
            price, quantity = Decimal(trade.price), Decimal(trade.quantity)
            rows.append(
                {
                    "time": from_us(trade.time_ms * 1000),
                    "trade_id": trade.trade_id,
                    "price": price,
                    "quantity": quantity,
                    "quote_quantity": price * quantity,
                    "is_buyer_maker": trade.is_buyer_maker,
                }
            )
            wanted = trade.trade_id + 1
    return pa.Table.from_pylist([row for row in rows if row["trade_id"] <= last], schema=BRONZE_TRADES.payload)  # type: ignore[operator]


def differences(settings: Settings, span: Span = SPAN) -> list[str]:
    return [sentence for account in take_accounts(settings, span=span) for sentence in account.differences]


def test_it_holds_where_every_place_has_every_trade(places: Places) -> None:
    places.fill()
    [account] = take_accounts(places.settings, span=SPAN)
    assert account.differences == ()
    inside = [t for t in places.trades["time"].to_pylist() if SPAN.start <= t < SPAN.end]
    assert account.ids == account.counted == len(inside) > 50
    assert set(account.distinct.values()) == {len(inside)}
    assert account.candles == 4


@pytest.mark.parametrize(("place", "name"), [("kafka", "Kafka"), ("postgres", "PostgreSQL"), ("bronze", "bronze")])
def test_one_trade_that_one_place_lacks_is_found(places: Places, place: str, name: str) -> None:
    lost = places.trades["trade_id"][places.trades.num_rows // 2].as_py()
    places.fill(**{place: [lost]})
    assert differences(places.settings) == [f"{name} lacks 1 trades: {lost}"]


@pytest.mark.parametrize("edge", ["first", "last"])
def test_the_first_and_the_last_trade_of_the_span_are_not_forgotten(places: Places, edge: str) -> None:
    inside = [
        i
        for i, t in zip(places.trades["trade_id"].to_pylist(), places.trades["time"].to_pylist(), strict=True)
        if SPAN.start <= t < SPAN.end
    ]
    lost = inside[0] if edge == "first" else inside[-1]
    places.fill(kafka=[lost], postgres=[lost], bronze=[lost])
    assert differences(places.settings) == [
        f"{name} lacks 1 trades: {lost}" for name in ("Kafka", "PostgreSQL", "bronze")
    ]


def test_a_candle_of_bronze_that_is_not_the_exchanges_is_found(places: Places, exchange: SpotClient) -> None:
    places.fill()
    sent = exchange.klines(SYMBOL, "1m", SPAN.start, SPAN.start + timedelta(minutes=1)).rows
    column = sent.schema.names.index("close_time")
    later = [moment + timedelta(milliseconds=1) for moment in sent["close_time"].to_pylist()]
    wrong = sent.set_column(column, sent.schema.field(column), pa.array(later, sent.schema.field(column).type))
    places.fill_bronze(BRONZE_KLINES["1m"], wrong)
    [sentence] = differences(places.settings)
    assert sentence.startswith("1 values of candles differ: 10:00 close_time")


def test_the_span_reaches_from_the_first_whole_minute_in_kafka_to_the_last_one_in_bronze(places: Places) -> None:
    places.fill()
    assert settled_span(places.settings) == SPAN
    assert settled_span(places.settings, since=START + timedelta(seconds=1)).start == START + timedelta(minutes=1)
    assert settled_span(places.settings, until=SPAN.end - timedelta(seconds=1)).end == SPAN.end - timedelta(minutes=1)


def test_nothing_in_bronze_is_said_and_not_taken_for_equal(places: Places) -> None:
    places.fill_kafka()
    places.fill_postgres()
    with pytest.raises(InputIncomplete, match="Bronze holds no whole minute after 10:00"):
        settled_span(places.settings)


def test_waiting_ends_when_the_last_place_has_caught_up(places: Places) -> None:
    places.fill_kafka()
    places.fill_bronze(BRONZE_TRADES, places.rows())
    tries: list[Callable[[], None]] = [lambda: None, places.fill_postgres]

    def next_try() -> None:
        tries.pop(0)()

    [account] = await_accounts(places.settings, span=SPAN, deadline_s=60, prepare=next_try)
    assert account.holds
    assert tries == []


def test_a_topic_is_read_once_from_its_first_to_its_last_message(places: Places) -> None:
    places.fill_kafka()
    held = read_topic(places.settings, [SYMBOL, "ETHUSDT"])
    assert held[SYMBOL].ids.tolist() == places.trades["trade_id"].to_pylist()
    assert held["ETHUSDT"].ids.size == 0
