"""`crypto-assets coverage` and `gaps`: which days there are, and what the streams lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_assets.cli.arguments import day_option
from crypto_assets.cli.telling import Json, console, print_json, print_table, told

if TYPE_CHECKING:
    from rich.text import Text

    from crypto_assets.config import Settings
    from crypto_assets.health.calendar import DayCoverage, DayState
    from crypto_assets.schemas import Dataset
    from crypto_assets.stream.gaps import Gap

DAYS_SHOWN = 31
"""Unless --from says otherwise."""
MARKS: dict[DayState, tuple[str, str]] = {
    "complete": ("█", "green"),
    "halt": ("▓", "cyan"),
    "partial": ("▄", "yellow"),
    "present": ("■", "green"),
    "empty": ("□", ""),
    "retired": ("░", ""),
    "absent": ("·", "red"),
    "future": (" ", ""),
}
"""How a day of each state is drawn, which differs without colours too."""


@told
def coverage(
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATASET", help="Such as gold_features; without, all of bronze, silver and gold."),
    ] = None,
    *,
    symbol: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL", help="May be repeated; without, all of SYMBOLS.")
    ] = None,
    first: Annotated[date | None, day_option("--from", help="First day; 30 days before --to unless given.")] = None,
    last: Annotated[date | None, day_option("--to", help="Last day, included; today unless given.")] = None,
    as_json: Json = False,
) -> None:
    """Show which days there are, as a calendar: a line for each dataset and symbol, a character for each UTC day."""
    from crypto_assets.config import read_settings
    from crypto_assets.health.calendar import coverage as covered
    from crypto_assets.lake.lake import Lake
    from crypto_assets.reading.asked import asked_days, asked_symbol, asked_uri

    settings, now = read_settings(), datetime.now(UTC)
    end = last or now.date()
    days = asked_days(first or end - timedelta(days=DAYS_SHOWN - 1), end)
    symbols = [asked_symbol(name) for name in symbol or settings.symbols]
    found = covered(
        Lake(asked_uri(settings.lake)),
        _datasets(datasets),
        symbols,
        start=days.first,
        end=days.last + timedelta(days=1),
        now=now,
    )
    if as_json:
        print_json(found)
        return
    _print_calendar(found)
    if all(day.state in ("absent", "future") for day in found):
        typer.echo("Nothing was made of these days: crypto-assets backfill SYMBOL FROM TO makes them.", err=True)


def _datasets(names: Sequence[str] | None) -> list[Dataset]:
    from crypto_assets.errors import BadQuestion
    from crypto_assets.features.declaration import GOLD_FEATURES
    from crypto_assets.schemas import BRONZE, KLINES_1S, SILVER

    known = {dataset.name: dataset for dataset in (*BRONZE, *SILVER, GOLD_FEATURES, KLINES_1S)}
    if unknown := [name for name in names or () if name not in known]:
        raise BadQuestion(f"{unknown[0]!a} is no dataset with a calendar. There are {', '.join(known)}.")
    return [known[name] for name in names or known if names or name != KLINES_1S.name]


def _print_calendar(found: Sequence[DayCoverage]) -> None:
    """A block for each month: a ruler of days, then the lines."""
    from rich.text import Text

    out = console()
    width = max((len(f"{day.dataset} {day.symbol}") for day in found), default=0) + 1
    for month in sorted({f"{day.day:%Y-%m}" for day in found}):
        lines = [day for day in found if f"{day.day:%Y-%m}" == month]
        out.print(Text(f"{month:<{width}}{_ruler(sorted({day.day for day in lines}))}", style="bold"))
        for name, days in groupby(lines, key=lambda day: f"{day.dataset} {day.symbol}"):
            out.print(_line(f"{name:<{width}}", list(days)))
    states = Counter(day.state for day in found)
    legend = Text()
    for state, (mark, style) in MARKS.items():
        if states[state] and mark.strip():
            legend.append(mark, style=style).append(f" {state} {states[state]:,}   ")
    out.print(legend)


def _ruler(days: Sequence[date]) -> str:
    """Every fifth day of the month by its number, over its own place."""
    text = ""
    for place, day in enumerate(days):
        if (day.day == 1 or day.day % 5 == 0) and len(text) <= place:
            text = f"{text:<{place}}{day.day}"
    return text


def _line(name: str, days: Sequence[DayCoverage]) -> Text:
    from rich.text import Text

    text = Text(name)
    for day in days:
        mark, style = MARKS[day.state]
        text.append(mark, style=style)
    return text


@told
def gaps(
    only_open: Annotated[bool, typer.Option("--open", help="Only those that are not settled.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the live streams missed, and what became of it: from Kafka, or as the lake last kept it."""
    from crypto_assets.config import read_settings

    found, where = _read_gaps(read_settings())
    found = [gap for gap in found if gap.state == "open" or not only_open]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo(f"No gaps, by {where}.")
        return
    print_table(
        ("dataset", "symbol", "from", "to", "state", "cause", "what"),
        (
            (
                f"{gap.dataset} {gap.timeframe or ''}".rstrip(),
                gap.symbol,
                f"{gap.start:%Y-%m-%d %H:%M:%S}",
                f"{gap.end:%Y-%m-%d %H:%M:%S}",
                gap.state,
                gap.cause,
                gap.detail,
            )
            for gap in found
        ),
    )
    counted = Counter(gap.state for gap in found)
    typer.echo(f"{', '.join(f'{count:,} {state}' for state, count in sorted(counted.items()))}, by {where}.", err=True)


def _read_gaps(settings: Settings) -> tuple[list[Gap], str]:
    """The ledger and where it was read; raises InputIncomplete where it is nowhere."""
    from crypto_assets.endpoints import exchange_name
    from crypto_assets.errors import ConfigurationError, InputIncomplete, ServiceUnavailable
    from crypto_assets.lake.lake import Lake
    from crypto_assets.reading.asked import asked_uri
    from crypto_assets.stream.gap_table import GAP_LEDGER, gaps_of
    from resources.market_stream import MarketStreamResource

    try:
        return MarketStreamResource().gaps(), "the ledger in Kafka"
    except (ConfigurationError, ServiceUnavailable) as error:
        reason = str(error)
    lake = Lake(asked_uri(settings.lake))
    table = lake.read(GAP_LEDGER, exchange_name(settings), datetime.now(UTC).date())
    if table is None:
        raise InputIncomplete(f"{reason} The lake has no copy of the ledger either: no live stream ran for it yet.")
    written = lake.written_at(GAP_LEDGER, exchange_name(settings), datetime.now(UTC).date())
    return gaps_of(table), f"the copy in the lake of {written:%Y-%m-%d %H:%M} UTC" if written else "the lake's copy"
