from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import msgspec
import pytest

from crypto_assets.assets.bronze import OFFSETS_TAG
from crypto_assets.convergence.live_ranges import TopicEnds, decode_ends
from crypto_assets.partitions import DaySymbol
from crypto_assets.schemas import BRONZE_FUNDING_RATE, BRONZE_KLINES, BRONZE_TRADES
from crypto_assets.stream.reader import LiveTopics
from crypto_assets_tests.assets.small_exchange import SmallPlatform, failures, make_platform
from crypto_assets_tests.convergence.live_world import LiveWorld, make_live_world, trade
from sensors.bronze_flush import BRONZE_FLUSH, Cursor, Flush, Nothing, bronze_flush_sensor, flush_request, plan_flush

FIRST_DAY = date(2024, 8, 1)
DAYS = DaySymbol(FIRST_DAY, ("BTCUSDT", "ETHUSDT"))


def ends(*offsets: int, topic_id: str = "id") -> dict[str, TopicEnds]:
    return {"trades": TopicEnds(topic_id, offsets)}


def moment(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2024, 8, day, hour, minute, tzinfo=UTC)


def asked(at: datetime, *, settled: int, offsets: tuple[int, ...] = (100, 0, 0)) -> Cursor:
    day = date(2024, 8, settled)
    return Cursor(at, day, day, day, day, ends(*offsets))


def plan(cursor: Cursor | None, now: datetime, *offsets: int, has_succeeded: bool = True) -> Flush | Nothing:
    return plan_flush(
        cursor, has_succeeded=has_succeeded, ends=ends(*(offsets or (100, 0, 0))), now=now, first_day=FIRST_DAY
    )


@pytest.mark.parametrize(
    ("now", "settled", "first", "last"),
    [
        pytest.param(moment(5, 12), 4, 5, 5, id="in the middle of a day: the day"),
        pytest.param(moment(6, 0, 0), 4, 5, 5, id="at midnight: still the day before alone"),
        pytest.param(moment(6, 0, 5), 4, 5, 6, id="after midnight: both"),
        pytest.param(moment(6, 0, 11), 4, 5, 6, id="some minutes later: the day before once more"),
        pytest.param(moment(6, 0, 16), 5, 6, 6, id="then it is settled"),
        pytest.param(moment(9, 12), 4, 5, 9, id="after days of silence: all of them"),
        pytest.param(moment(25, 12), 4, 18, 25, id="but none that Kafka has forgotten"),
    ],
)
def test_the_days_of_a_flush_reach_from_the_first_that_is_not_settled_to_the_one_that_runs(
    now: datetime, settled: int, first: int, last: int
) -> None:
    found = plan(asked(now - timedelta(minutes=6), settled=settled), now)

    assert isinstance(found, Flush)
    assert (found.first.day, found.last.day) == (first, last)


def test_a_day_is_settled_by_the_second_flush_some_minutes_after_its_end() -> None:
    assert first_days(moment(5, 23, 59), [(6, 0, minute) for minute in (4, 9, 14, 19, 24)]) == [5, 5, 5, 5, 6]


def test_a_day_whose_last_flush_has_failed_is_asked_for_until_one_succeeds() -> None:
    times = [(6, 0, 14), (6, 0, 19), (6, 0, 24), (6, 2, 0), (6, 2, 5)]
    assert first_days(moment(6, 0, 9), times, failing={1, 2}) == [5, 5, 5, 5, 6]


def test_the_first_flush_after_kafka_was_away_settles_nothing() -> None:
    """What the collectors kept on disk meanwhile comes after it."""
    assert first_days(moment(5, 22, 0), [(6, 1, 0), (6, 1, 5), (6, 1, 10)]) == [5, 5, 6]


def first_days(asked_at: datetime, times: list[tuple[int, int, int]], *, failing: Collection[int] = ()) -> list[int]:
    """First days of the flushes at these times, of which those that fail are told by their places."""
    days: list[int] = []
    cursor, has_succeeded = asked(asked_at, settled=4), True
    for place, (day, hour, minute) in enumerate(times):
        found = plan(cursor, moment(day, hour, minute), has_succeeded=has_succeeded)
        assert isinstance(found, Flush)
        cursor, has_succeeded = found.cursor, place not in failing
        days.append(found.first.day)
    return days


def test_the_first_flush_of_all_takes_yesterday_too_but_nothing_before_the_first_day() -> None:
    found = plan(None, moment(5, 12))
    assert isinstance(found, Flush)
    assert (found.first.day, found.last.day) == (4, 5)

    first = plan(None, moment(1, 12))
    assert isinstance(first, Flush)
    assert first.first == FIRST_DAY
    assert isinstance(plan(None, datetime(2024, 7, 30, 12, tzinfo=UTC)), Nothing)


def test_between_flushes_only_many_messages_ask_for_one() -> None:
    cursor = asked(moment(5, 12), settled=4)

    few = plan(cursor, moment(5, 12, 4), 40_000, 10_000, 99)
    assert isinstance(few, Nothing)
    assert "49,999 messages wait" in few.reason
    many = plan(cursor, moment(5, 12, 1), 40_000, 10_000, 100)
    assert isinstance(many, Flush)
    assert many.waiting == 50_000
    assert isinstance(plan(cursor, moment(5, 12, 5), 100, 0, 0), Flush)
    assert isinstance(plan(cursor, moment(5, 11), 100, 0, 0), Flush), "a clock that was set back does not stop flushes"


def test_all_messages_of_a_topic_that_was_made_again_are_new() -> None:
    cursor = asked(moment(5, 12), settled=4, offsets=(60_000, 0, 0))

    made_again = ends(50_000, 0, 0, topic_id="other")
    found = plan_flush(cursor, has_succeeded=True, ends=made_again, now=moment(5, 12, 1), first_day=FIRST_DAY)

    assert isinstance(found, Flush)


def test_a_run_over_all_symbols_is_named_by_its_days_and_offsets() -> None:
    request = flush_request(date(2024, 8, 5), date(2024, 8, 6), DAYS, ends=ends(7, 8, 9))

    partitions = DAYS.of_run(request.tags, now=moment(6, 1))
    assert [str(p) for p in partitions] == [
        "2024-08-05 BTCUSDT",
        "2024-08-06 BTCUSDT",
        "2024-08-05 ETHUSDT",
        "2024-08-06 ETHUSDT",
    ]
    assert decode_ends(request.tags[OFFSETS_TAG]) == ends(7, 8, 9)
    assert request.run_key == flush_request(date(2024, 8, 5), date(2024, 8, 6), DAYS, ends=ends(7, 8, 9)).run_key
    assert request.run_key != flush_request(date(2024, 8, 5), date(2024, 8, 6), DAYS, ends=ends(7, 8, 10)).run_key


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


@pytest.fixture
def world(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveWorld]:
    (tmp_path / "beside").mkdir()
    made = make_live_world(kafka, tmp_path / "beside")
    made.exchange, made.live = "simulator-0", LiveTopics(kafka, "simulator-0")
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "SYMBOLS": "BTCUSDT,ETHUSDT",
        "SIMULATOR_SEED": "0",
        "EXCHANGE": "simulator",
        "PARTITIONS_START": str(FIRST_DAY),
    }.items():
        monkeypatch.setenv(name, value)
    made.create()
    yield made
    made.delete()
    made.live.close()


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    found = bronze_flush_sensor(DAYS)(context)
    assert isinstance(found, dg.SensorResult | dg.SkipReason)
    return found


def test_what_the_sensor_asks_for_is_what_the_run_takes(
    world: LiveWorld, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    world.send(*(trade(n, at=now) for n in range(30)), *(trade(n, at=now, symbol="ETHUSDT") for n in range(20)))
    world.producer.flush()

    asked_for = tick(instance)

    assert isinstance(asked_for, dg.SensorResult)
    assert asked_for.run_requests is not None
    (request,) = asked_for.run_requests
    world.send(trade(30, at=now))
    world.producer.flush()
    again = tick(instance, asked_for.cursor)
    assert isinstance(again, dg.SkipReason)
    assert "1 messages wait" in (again.skip_message or "")

    platform = make_platform(tmp_path, instance, live=world.live)
    result = flush(platform, request.tags)

    assert failures(result) == {}
    lake = platform.lake.lake
    held = {s: lake.read(BRONZE_TRADES, s, now.date()) for s in DAYS.symbols}
    assert {s: sorted(t["trade_id"].to_pylist()) for s, t in held.items() if t} == {
        "BTCUSDT": list(range(30)),
        "ETHUSDT": list(range(20)),
    }
    assert lake.has(BRONZE_KLINES["15m"], "ETHUSDT", now.date() - timedelta(days=1))
    assert lake.has(BRONZE_FUNDING_RATE, "BTCUSDT", now.date())
    assert result.get_asset_check_evaluations() == []


def test_one_flush_is_asked_for_at_a_time(world: LiveWorld, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    job = make_platform(tmp_path, instance).definitions.resolve_job_def(BRONZE_FLUSH.name)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)

    waits = tick(instance)

    assert isinstance(waits, dg.SkipReason)
    assert run.run_id in (waits.skip_message or "")
    instance.report_run_failed(run)
    assert isinstance(tick(instance), dg.SensorResult)


def test_days_are_settled_by_the_run_and_not_by_the_request(
    world: LiveWorld, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    settled, asked_for = now.date() - timedelta(days=5), now.date() - timedelta(days=2)
    cursor = Cursor(now - timedelta(minutes=6), asked_for, asked_for, settled, asked_for, ends(1))
    text = msgspec.json.encode(cursor).decode()
    tags = flush_request(asked_for, asked_for, DAYS, ends=cursor.ends).tags
    job = make_platform(tmp_path, instance).definitions.resolve_job_def(BRONZE_FLUSH.name)

    instance.report_run_failed(instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags))
    assert first_day_of(tick(instance, text)) == settled + timedelta(days=1)

    instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags=tags)
    assert first_day_of(tick(instance, text)) == asked_for + timedelta(days=1)


def test_a_damaged_offsets_tag_fails_the_run_with_a_sentence(
    world: LiveWorld, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    platform = make_platform(tmp_path, instance, live=world.live)
    today = datetime.now(UTC).date()
    tags = {**flush_request(today, today, DAYS, ends={}).tags, OFFSETS_TAG: "{damaged"}

    result = flush(platform, tags)

    assert all("Leave it out to read all there is" in sentence for sentence in failures(result).values())
    assert not result.success


def test_without_kafka_the_sensor_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    none = tick(instance)
    assert isinstance(none, dg.SkipReason)
    assert "make up" in (none.skip_message or "")

    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    away = tick(instance)
    assert isinstance(away, dg.SkipReason)
    assert "Kafka at 127.0.0.1:9 does not answer" in (away.skip_message or "")


def first_day_of(asked_for: dg.SensorResult | dg.SkipReason) -> date:
    assert isinstance(asked_for, dg.SensorResult)
    assert asked_for.run_requests is not None
    (request,) = asked_for.run_requests
    return min(partition.day for partition in DAYS.of_run(request.tags, now=datetime.now(UTC)))


def flush(platform: SmallPlatform, tags: Mapping[str, str]) -> dg.ExecuteInProcessResult:
    job = platform.definitions.resolve_job_def(BRONZE_FLUSH.name)
    return job.execute_in_process(instance=platform.instance, tags=dict(tags), raise_on_error=False)
