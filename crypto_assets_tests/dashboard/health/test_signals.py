"""Each area is judged by its figures: what is wrong comes first, with a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_assets.alerts.alert import Alert
from crypto_assets.dashboard.health.figures import Events, LakeFigures, Losses, Storage
from crypto_assets.dashboard.health.signals import (
    Level,
    Signal,
    awaited,
    of_alerts,
    of_bronze,
    of_checks,
    of_cost,
    of_disk,
    of_gaps,
    of_gold,
    of_runs,
    of_services,
    of_silver,
    of_streams,
    unknown,
    worst_first,
)
from crypto_assets.features.declaration import FEATURES
from crypto_assets.health.calendar import GapMinutes
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.gold import GoldQuality
from crypto_assets.health.storage import PRICES, DatasetSize, Disk, MonthUsage, month_cost
from crypto_assets.health.writes import LastWrite
from crypto_assets.spans import to_us
from crypto_assets.stream.health import Health, judge
from crypto_assets.stream.heartbeat import Heartbeat, StreamState
from resources.services.manager import ServiceStatus

NOW = datetime(2026, 1, 20, 12, 0, tzinfo=UTC)
DAY = date(2026, 1, 19)
MINUTE = timedelta(minutes=1)
WHOLE = Completeness("silver_klines_1m", "BTCUSDT", DAY, 1_440, 1_440, 0, 0)
GOOD = GoldQuality("BTCUSDT", DAY, 1_440, len(FEATURES), 1_440, (), 0, ())
EMPTY = LakeFigures((), (), ())


def written(minutes_ago: float, symbol: str = "BTCUSDT") -> LastWrite:
    return LastWrite("bronze_klines_1m", symbol, DAY, NOW - timedelta(minutes=minutes_ago), 1_440)


def program(name: str, *streams: StreamState, beat_s_ago: float = 1, began: timedelta = timedelta(hours=1)) -> Health:
    at = to_us(NOW)
    beat = Heartbeat(
        program=name,  # pyright: ignore[reportArgumentType]
        instance="one",
        pid=1,
        host="here",
        started_at_us=to_us(NOW - began),
        beat_at_us=at - int(beat_s_ago * 1e6),
        state="running",
        streams=streams,
    )
    return judge(beat.program, beat, now_us=at)


def stream(symbol: str = "BTCUSDT", *, lag_s: float = 0.2, silent: bool = False) -> StreamState:
    return StreamState("trades", symbol, 10, 2.5, to_us(NOW), to_us(NOW), lag_s, silent)


def check(
    *, passed: bool, severity: str = "ERROR", partition: str = "2026-01-19|BTCUSDT", name: str = "c"
) -> CheckResult:
    return CheckResult("gold_features", name, partition, passed, severity, "3 rows are wrong.", NOW, "run")


def test_an_empty_lake_is_to_be_watched_and_says_what_to_run() -> None:
    for signal in (of_bronze(EMPTY, None, now=NOW), of_silver(EMPTY, now=NOW), of_gold(EMPTY, now=NOW)):
        assert signal.level is Level.WATCH
        assert "make demo" in signal.sentences[0]


def test_bronze_may_be_old_while_nothing_collects() -> None:
    signal = of_bronze(replace(EMPTY, writes=(written(3_000),)), [], now=NOW)
    assert (signal.level, signal.value) == (Level.WELL, "2 days ago")


@pytest.mark.parametrize(("minutes", "level"), [(3, Level.WELL), (10, Level.WELL), (10.1, Level.WRONG)])
def test_bronze_must_be_fresh_while_the_collector_runs(minutes: float, level: Level) -> None:
    lake = replace(EMPTY, writes=(written(3), written(minutes, "ETHUSDT")))
    signal = of_bronze(lake, [program("collector")], now=NOW)
    assert (signal.level, signal.value) == (level, "3 minutes ago")
    assert [sentence.split(" was")[0] for sentence in signal.sentences] == (
        ["bronze_klines_1m ETHUSDT"] if level is Level.WRONG else []
    )


def test_bronze_that_was_never_written_is_wrong_while_the_collector_runs() -> None:
    never = LastWrite("bronze_klines_1m", "ETHUSDT", None, None, None)
    signal = of_bronze(replace(EMPTY, writes=(written(1), never)), [program("collector")], now=NOW)
    assert signal.level is Level.WRONG
    assert "last written never" in signal.sentences[0]


def test_a_collector_that_just_began_could_not_fill_bronze_yet() -> None:
    signal = of_bronze(replace(EMPTY, writes=(written(3_000),)), [program("collector", began=9 * MINUTE)], now=NOW)
    assert signal.level is Level.WELL


def test_a_slow_market_fills_bronze_less_often() -> None:
    lake, programs = replace(EMPTY, writes=(written(40),)), [program("collector")]
    assert of_bronze(lake, programs, now=NOW, flushed_every=25 * MINUTE).level is Level.WELL
    assert of_bronze(lake, programs, now=NOW, flushed_every=15 * MINUTE).level is Level.WRONG


def test_silver_shows_the_day_that_lacks_most() -> None:
    lacking = replace(WHOLE, day=DAY - timedelta(days=1), rows=1_400)
    signal = of_silver(replace(EMPTY, silver=(lacking, WHOLE)), now=NOW)
    assert (signal.level, signal.value) == (Level.WRONG, "1,400/1,440")
    assert signal.note.endswith("1 of 2 days complete")
    assert "medallion" in signal.sentences[0]


def test_silver_of_yesterday_is_expected_by_two_in_the_morning() -> None:
    lake = replace(EMPTY, silver=(WHOLE,))
    midnight = datetime(2026, 1, 21, tzinfo=UTC)
    assert of_silver(lake, now=midnight + timedelta(hours=1, minutes=59)).level is Level.WELL
    late = of_silver(lake, now=midnight + timedelta(hours=2))
    assert late.level is Level.WATCH
    assert late.sentences[0].endswith("Run: crypto-assets backfill BTCUSDT 2026-01-20 2026-01-20")


def test_a_symbol_that_is_behind_is_named_though_another_is_not() -> None:
    old, never = DAY - timedelta(days=10), LastWrite("bronze_klines_1m", "SOLUSDT", None, None, None)
    lake = LakeFigures(
        writes=(written(1), written(1, "ETHUSDT"), never),
        silver=(WHOLE, replace(WHOLE, symbol="ETHUSDT", day=old)),
        gold=(replace(GOOD, symbol="ETHUSDT", day=old), GOOD),
    )
    for signal in (of_silver(lake, now=NOW), of_gold(lake, now=NOW)):
        assert signal.level is Level.WATCH
        assert signal.sentences == (
            "SOLUSDT has no day. Run: crypto-assets backfill SOLUSDT 2026-01-19 2026-01-19",
            "2026-01-09 is the newest day of ETHUSDT; the 10 days after it lack. "
            "Run: crypto-assets backfill ETHUSDT 2026-01-10 2026-01-19",
        )


def test_gold_shows_the_symbol_that_is_not_good() -> None:
    assert of_gold(replace(EMPTY, gold=(GOOD,)), now=NOW).value == f"{len(FEATURES)}/{len(FEATURES)} features"
    bad = replace(GOOD, symbol="ETHUSDT", bad_cells=3)
    signal = of_gold(replace(EMPTY, gold=(GOOD, bad)), now=NOW)
    assert signal.level is Level.WRONG
    assert "ETHUSDT" in signal.note
    assert "3 bad cells" in signal.note


@pytest.mark.parametrize(
    ("free", "level"), [(9, Level.WRONG), (10, Level.WATCH), (19, Level.WATCH), (20, Level.WELL), (80, Level.WELL)]
)
def test_a_disk_is_watched_before_it_is_full(free: int, level: Level) -> None:
    signal = of_disk(storage(free=free))
    assert signal.level is level
    assert bool(signal.sentences) is (level is not Level.WELL)


def storage(*, free: int = 80) -> Storage:
    usage = MonthUsage(DAY.replace(day=1), 10**9, 900, 2_000, 4_000)
    return Storage(
        (Disk(Path("/data"), 100, 90), Disk(Path("/lake"), 100, free, "LAKE_URI")),
        (DatasetSize("gold", "features", 3, 10**9),),
        tuple(month_cost(usage, prices) for prices in PRICES.values()),
    )


def test_the_cost_of_a_month_names_its_price_table() -> None:
    signal = of_cost(storage())
    assert signal.value == "0.03 USD"  # 10^9 bytes / 2^30 * 0.023, 2,000 / 1,000 * 0.005 and 4,000 / 1,000 * 0.0004
    assert signal.note.startswith("1 GB and ")
    assert "Amazon S3" in signal.note


def test_services_that_were_never_started_are_watched_and_one_that_ended_is_wrong() -> None:
    none = of_services([ServiceStatus("postgres", "down"), ServiceStatus("s3", "on demand")])
    assert (none.level, none.value) == (Level.WATCH, "0/1 running")
    some = of_services([ServiceStatus("postgres", "running"), ServiceStatus("redis", "down")])
    assert some.level is Level.WRONG
    ended = of_services([ServiceStatus("postgres", "running"), ServiceStatus("redis", "ended by itself")])
    assert ended.sentences == ("redis ended by itself. `make up` starts it again.",)
    assert of_services([ServiceStatus("postgres", "running"), ServiceStatus("s3", "on demand")]).level is Level.WELL


def test_streams_are_wrong_where_one_is_silent_or_late() -> None:
    well = of_streams([program("collector", stream(), stream("ETHUSDT", lag_s=2.0))])
    assert (well.level, well.value, well.note) == (Level.WELL, "2/2 flow", "5.0 messages/s; longest lag 2.0 s")
    for bad in (stream(silent=True), stream(lag_s=61)):
        assert of_streams([program("collector", stream(), bad)]).level is Level.WRONG


def test_a_program_that_hangs_is_wrong_and_one_that_never_ran_is_watched() -> None:
    assert of_streams([program("collector", stream(), beat_s_ago=16)]).level is Level.WRONG
    absent = of_streams([judge("collector", None, now_us=to_us(NOW))])
    assert (absent.level, absent.value) == (Level.WATCH, "none")


def test_gaps_tell_the_worst_day() -> None:
    losses = Losses(DAY - timedelta(days=29), DAY + timedelta(days=1), (), NOW)
    assert of_gaps(losses).value == "nothing lost"
    gaps = (
        GapMinutes("trades", "BTCUSDT", DAY, lost=2, open=0, repaired=1, halted=0, unsettled=1),
        GapMinutes("orderbook", "ETHUSDT", DAY, lost=65, open=65, repaired=0, halted=0, unsettled=2),
    )
    signal = of_gaps(replace(losses, gaps=gaps))
    assert (signal.level, signal.value) == (Level.WATCH, "1 hour lost")
    assert signal.sentences[0].startswith("orderbook ETHUSDT lost 1 hour on 2026-01-19")
    assert of_gaps(replace(losses, ledger_at=None)).level is Level.WELL


def test_failed_checks_are_wrong_and_warnings_are_watched() -> None:
    def of(*checks: CheckResult) -> Signal:
        return of_checks(Events(checks, ()))

    assert of(check(passed=True)).value == "1/1 passed"
    assert of(check(passed=False, severity="WARN")).level is Level.WATCH
    signal = of(check(passed=False, severity="WARN", name="soft"), check(passed=False, name="hard"))
    assert signal.level is Level.WRONG
    assert signal.sentences[0] == "hard of gold_features: 3 rows are wrong."
    assert of_checks(None).level is Level.WATCH


def test_failed_runs_are_wrong() -> None:
    run = RunState("id", "medallion", "FAILURE", NOW, NOW - timedelta(hours=2), "2026-01-19|BTCUSDT", "No space.")
    signal = of_runs(Events((), (run, replace(run, status="SUCCESS"))), now=NOW)
    assert (signal.level, signal.value) == (Level.WRONG, "1 failed")
    assert signal.note == "of 2, the last 7 days; the last ended 2 hours ago"
    assert signal.sentences == ("2026-01-19|BTCUSDT: No space.",)


def test_only_open_alerts_count_the_critical_ones_first() -> None:
    alert = Alert(1, "k", "disk", "Disk", "9 % is free.", "Free space.", "warning", "", NOW, NOW, 1, NOW, None)
    critical = replace(alert, number=2, subject="Stream", severity="critical", first_at=NOW - timedelta(minutes=5))
    signal = of_alerts([alert, critical, replace(alert, number=3, resolved_at=NOW)], now=NOW)
    assert (signal.level, signal.value, signal.note) == (
        Level.WRONG,
        "2 open",
        "1 critical; the oldest began 5 minutes ago",
    )
    assert signal.sentences[0].startswith("Stream: ")
    assert of_alerts([replace(alert, resolved_at=NOW)], now=NOW).level is Level.WELL


def test_the_worst_comes_first_and_what_is_read_before_what_is_well() -> None:
    signals = [Signal("a", Level.WELL, "", ""), awaited("b"), unknown("c", "why"), Signal("d", Level.WRONG, "", "")]
    assert [signal.area for signal in worst_first(signals)] == ["d", "c", "b", "a"]
