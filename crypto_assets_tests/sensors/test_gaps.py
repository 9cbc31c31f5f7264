"""What a change of the gap ledger asks for, and the asset, picture and check that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from crypto_assets.assets.gap_ledger import describe
from crypto_assets.checks.streams import judge_open
from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.endpoints import exchange_name
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.manifest import Manifest
from crypto_assets.partitions import DaySymbol, Partition
from crypto_assets.pictures import png
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_TRADES, Dataset
from crypto_assets.stream.avro import FINGERPRINT_HEADER, encode_key, fingerprint
from crypto_assets.stream.gap_table import GAP_LEDGER, gap_table, gaps_of
from crypto_assets.stream.gaps import Gap, encode_gap
from crypto_assets.stream.topics import GAPS
from crypto_assets_tests.pictures.reading import colours, read_picture
from crypto_assets_tests.small_stream import SmallStream, small_stream
from sensors.gaps import LATE, Seen, news, partitions_touched

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAYS = DaySymbol(date(2026, 11, 1), ("BTCUSDT", "ETHUSDT"))


def gap(number: int = 1, **given: Any) -> Gap:
    """A repaired gap of ten minutes of 1m candles on 2026-11-18."""
    start = datetime(2026, 11, 18, 4, number, tzinfo=UTC)
    known: dict[str, Any] = {
        "gap_id": f"klines:BTCUSDT:1m:{number}",
        "dataset": "klines",
        "symbol": "BTCUSDT",
        "timeframe": "1m",
        "start": start,
        "end": start + timedelta(minutes=10),
        "cause": "disconnected",
        "state": "repaired",
        "detail": "10 rows came from REST",
        "noticed_at": start + timedelta(minutes=10),
        "changed_at": start + timedelta(minutes=11),
        "recovered": 10,
    }
    return Gap(**known | given)


@dataclass
class Ledger:
    """A graph with a ledger of its own in Kafka."""

    stream: SmallStream
    graph: dg.Definitions
    lake: Lake
    instance: dg.DagsterInstance

    def write(self, *gaps: Gap) -> None:
        assert self.stream.settings.kafka_bootstrap_servers is not None
        producer = Producer({"bootstrap.servers": self.stream.settings.kafka_bootstrap_servers})
        for one in gaps:
            producer.produce(
                GAPS.of(exchange_name(self.stream.settings)),
                encode_gap(one),
                encode_key(one.gap_id),
                headers=[(FINGERPRINT_HEADER, fingerprint(GAPS.name))],
            )
        assert producer.flush(20) == 0

    def tick(self, cursor: str | None = None) -> Any:
        sensor = self.graph.get_repository_def().get_sensor_def("gaps")
        resources = {"market_stream": self.stream, "lake": self.graph.resources["lake"]}  # pyright: ignore[reportOptionalSubscript]
        context = dg.build_sensor_context(self.instance, cursor=cursor, definitions=self.graph, resources=resources)
        return sensor.evaluate_tick(context)

    def publish(self, dataset: Dataset, *days: date, symbol: str = "BTCUSDT") -> None:
        """Let the lake hold something of these days."""
        for day in days:
            self.lake.publish_manifest(dataset, symbol, day, Manifest())


@pytest.fixture
def ledger(tmp_path: Path, redis_server: str, kafka: str) -> Iterator[Ledger]:
    stream = small_stream(tmp_path, redis_server, kafka=kafka)
    topic = GAPS.of(exchange_name(stream.settings))
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1)])[topic].result()
    given: dict[str, Any] = {"data_dir": tmp_path, "symbols": DAYS.symbols, "partitions_start": DAYS.first_day}
    settings = Settings(_env_file=None, **given)  # pyright: ignore[reportCallIssue]
    with dg.DagsterInstance.ephemeral() as instance:
        graph = build_definitions(settings, market_stream=stream)
        yield Ledger(stream, graph, Lake(settings.lake), instance)


def asked(result: Any) -> dict[str, set[str]]:
    """Assets by partition of what was requested; the ledger's own request is under no partition."""
    return {
        request.partition_key or "": {key.to_user_string() for key in request.asset_selection}
        for request in result.run_requests
    }


def test_a_repaired_gap_asks_once_for_the_days_it_lies_in(ledger: Ledger) -> None:
    midnight = datetime(2026, 11, 18, tzinfo=UTC)
    over_midnight = gap(start=midnight - timedelta(minutes=3), end=midnight + timedelta(minutes=2))
    ledger.publish(BRONZE_KLINES["1m"], date(2026, 11, 17), date(2026, 11, 18))
    ledger.write(over_midnight)

    first = ledger.tick()
    assert asked(first) == {
        "2026-11-17|BTCUSDT": {"bronze_klines_1m"},
        "2026-11-18|BTCUSDT": {"bronze_klines_1m"},
        "": {"gap_ledger"},
    }
    second = ledger.tick(first.cursor)
    assert not second.run_requests
    assert second.skip_message == (
        "The ledger holds 1 gaps, 0 of them open; 0 changed since the last look, 0 wait for the next, and 0 bronze "
        "days want to be converged."
    )


def test_gaps_of_one_day_are_one_run_and_open_ones_are_left_to_the_collector(ledger: Ledger) -> None:
    five = gap(2, gap_id="klines:BTCUSDT:5m:2", timeframe="5m", state="halted")
    still_open = gap(3, symbol="ETHUSDT", state="open")
    lost = gap(4, symbol="ETHUSDT", dataset="orderbook", timeframe=None, state="unrecoverable")
    ledger.publish(BRONZE_KLINES["1m"], date(2026, 11, 18))
    ledger.publish(BRONZE_KLINES["1m"], date(2026, 11, 18), symbol="ETHUSDT")
    ledger.publish(BRONZE_KLINES["5m"], date(2026, 11, 18))
    ledger.write(gap(1), five, still_open, lost)

    result = ledger.tick()

    assert asked(result) == {
        "2026-11-18|BTCUSDT": {"bronze_klines_1m", "bronze_klines_5m"},
        "": {"gap_ledger"},
    }


def test_a_day_that_nobody_made_is_not_made_for_a_gap(ledger: Ledger) -> None:
    ledger.write(gap(dataset="trades", timeframe=None))
    first = ledger.tick()
    assert asked(first) == {"": {"gap_ledger"}}

    ledger.publish(BRONZE_TRADES, date(2026, 11, 18))
    ledger.write(gap(dataset="trades", timeframe=None, changed_at=NOW))
    assert asked(ledger.tick(first.cursor))["2026-11-18|BTCUSDT"] == {"bronze_trades"}


def test_a_gap_that_settles_again_asks_again_under_another_key(ledger: Ledger) -> None:
    ledger.publish(BRONZE_KLINES["1m"], date(2026, 11, 18))
    ledger.write(gap())
    first = ledger.tick()
    ledger.write(gap(changed_at=NOW))
    second = ledger.tick(first.cursor)
    keys = [{r.run_key for r in result.run_requests if r.partition_key} for result in (first, second)]
    assert len(keys[0] | keys[1]) == 2


def test_without_kafka_it_says_so(tmp_path: Path, redis_server: str) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)  # pyright: ignore[reportCallIssue]

    class Bare(SmallStream):
        @property
        def settings(self) -> Settings:
            return settings

    bare = Bare(folder=str(tmp_path), redis_server=redis_server, seed=1)
    graph = build_definitions(settings, market_stream=bare)
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"market_stream": bare, "lake": graph.resources["lake"]}  # pyright: ignore[reportOptionalSubscript]
        context = dg.build_sensor_context(instance, resources=resources)
        result = graph.get_repository_def().get_sensor_def("gaps").evaluate_tick(context)
    assert result.skip_message == "0 gap ledgers to read: no Kafka runs. `make up` starts one."


def test_changes_are_acted_on_once_also_when_an_older_one_is_written_later() -> None:
    newer = gap(1, changed_at=NOW)
    older = gap(2, changed_at=NOW - LATE / 2)
    ancient = gap(3, changed_at=NOW - 2 * LATE)
    assert news([newer], Seen()) == ([newer], 0)
    seen = Seen(NOW, {newer.gap_id: NOW})
    assert news([newer, older, ancient], seen) == ([older], 0)
    many = [gap(n % 50, gap_id=str(n), changed_at=NOW + timedelta(seconds=n)) for n in range(60)]
    taken, rest = news(many, seen)
    assert (len(taken), rest) == (50, 10)


def test_days_outside_the_graph_are_not_touched() -> None:
    early = gap(start=datetime(2026, 10, 30, 23, tzinfo=UTC), end=datetime(2026, 11, 2, tzinfo=UTC))
    unknown = gap(symbol="XRPUSDT")
    seconds = gap(timeframe="1s")
    touched = partitions_touched([early, unknown, seconds], DAYS, today=date(2026, 11, 20))
    assert touched == {Partition("BTCUSDT", date(2026, 11, 1)): {"bronze_klines_1m"}}


def test_the_table_gives_back_what_it_was_made_from() -> None:
    gaps = [gap(1), gap(2, timeframe=None, dataset="trades", first_id=7, last_id=9, state="open")]
    table = gap_table(gaps)
    assert table.schema == GAP_LEDGER.schema
    assert gaps_of(table) == gaps
    assert set(GAP_LEDGER.schema.names) == set(Gap.__struct_fields__)


def test_the_asset_shows_counts_open_gaps_and_a_picture_and_its_check_warns(ledger: Ledger) -> None:
    late = gap(3, gap_id="late", state="open", detail="REST does not answer")
    ledger.write(gap(1), gap(2), late)
    result = dg.materialize(
        [*ledger.graph.assets, *ledger.graph.asset_checks],  # pyright: ignore[reportOptionalIterable, reportArgumentType]
        selection=[GAP_LEDGER.name],
        resources=dict(ledger.graph.resources or {}),
        instance=ledger.instance,
    )
    (event,) = result.get_asset_materialization_events()
    values = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (values["open"], values["repaired"], values["halted"], values["unrecoverable"]) == (1, 2, 0, 0)
    assert (values["dagster/row_count"], values["recovered_rows"]) == (3, 30)
    assert "| klines 1m | BTCUSDT | 2026-11-18 04:03:00 | 2026-11-18 04:13:00 | disconnected |" in values["open_gaps"]
    assert values["timeline"].startswith("![gaps ") or datetime.now(UTC) - late.end > timedelta(days=7)
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "1 of 3 gaps are open for more than 15 minutes." in str(check.description)
    assert ledger.lake.files.size(f"stream/exchange={exchange_name(ledger.stream.settings)}/gap_ledger.parquet")


@pytest.mark.parametrize(("minutes", "passed"), [(14, True), (16, False)])
def test_a_gap_may_be_open_for_a_quarter_of_an_hour(minutes: int, passed: bool) -> None:
    verdict = judge_open([gap(state="open", noticed_at=NOW - timedelta(minutes=minutes))], now=NOW)
    assert verdict.passed is passed


def seen_in_picture(gaps: Sequence[Gap]) -> set[tuple[int, ...]]:
    return set(colours(read_picture(describe(gaps, now=NOW)["timeline"].value)))


def test_the_picture_shows_each_state_in_its_colour() -> None:
    shown = {"open": png.MISSING, "repaired": png.PRESENT, "unrecoverable": png.UNUSABLE}
    for state, colour in shown.items():
        found = seen_in_picture([msgspec.structs.replace(gap(), state=state)])  # pyright: ignore[reportArgumentType]
        assert {c for c in shown.values() if png.PALETTE[c] in found} == {colour}
    assert "timeline" not in describe([], now=NOW)
