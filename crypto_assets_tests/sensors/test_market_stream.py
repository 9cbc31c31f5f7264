"""Ticks of the sensor that keeps the market stream alive, on a real Redis and a real instance of Dagster."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import redis
from filelock import FileLock

from crypto_assets.config import Settings
from crypto_assets.definitions import build_definitions
from crypto_assets.endpoints import exchange_name, write_endpoint
from crypto_assets.jobs import MARKET_STREAM
from crypto_assets.stream.heartbeat import Heartbeat, Program, StreamState, write_heartbeat
from crypto_assets_tests.small_stream import SmallStream, small_stream
from resources.market_stream import HOST_TAG, Holder, MarketStreamResource
from resources.services.manager import Services, lock_file
from sensors.market_stream import Memory, look, pause_s

NOW = 1_790_000_000.0


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def stream(tmp_path: Path, redis_server: str) -> SmallStream:
    """Without Kafka: for ticks that do not observe."""
    return small_stream(tmp_path, redis_server)


@pytest.fixture
def observed(tmp_path: Path, redis_server: str, kafka: str) -> SmallStream:
    return small_stream(tmp_path, redis_server, kafka=kafka)


def tick(stream: MarketStreamResource, instance: dg.DagsterInstance, *, now: float | None = None) -> dg.SensorResult:
    """A tick that comes too soon after the last one to observe anything."""
    now = time.time() if now is None else now
    return observe(stream, instance, cursor=Memory(observed_at=now).cursor, now=now)


def observe(
    stream: MarketStreamResource, instance: dg.DagsterInstance, *, cursor: str | None = None, now: float
) -> dg.SensorResult:
    result = look(dg.build_sensor_context(instance, cursor=cursor), stream, now=now)
    return result if isinstance(result, dg.SensorResult) else dg.SensorResult(skip_reason=result)


def reason(result: dg.SensorResult) -> str:
    assert result.skip_reason is not None
    return str(result.skip_reason.skip_message)


def beat(
    stream: SmallStream,
    program: Program,
    *,
    ago_s: float = 0.5,
    streams: tuple[StreamState, ...] = (),
    pid: int = 1,
    host: str = "elsewhere",
) -> None:
    settings = stream.settings
    assert settings.redis_url is not None
    now_us = int((time.time() - ago_s) * 1_000_000)
    one = Heartbeat(
        program=program,
        instance="one",
        pid=pid,
        host=host,
        started_at_us=now_us - 1,
        beat_at_us=now_us,
        state="running",
        streams=streams,
    )
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        write_heartbeat(client, exchange_name(settings), one)


def test_a_program_that_was_killed_on_this_machine_is_missed_before_its_heartbeat_is_old(
    stream: SmallStream, instance: dg.DagsterInstance
) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    beat(stream, "collector")
    beat(stream, "forecaster")
    beat(stream, "processor", pid=ended.pid, host=socket.gethostname())
    assert len(tick(stream, instance).run_requests or []) == 1
    beat(stream, "processor", pid=os.getpid(), host=socket.gethostname())
    assert tick(stream, instance).run_requests == []


def record_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str) -> str:
    """A run of the job as Dagster would have recorded it; its process is nowhere."""
    run = instance.create_run_for_job(MARKET_STREAM, tags=tags)
    instance.report_engine_event("begins", run)
    started = dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, MARKET_STREAM.name)
    instance.report_dagster_event(started, run.run_id)
    if status is dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run, "it failed")
    if status is dg.DagsterRunStatus.CANCELED:
        instance.report_run_canceled(run)
    return run.run_id


def test_before_make_up_nothing_is_looked_at_or_started(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    class Unused(MarketStreamResource):
        @property
        def settings(self) -> Settings:
            return Settings(_env_file=None, data_dir=tmp_path)  # pyright: ignore[reportCallIssue]

    result = tick(Unused(), instance)
    assert reason(result) == (
        f"3 of 3 services are not there for {tmp_path}: kafka, redis, postgres. `make up` starts them."
    )
    assert list(tmp_path.iterdir()) == []

    write_endpoint(tmp_path, "kafka", {"url": "127.0.0.1:1"})
    assert "2 of 3 services are not there" in reason(tick(Unused(), instance))


def test_a_stream_that_lives_is_left_alone(stream: SmallStream, instance: dg.DagsterInstance) -> None:
    beat(stream, "collector")
    beat(stream, "processor")
    beat(stream, "forecaster")
    result = tick(stream, instance)
    assert result.run_requests == []
    assert "Nothing to start." in reason(result)
    assert "collector (pid 1 on elsewhere) is running." in reason(result)


def test_while_services_are_started_or_stopped_nothing_is_started(
    stream: SmallStream, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    (tmp_path / "services").mkdir()
    with FileLock(lock_file(tmp_path)):
        assert "are being started or stopped now" in reason(tick(stream, instance))
    assert len(tick(stream, instance).run_requests or []) == 1


class Embedded(SmallStream):
    """Its Redis is that of `make up` for its folder."""

    @property
    def settings(self) -> Settings:
        return super().settings.model_copy(update={"redis_url": None})


def test_a_service_that_ended_by_itself_is_started_again_and_one_that_was_stopped_is_not(
    tmp_path: Path, make_services: Callable[..., Services], instance: dg.DagsterInstance
) -> None:
    services = make_services(tmp_path)
    services.start(["redis"])
    stream = Embedded(folder=str(tmp_path), redis_server="", seed=7)
    services.kill("redis")

    revived = tick(stream, instance, now=NOW)
    assert len(revived.run_requests or []) == 1, "Redis answers again, and says that nothing runs"
    (redis_status,) = services.status(["redis"])
    assert redis_status.state == "running"

    services.kill("redis")
    soon = observe(stream, instance, cursor=revived.cursor, now=NOW + 1)
    assert "redis ended again, 1 times now; next start in 14 s." in reason(soon)

    watched = Embedded(folder=str(tmp_path), redis_server="", seed=7, managed=False)
    assert "1 services ended by themselves: redis; STREAM_MANAGED=false" in reason(tick(watched, instance))
    assert services.status(["redis"])[0].state == "ended by itself"

    services.stop(["redis"])
    assert stream.ended_services() == []
    assert "1 of 3 services are not there" in reason(tick(stream, instance))


def test_a_program_without_a_heartbeat_asks_for_the_run_that_supervises(
    stream: SmallStream, instance: dg.DagsterInstance
) -> None:
    beat(stream, "collector")
    beat(stream, "forecaster")
    beat(stream, "processor", ago_s=40)
    (request,) = tick(stream, instance).run_requests or []
    assert request.run_key == "first"
    assert request.tags["market_stream/reason"] == "processor: the first run that supervises is started."


def test_a_run_that_lasts_is_trusted_with_it(stream: SmallStream, instance: dg.DagsterInstance) -> None:
    run_id = record_run(instance, dg.DagsterRunStatus.STARTED)
    result = tick(stream, instance)
    assert result.run_requests == []
    assert f"Run {run_id} is started and sees to collector and processor and forecaster." in reason(result)


def test_two_daemons_that_see_the_same_runs_ask_for_the_same_one(
    stream: SmallStream, instance: dg.DagsterInstance
) -> None:
    last = record_run(instance, dg.DagsterRunStatus.CANCELED)
    now = time.time() + 60
    asked = [tick(stream, instance, now=now).run_requests or [] for _ in range(2)]
    assert [[request.run_key for request in requests] for requests in asked] == [[f"after {last}"], [f"after {last}"]]


def test_after_failures_the_pause_doubles_and_is_told(stream: SmallStream, instance: dg.DagsterInstance) -> None:
    for _ in range(3):
        record_run(instance, dg.DagsterRunStatus.FAILURE)
    now = time.time()

    early = tick(stream, instance, now=now + 20)
    later = tick(stream, instance, now=now + 61)

    assert early.run_requests == []
    assert "failure 3 in a row; the next one starts in 40 s, 60 s after it." in reason(early).replace("39 s,", "40 s,")
    assert len(later.run_requests or []) == 1
    assert [pause_s(failures) for failures in (0, 1, 2, 3, 6, 7, 9)] == [15, 15, 30, 60, 480, 900, 900]


def test_unmanaged_it_only_watches_and_says_so(tmp_path: Path, redis_server: str, instance: dg.DagsterInstance) -> None:
    watched = small_stream(tmp_path, redis_server, managed=False)
    result = tick(watched, instance)
    assert result.run_requests == []
    assert (
        "STREAM_MANAGED=false: collector and processor and forecaster (3 of 3) must be started by their owner."
        in reason(result)
    )


def test_without_redis_nothing_is_started(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    result = tick(small_stream(tmp_path, "redis://127.0.0.1:1"), instance)
    assert result.run_requests == []
    assert "Without Redis nobody can tell whether 3 programs run" in reason(result)


def test_a_run_whose_process_is_gone_is_ended_and_followed_by_another(
    stream: SmallStream, instance: dg.DagsterInstance
) -> None:
    lost = record_run(instance, dg.DagsterRunStatus.STARTED, **{HOST_TAG: socket.gethostname()})
    early = tick(stream, instance)
    assert f"Run {lost} is started" in reason(early), "it may be on its way"

    later = tick(stream, instance, now=time.time() + 120)

    run = instance.get_run_by_id(lost)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert [request.run_key for request in later.run_requests or []] == [f"after {lost}"]


def test_a_run_that_holds_the_lock_of_this_machine_is_not_taken_for_lost(
    stream: SmallStream, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run_id = record_run(instance, dg.DagsterRunStatus.STARTED, **{HOST_TAG: socket.gethostname()})
    with stream.alone(run_id, has_ended=lambda: False, pause=time.sleep):
        assert stream.supervisor_run() == Holder(run_id, os.getpid())
        result = tick(stream, instance, now=time.time() + 120)
    assert f"Run {run_id} is started" in reason(result)
    with FileLock(tmp_path / "services" / "market_stream.lock", timeout=0):
        pass


def test_a_run_on_another_machine_is_not_taken_for_lost(stream: SmallStream, instance: dg.DagsterInstance) -> None:
    run_id = record_run(instance, dg.DagsterRunStatus.STARTED, **{HOST_TAG: "another"})
    assert f"Run {run_id} is started" in reason(tick(stream, instance, now=time.time() + 3600))


def trades(*, symbol: str, received_us: int, messages: int = 10) -> StreamState:
    return StreamState("simulator.trades", symbol, messages, 2.5, received_us - 250_000, received_us, 0.25)


def events_of(result: dg.SensorResult) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"AssetObservation": [], "AssetMaterialization": []}
    for event in result.asset_events:
        found[type(event).__name__].append(event)
    return found


def test_streams_are_observed_once_a_minute_and_materialized_when_messages_came(
    observed: SmallStream, instance: dg.DagsterInstance
) -> None:
    received = int(time.time() * 1_000_000)
    two = (trades(symbol="BTCUSDT", received_us=received), trades(symbol="ETHUSDT", received_us=received - 5))
    beat(observed, "collector", streams=two)
    beat(observed, "processor")
    beat(observed, "forecaster")

    first = observe(observed, instance, now=NOW)
    (observation,), (materialized,) = events_of(first).values()
    assert observation.asset_key == materialized.asset_key == dg.AssetKey("trade_stream")
    values = {name: value.value for name, value in observation.metadata.items()}
    assert values["messages"] == 20
    assert values["messages_per_second"] == 5.0
    assert values["lag_s"] == 0.25
    assert values["last_event"] == pytest.approx((received - 250_000) / 1e6)
    assert "| ETHUSDT | 2.5 | 10 |" in values["symbols"]
    assert materialized.tags["dagster/data_version"] == "live", "bronze of past days does not go out of date"

    soon = observe(observed, instance, cursor=first.cursor, now=NOW + 59)
    assert events_of(soon) == {"AssetObservation": [], "AssetMaterialization": []}

    quiet = observe(observed, instance, cursor=soon.cursor, now=NOW + 61)
    assert len(events_of(quiet)["AssetObservation"]) == 1
    assert events_of(quiet)["AssetMaterialization"] == [], "no message came since"


def test_a_dead_collectors_last_words_are_not_observed(observed: SmallStream, instance: dg.DagsterInstance) -> None:
    state = trades(symbol="BTCUSDT", received_us=int(time.time() * 1_000_000))
    beat(observed, "collector", ago_s=60, streams=(state,))
    assert observe(observed, instance, now=NOW).asset_events == []


def test_what_kafka_holds_and_how_far_its_readers_are_is_observed(
    observed: SmallStream, kafka: str, instance: dg.DagsterInstance
) -> None:
    exchange = exchange_name(observed.settings)
    fill_and_commit(kafka, f"{exchange}.trades", group=f"{exchange}.reader", messages=7, taken=3)

    (one,) = events_of(observe(observed, instance, now=NOW))["AssetObservation"]

    assert one.asset_key == dg.AssetKey("trade_stream")
    values = {name: value.value for name, value in one.metadata.items()}
    assert values["kafka_messages"] == 7
    assert values["end_offsets"] == {"0": 7}
    assert values["behind"] == {f"{exchange}.reader": 4}


def fill_and_commit(servers: str, topic: str, *, group: str, messages: int, taken: int) -> None:
    from confluent_kafka import Consumer, Producer, TopicPartition
    from confluent_kafka.admin import AdminClient, NewTopic

    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(topic, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": servers})
    for number in range(messages):
        producer.produce(topic, str(number).encode())
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": servers, "group.id": group})
    consumer.commit(offsets=[TopicPartition(topic, 0, taken)], asynchronous=False)
    consumer.close()


def test_events_of_a_tick_are_seen_in_the_graph_and_make_its_stream_fresh(
    observed: SmallStream, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    state = trades(symbol="BTCUSDT", received_us=int(time.time() * 1_000_000))
    beat(observed, "collector", streams=(state,))
    graph = build_definitions(Settings(_env_file=None, data_dir=tmp_path), market_stream=observed)  # pyright: ignore[reportCallIssue]
    sensor = graph.get_repository_def().get_sensor_def("market_stream")
    context = dg.build_sensor_context(instance, definitions=graph, resources={"market_stream": observed})

    for event in sensor.evaluate_tick(context).asset_events:
        instance.report_runless_asset_event(event)

    key = dg.AssetKey("trade_stream")
    assert len(instance.fetch_observations(key, limit=10).records) == 1
    assert len(instance.fetch_materializations(key, limit=10).records) == 1
    assert freshness(graph, instance, key) == "PASS"
    assert freshness(graph, instance, key, minutes_later=3) == "WARN"
    assert freshness(graph, instance, key, minutes_later=6) == "FAIL"
    assert freshness(graph, instance, dg.AssetKey("kline_stream")) == "UNKNOWN"


def freshness(graph: dg.Definitions, instance: dg.DagsterInstance, key: dg.AssetKey, *, minutes_later: int = 0) -> str:
    """What the freshness daemon would say of an asset."""
    import asyncio
    from datetime import timedelta

    from dagster._core.definitions.freshness_evaluator import TimeWindowFreshnessPolicyEvaluator
    from dagster._core.loader import LoadingContextForTest
    from dagster._core.test_utils import freeze_time

    node: Any = graph.resolve_asset_graph().get(key)
    with freeze_time(datetime.now(UTC) + timedelta(minutes=minutes_later)):
        context = LoadingContextForTest(instance)
        return asyncio.run(TimeWindowFreshnessPolicyEvaluator().evaluate_freshness(context, node)).value
