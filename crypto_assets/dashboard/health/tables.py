"""Tables of the page Health, the worst row first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from crypto_assets.config import Settings
from crypto_assets.dashboard.health.figures import Events, LakeFigures, Storage
from crypto_assets.dashboard.health.markup import Cell, chips, table
from crypto_assets.dashboard.health.signals import LEVEL_OF_PROGRAM, Level, failed_checks
from crypto_assets.dashboard.links import asset_url, run_url
from crypto_assets.dashboard.words import age, number, percent, share_of
from crypto_assets.features.declaration import FEATURES
from crypto_assets.health.completeness import Completeness
from crypto_assets.health.events import CheckResult, RunState
from crypto_assets.health.gold import GoldQuality
from crypto_assets.health.lag import StreamLag, stream_lags
from crypto_assets.health.words import money, size
from crypto_assets.stream.health import Health

if TYPE_CHECKING:
    from resources.services.manager import ServiceStatus

MOST_ROWS = 25
_SERVICE_LEVELS = {"running": Level.WELL, "elsewhere": Level.WELL, "on demand": Level.UNKNOWN, "down": Level.WATCH}


def symbols_table(lake: LakeFigures, symbols: Sequence[str], settings: Settings) -> str:
    """A row for each symbol: how fresh its silver and gold are, and how whole."""
    rows: list[tuple[int, list[Cell]]] = []
    for symbol in symbols:
        silver = [count for count in lake.silver if count.symbol == symbol]
        gold = next((found for found in lake.gold if found.symbol == symbol), None)
        cells = [Cell(symbol, kind="short"), *_silver_cells(silver, settings), *_gold_cells(gold, settings)]
        rows.append((min(cell.level for cell in cells if cell.level is not None), cells))
    rows.sort(key=lambda row: row[0])
    titles = (
        "symbol",
        "silver, newest day",
        ">minutes",
        "last days",
        "gold, newest day",
        ">features",
        ">warm",
        "ranges",
    )
    return table(titles, [cells for _, cells in rows])


def writes_table(lake: LakeFigures, settings: Settings, *, now: datetime) -> str:
    """A row for each bronze dataset: its newest and its oldest last write among the symbols."""
    rows: list[list[Cell]] = []
    for dataset, found in groupby(lake.writes, key=attrgetter("dataset")):
        writes = list(found)
        written = sorted((w for w in writes if w.written_at), key=lambda w: w.written_at or now)
        name = Cell(dataset, url=asset_url(settings, dataset, view="partitions"), kind="short")
        if not written:
            rows.append([name, Cell("never"), Cell("–"), Cell("–"), Cell(share_of(0, len(writes)), kind="number")])
            continue
        newest, oldest = written[-1], written[0]
        rows.append(
            [
                name,
                Cell(f"{age(newest.written_at, now=now)}, {newest.symbol}", kind="short"),
                Cell(f"{age(oldest.written_at, now=now)}, {oldest.symbol}", kind="short"),
                Cell(f"{newest.day}, {number(newest.rows)} rows", kind="short"),
                Cell(share_of(len(written), len(writes)), kind="number"),
            ]
        )
    return table(("dataset", "newest write", "oldest last write", "newest day", ">symbols"), rows)


def streams_table(programs: Sequence[Health], *, now: datetime) -> str:
    """A row for each topic that a program handles, over all symbols; silent and late ones first."""
    lags = stream_lags(programs)
    rows: list[tuple[bool, list[Cell]]] = []
    for (program, topic), found in groupby(lags, key=lambda lag: (lag.program, lag.topic)):
        streams = list(found)
        bad = [lag for lag in streams if not lag.is_well]
        rows.append((not bad, _stream_row(program, topic, streams, bad, now=now)))
    rows.sort(key=lambda row: row[0])
    titles = ("stream", "by", ">symbols", ">messages/s", ">lag, s", "last event")
    return table(titles, [cells for _, cells in rows])


def programs_chips(programs: Sequence[Health]) -> str:
    """The programs of the stream, each with its state."""
    return chips((f"{health.program} {health.state}", LEVEL_OF_PROGRAM[health.standing]) for health in programs)


def services_chips(services: Sequence[ServiceStatus]) -> str:
    """The services with their states, the worst first."""
    marked = [(f"{each.name} {each.state}", _SERVICE_LEVELS.get(each.state, Level.WRONG)) for each in services]
    return chips(sorted(marked, key=lambda pair: pair[1]))


def checks_table(events: Events, settings: Settings, *, now: datetime) -> str:
    """Checks that did not pass: of one check the newest partition, and how many more."""
    rows: list[list[Cell]] = []
    for _, found in _by_check(failed_checks(events.checks)):
        first, more = found[0], len(found) - 1
        level = Level.WRONG if first.is_error else Level.WATCH
        where = (first.partition or "") + (f" and {more} more" if more else "")
        rows.append(
            [
                Cell(first.check, level=level, url=run_url(settings, first.run_id), kind="short"),
                Cell(first.asset, url=asset_url(settings, first.asset, view="checks"), kind="short"),
                Cell(where, kind="short"),
                Cell(first.sentence),
                Cell(age(first.at, now=now), kind="short"),
            ]
        )
    return table(("check", "asset", "partition", "what it says", "when"), rows[:MOST_ROWS], stacks=True)


def runs_table(events: Events, settings: Settings, *, now: datetime) -> str:
    """Runs that failed, the newest first."""
    failed = [run for run in events.runs if run.failed]
    rows = [
        [
            Cell(_name_of(run), level=Level.WRONG, url=run_url(settings, run.run_id), kind="short"),
            Cell(run.partition or "", kind="short"),
            Cell(run.sentence),
            Cell(age(run.ended_at, now=now), kind="short"),
        ]
        for run in failed[:MOST_ROWS]
    ]
    return table(("failed run", "partition", "why", "ended"), rows, stacks=True)


def sizes_table(storage: Storage) -> str:
    """Datasets by size, the largest first."""
    total = storage.bytes or 1
    largest = sorted(storage.sizes, key=lambda each: -each.bytes)
    rows = [
        [
            Cell(f"{each.layer} {each.dataset}".strip(), kind="short"),
            Cell(size(each.bytes), kind="number"),
            Cell(percent(each.bytes / total, digits=0), kind="number"),
            Cell(number(each.files), kind="number"),
        ]
        for each in largest[:MOST_ROWS]
    ]
    return table(("dataset", ">size", ">of the lake", ">files"), rows)


def cost_table(storage: Storage) -> str:
    """What the month would cost in each store, with where its prices are from."""
    rows = [
        [
            Cell(f"{cost.prices.name}; prices of {cost.prices.read_on}", url=cost.prices.source),
            Cell(money(cost.storage, cost.currency), kind="number"),
            Cell(money(cost.requests, cost.currency), kind="number"),
            Cell(money(cost.total, cost.currency), kind="number"),
        ]
        for cost in storage.costs
    ]
    return table(("store", ">bytes kept", ">requests", ">month"), rows)


def _silver_cells(counts: Sequence[Completeness], settings: Settings) -> list[Cell]:
    if not counts:
        return [Cell("never made", level=Level.WATCH), Cell("–", kind="number"), Cell("–")]
    newest, whole = counts[-1], sum(count.is_complete for count in counts)
    return [
        Cell(
            f"{newest.day}",
            level=Level.WELL if whole == len(counts) else Level.WRONG,
            url=asset_url(settings, newest.dataset, partition=f"{newest.day}|{newest.symbol}"),
            kind="short",
        ),
        Cell(share_of(newest.usable, newest.wanted), kind="number"),
        Cell(f"{whole} of {len(counts)} complete", kind="short"),
    ]


def _gold_cells(found: GoldQuality | None, settings: Settings) -> list[Cell]:
    if found is None:
        return [Cell("never made", level=Level.WATCH), Cell("–", kind="number"), Cell("–", kind="number"), Cell("–")]
    wrong = [*found.out_of_range, *([f"{found.bad_cells:,} bad values"] if found.bad_cells else [])]
    absent = f"; no {', '.join(found.absent_sources)}".replace("_", " ") if found.absent_sources else ""
    return [
        Cell(
            f"{found.day}",
            level=Level.WELL if found.is_good else Level.WRONG,
            url=asset_url(settings, "gold_features", partition=f"{found.day}|{found.symbol}"),
            kind="short",
        ),
        Cell(share_of(found.features, len(FEATURES)), kind="number"),
        Cell(share_of(found.warm_rows, found.rows), kind="number"),
        Cell("; ".join(wrong[:2]) if wrong else f"all in range{absent}"),
    ]


def _stream_row(
    program: str, topic: str, streams: Sequence[StreamLag], bad: Sequence[StreamLag], *, now: datetime
) -> list[Cell]:
    longest = max((lag.lag_s for lag in streams if lag.lag_s is not None), default=None)
    newest = max((lag.last_event_at for lag in streams if lag.last_event_at), default=None)
    silent = [lag.symbol for lag in bad if lag.silent]
    last = age(newest, now=now) + (f"; silent: {', '.join(silent[:3])}" if silent else "")
    return [
        Cell(topic, level=Level.WRONG if bad else Level.WELL, kind="short"),
        Cell(program, kind="short"),
        Cell(share_of(len(streams) - len(bad), len(streams)), kind="number"),
        Cell(number(sum(lag.rate for lag in streams), digits=1), kind="number"),
        Cell(number(longest, digits=1), kind="number"),
        Cell(last),
    ]


def _name_of(run: RunState) -> str:
    """The job, or for assets that were asked for by themselves their names."""
    if not run.assets:
        return run.job
    return ", ".join(run.assets[:2]) + (f" and {len(run.assets) - 2} more" if len(run.assets) > 2 else "")


def _by_check(failed: Sequence[CheckResult]) -> list[tuple[tuple[str, str], list[CheckResult]]]:
    """Results of one check together, in the order of their first ones."""
    grouped: dict[tuple[str, str], list[CheckResult]] = {}
    for result in failed:
        grouped.setdefault((result.asset, result.check), []).append(result)
    return list(grouped.items())
