"""What the rules make of facts; `test_watch.py` causes the faults themselves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.alerts.alert import Cause
from crypto_assets.alerts.facts import Damaged, Facts, FailedRuns, ModelSkill, Unseen
from crypto_assets.alerts.rules import judge
from crypto_assets.alerts.rules_live import RESTARTS_WITHIN
from crypto_assets.features.declaration import FEATURES
from crypto_assets.forecast.drift import WeekSkill
from crypto_assets.forecast.judge.significance import Interval
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.gold import GoldQuality
from crypto_assets.health.storage import Disk
from crypto_assets.health.writes import LastWrite
from crypto_assets.spans import to_us
from crypto_assets.stream.health import Health
from crypto_assets.stream.health import judge as judge_beat
from crypto_assets.stream.heartbeat import Heartbeat, Program, StreamState
from crypto_assets_tests.alerts.causes import NOW, Book
from sensors.market_stream import INTERVAL_S, STEADY_AFTER_S, pause_s

MINUTE = timedelta(minutes=1)
DAY = date(2026, 3, 7)


def causes(**facts: object) -> dict[str, Cause]:
    judged = judge(Facts(**({"now": NOW, "streams": True} | facts)))  # type: ignore[arg-type]
    return {cause.key: cause for cause in judged.causes}


def scopes(**facts: object) -> frozenset[str]:
    return judge(Facts(**({"now": NOW, "streams": True} | facts))).scopes  # type: ignore[arg-type]


def collector(
    *streams: StreamState,
    state: str = "running",
    started_ago: timedelta = 60 * MINUTE,
    program: Program = "collector",
) -> Health:
    beat = Heartbeat(
        program=program,
        instance="a",
        pid=1,
        host="here",
        started_at_us=to_us(NOW - started_ago),
        beat_at_us=to_us(NOW),
        state=state,  # type: ignore[arg-type]
        detail="Kafka does not answer",
        streams=streams,
    )
    return judge_beat(program, beat, now_us=to_us(NOW))


def write(symbol: str, ago: timedelta | None) -> LastWrite:
    at = None if ago is None else NOW - ago
    return LastWrite("bronze_klines_1m", symbol, None if at is None else at.date(), at, 1)


def test_what_nobody_looked_at_is_neither_wrong_nor_over() -> None:
    assert causes() == {}
    assert scopes() == {"delivery"}


def test_what_could_not_be_seen_is_a_cause_and_leaves_its_rule_alone() -> None:
    found = scopes(programs=Unseen("Redis is down."), disks=())
    assert found == {"delivery", "disk", "unwatched/disk"}
    assert set(causes(programs=Unseen("Redis is down."), silver=Unseen("no"), gold=Unseen("no"))) == {
        "unwatched/redis",
        "unwatched/lake",
    }


def test_a_place_of_which_only_a_part_can_be_seen_stays_unwatched() -> None:
    assert "unwatched/lake" not in scopes(silver=(), gold=Unseen("no"))
    assert "silver" in scopes(silver=(), gold=Unseen("no"))
    assert "unwatched/lake" in scopes(silver=(), gold=())


def test_a_stream_that_was_taken_down_is_over_and_not_silent() -> None:
    assert scopes(streams=False) == {"delivery", "stream", "bronze", "unwatched/redis"}


def test_a_program_that_ended_is_told_sooner_than_one_that_never_was() -> None:
    absent = Health("processor", "absent", "processor: no heartbeat.")
    found = causes(programs=(collector(state="failed"), absent))
    assert found["stream/collector"].tell_after == MINUTE
    assert found["stream/processor"].tell_after == 3 * MINUTE
    assert (found["stream/collector"].severity, found["stream/processor"].severity) == ("critical", "warning")


def test_a_program_whose_word_cannot_be_understood_is_told_and_not_taken_to_be_well() -> None:
    garbled = Health("processor", "unknown", "processor: its heartbeat is of another version.")
    assert set(causes(programs=(collector(), garbled))) == {"stream/processor"}


@pytest.mark.parametrize(("minutes", "is_stuck"), [(1, False), (6, True)])
def test_a_program_that_does_not_get_over_its_start_is_told(minutes: int, is_stuck: bool) -> None:
    found = causes(programs=(collector(state="starting", started_ago=minutes * MINUTE),))
    assert ("stream/collector" in found) is is_stuck


def flowing(symbol: str, *, last_ago: timedelta | None = MINUTE, silent: bool = False) -> StreamState:
    last_us = None if last_ago is None else to_us(NOW - last_ago)
    return StreamState("simulator-7.trades", symbol, 10, 1.0, last_us, last_us, 0.1, silent)


def test_each_stream_that_is_silent_is_told_with_its_last_message() -> None:
    quiet, never = flowing("ETHUSDT", last_ago=9 * MINUTE, silent=True), flowing("BNBUSDT", last_ago=None, silent=True)
    found = causes(programs=(collector(flowing("BTCUSDT"), quiet, never),))
    assert set(found) == {f"stream/collector/simulator-7.trades/{symbol}" for symbol in ("ETHUSDT", "BNBUSDT")}
    told = found["stream/collector/simulator-7.trades/ETHUSDT"]
    assert told.since == NOW - 9 * MINUTE
    assert told.sentence == (
        "collector has no message of simulator-7.trades ETHUSDT for longer than is normal: the last came "
        f"{NOW - 9 * MINUTE:%Y-%m-%d %H:%M:%S} UTC."
    )
    assert told.link == "/assets/trade_stream"
    assert found["stream/collector/simulator-7.trades/BNBUSDT"].since is None
    assert "there was none yet" in found["stream/collector/simulator-7.trades/BNBUSDT"].sentence


def test_streams_that_are_all_silent_are_one_cause_and_the_next_program_is_looked_at() -> None:
    quiet = [flowing(symbol, silent=True) for symbol in ("BTCUSDT", "ETHUSDT")]
    found = causes(programs=(collector(*quiet), collector(flowing("BTCUSDT", silent=True), program="processor")))
    assert {key: cause.sentence.partition(".")[0] for key, cause in found.items()} == {
        "stream/collector": "All 2 streams are silent",
        "stream/processor": "All 1 streams are silent",
    }


def test_a_day_whose_file_is_damaged_is_told_with_the_command_that_makes_it_again() -> None:
    broken = Damaged("BTCUSDT", DAY, "It is no Parquet.")
    found = causes(silver=(broken,), gold=(broken,))
    assert set(found) == {"silver/BTCUSDT/2026-03-07", "gold/BTCUSDT/2026-03-07"}
    assert found["silver/BTCUSDT/2026-03-07"].sentence == "It is no Parquet."
    assert "silver_klines_1m" in found["silver/BTCUSDT/2026-03-07"].advice
    assert "gold_features" in found["gold/BTCUSDT/2026-03-07"].advice


def silver_of(symbol: str, rows: int | None) -> Completeness:
    return Completeness("silver_klines_1m", symbol, DAY, rows, expected=1_440, filled=0, halt_minutes=0)


def test_a_day_of_silver_may_lack_a_minute_in_a_thousand() -> None:
    found = causes(silver=(silver_of("BTCUSDT", 1_439), silver_of("ETHUSDT", 1_438), silver_of("BNBUSDT", None)))
    assert {key: cause.subject for key, cause in found.items()} == {
        "silver/ETHUSDT/2026-03-07": "silver of ETHUSDT on 2026-03-07 is 99.86 % complete",
        "silver/BNBUSDT/2026-03-07": "silver of BNBUSDT on 2026-03-07 is never made",
    }
    told = found["silver/ETHUSDT/2026-03-07"]
    assert "1,438/1,440 minutes. Run: " in told.sentence
    assert (told.tell_after, told.watched_until) == (30 * MINUTE, datetime(2026, 3, 15, tzinfo=UTC))


def quality(symbol: str, *, null_columns: tuple[str, ...] = (), out_of_range: tuple[str, ...] = ()) -> GoldQuality:
    bad = len(null_columns)
    return GoldQuality(symbol, DAY, 1_440, len(FEATURES), 1_440, null_columns, bad, out_of_range)


def test_features_that_are_no_numbers_or_leave_their_range_are_told_with_the_first_columns() -> None:
    names = tuple(feature.name for feature in FEATURES[:6])
    found = causes(
        gold=(
            quality("BTCUSDT"),
            quality("ETHUSDT", null_columns=names),
            quality("BNBUSDT", out_of_range=("rsi_14_1m is 101",)),
        )
    )
    assert set(found) == {"gold/ETHUSDT/2026-03-07", "gold/BNBUSDT/2026-03-07"}
    told = found["gold/ETHUSDT/2026-03-07"]
    assert told.sentence.endswith(f" Columns: {', '.join(names[:5])}.")
    assert told.severity == "critical"
    assert "2026-03-07|ETHUSDT" in told.advice
    assert "rsi_14_1m is 101" in found["gold/BNBUSDT/2026-03-07"].sentence
    assert "Columns" not in found["gold/BNBUSDT/2026-03-07"].sentence


def foretold(symbol: str, interval: Interval | None) -> ModelSkill:
    week = WeekSkill(900, 1_234, None if interval is None else (interval.low + interval.high) / 2, interval)
    return ModelSkill(symbol, f"{symbol}-2026-02-28-0123456789ab", date(2026, 3, 1), DAY, week)


def test_a_model_is_told_that_is_worse_than_the_last_price_by_more_than_chance() -> None:
    worse, doubtful = Interval(low=-0.03, high=-0.01), Interval(low=-0.03, high=0.001)
    found = causes(skills=(foretold("BTCUSDT", worse), foretold("ETHUSDT", doubtful), foretold("BNBUSDT", None)))
    assert set(found) == {"skill/week/BTCUSDT"}
    assert found["skill/week/BTCUSDT"].sentence == (
        "BTCUSDT-2026-02-28-0123456789ab: skill over the last price at 15m from 2026-03-01 to 2026-03-07 is -2.00 % "
        "(95% interval -3.00 to -1.00 %, 1,234 forecasts): worse than saying that the price stays."
    )


def failed(*assets: str, partition: str | None, count: int = 1, ended_ago: timedelta | None = MINUTE) -> FailedRuns:
    ended_at = None if ended_ago is None else NOW - ended_ago
    newest = RunState("0123456789", "medallion", "FAILURE", NOW, ended_at, partition, "The disk is full.", assets)
    return FailedRuns(newest, count, NOW - 60 * MINUTE)


def test_runs_that_failed_are_told_once_with_what_they_were_to_make() -> None:
    whole = failed(partition="2026-03-07|BTCUSDT", count=3)
    found = causes(runs=(whole, failed("a", "b", "c", "d", partition=None, ended_ago=None)))
    every, some = found["run/medallion/2026-03-07|BTCUSDT/-"], found["run/medallion/-/a+b+c+d"]
    assert every.subject == "run of medallion of 2026-03-07|BTCUSDT failed"
    assert every.sentence == "Run 01234567: The disk is full. 3 runs of it failed."
    assert (every.since, every.watched_until) == (NOW - 60 * MINUTE, NOW - MINUTE + timedelta(days=7))
    assert (some.subject, some.sentence) == ("run of a, b, c … failed", "Run 01234567: The disk is full.")
    assert some.watched_until == NOW - 60 * MINUTE + timedelta(days=7)


def test_one_symbol_without_bronze_is_named_and_all_of_them_are_one_cause() -> None:
    late, fresh = write("BTCUSDT", 11 * MINUTE), write("ETHUSDT", 5 * MINUTE)
    assert set(causes(writes=(late, fresh))) == {"bronze/BTCUSDT"}
    assert set(causes(writes=(late, write("ETHUSDT", 12 * MINUTE)))) == {"bronze/all"}


def test_a_collector_that_just_began_could_not_fill_bronze_yet() -> None:
    never, late = write("BTCUSDT", None), write("ETHUSDT", 60 * MINUTE)
    assert causes(writes=(never, late), programs=(collector(started_ago=9 * MINUTE),)) == {}
    assert set(causes(writes=(never, late), programs=(collector(started_ago=11 * MINUTE),))) == {"bronze/all"}
    assert causes(writes=(never,)) == {}


def test_a_slow_exchange_fills_bronze_less_often() -> None:
    late = write("BTCUSDT", 40 * MINUTE)
    assert causes(writes=(late,), flushed_every=25 * MINUTE) == {}
    assert set(causes(writes=(late,), flushed_every=15 * MINUTE)) == {"bronze/all"}


@pytest.mark.parametrize(("free", "is_told"), [(99, True), (100, False), (0, True)])
def test_a_disk_is_told_below_a_tenth(free: int, is_told: bool) -> None:
    disk = Disk(Path("/lake"), 1_000, free, "LAKE_URI")
    assert ("disk/LAKE_URI" in causes(disks=(disk,))) is is_told


@pytest.mark.parametrize(("starts", "is_loop"), [(3, False), (4, True)])
def test_four_starts_in_half_an_hour_are_a_loop(starts: int, is_loop: bool) -> None:
    assert ("restarts/market_stream" in causes(starts={"market_stream": starts})) is is_loop
    assert "restarts" in scopes(starts={})


def test_a_loop_of_restarts_is_one_alert_until_nothing_was_started_for_as_long_as_it_could_pause(
    quick_book: Book,
) -> None:
    book, begun = quick_book, quick_book.now
    starts_s = [0.0]
    for failures in range(1, 20):
        lasted_s = 5.0 if failures < 4 else STEADY_AFTER_S - 1.0
        starts_s.append(starts_s[-1] + lasted_s + pause_s(failures) + INTERVAL_S)
    told: list[tuple[timedelta, str]] = []
    while (after := book.now - begun) < timedelta(seconds=starts_s[-1]) + 2 * RESTARTS_WITHIN:
        made = [(str(s), begun + timedelta(seconds=s)) for s in starts_s if timedelta(seconds=s) <= after]
        starts = book.ledger.remember_starts({"market_stream": made}, since=book.now - RESTARTS_WITHIN)
        book.ledger.record(judge(Facts(now=book.now, streams=False, starts=starts)), channels=("log",), now=book.now)
        told += [(after, kind) for _, kind in book.told("log")]
        book.now += MINUTE
    assert [kind for _, kind in told] == ["firing", "resolved"]
    assert told[-1][0] >= timedelta(seconds=starts_s[-1]) + RESTARTS_WITHIN


def check(partition: str | None, *, passed: bool, severity: str = "ERROR", name: str = "drift") -> CheckResult:
    return CheckResult("lstm_predictions", name, partition, passed, severity, "wild in 97 %.", NOW, "a run")


def test_a_check_that_only_warns_is_no_alert_but_drift_of_the_newest_day_is() -> None:
    days = [check(f"2026-02-{day}|BTCUSDT", passed=day != 27, severity="WARN") for day in (26, 27, 28)]
    assert causes(checks=days) == {}
    assert set(causes(checks=days[:2])) == {"skill/drift/BTCUSDT"}
    assert causes(checks=[check("2026-02-28|BTCUSDT", passed=False, severity="WARN", name="skill")]) == {}


def test_a_range_is_as_new_as_its_end() -> None:
    ranged = check("2026-02-01|BTCUSDT...2026-02-28|BTCUSDT", passed=False, severity="WARN")
    assert set(causes(checks=[ranged, check("2026-02-27|BTCUSDT", passed=True)])) == {"skill/drift/BTCUSDT"}


def test_a_failed_check_is_watched_no_longer_than_its_runs_are_read() -> None:
    found = causes(checks=[check(None, passed=False, name="complete")])
    assert found["check/lstm_predictions/complete/-"].watched_until == NOW + timedelta(days=2)
