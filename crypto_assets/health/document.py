"""A report as a page for people: two minutes, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from crypto_assets.health.report import HealthReport
from crypto_assets.health.rows import STATUSES, ReportRow, Status, checks_by_asset, elsewhere
from crypto_assets.health.storage import layers_of
from crypto_assets.health.words import age, size

LISTED, NAMED = 20, 6
"""Sentences of what wants a look; the table beside the page has all."""
PICTURE = "health_report.png"
_WORDS: Mapping[Status, tuple[str, str]] = {
    "failed": ("failure", "failures"),
    "warning": ("warning", "warnings"),
    "unknown": ("part that could not be looked at", "parts that could not be looked at"),
    "absent": ("thing absent", "things absent"),
}


def verdict(rows: Iterable[ReportRow]) -> str:
    """The whole in a line: `2 failures, 1 warning`, or that all is well."""
    counts = Counter(row.status for row in rows)
    said = [f"{counts[s]:,} {_WORDS[s][counts[s] > 1]}" for s in STATUSES if s != "ok" and counts[s]]
    return ", ".join(said) or "all is well"


def headlines(report: HealthReport) -> dict[str, str]:
    """A sentence for each section that has something to say, by section."""
    made = [found for found in report.completeness if found.rows is not None]
    complete = sum(found.is_complete for found in made)
    found = dict.fromkeys(("silver", "features", "checks", "streams", "gaps", "disk", "cost"), "")
    found["silver"] = f"{complete} of {len(report.completeness)} symbols are complete: " + ", ".join(
        f"{c.symbol} {_share(c.usable, c.wanted)}" for c in report.completeness
    )
    good = sum(quality is not None and quality.is_good for _, quality in report.gold)
    found["features"] = f"{good} of {len(report.gold)} symbols have every feature in its range, none undefined"
    if report.checks is not None:
        passed = sum(check.passed for check in report.checks)
        found["checks"] = f"{passed:,} of {len(report.checks):,} results passed"
    alive = sum(health.is_alive for health in report.programs)
    late = sum(not lag.is_well for lag in report.lags)
    found["streams"] = (
        f"{alive} of {len(report.programs)} programs live, {late} of {len(report.lags)} streams late or silent"
    )
    if report.gaps is not None:
        lost = sum(gap.lost for gap in report.gaps)
        found["gaps"] = f"{len(report.gaps)} streams had a gap, {lost:,.1f} minutes are lost or open"
    found["disk"] = "; ".join(disk.sentence.rstrip(".") for disk in report.disks)
    if report.cost is not None:
        found["cost"] = f"{elsewhere(report)}{report.cost.sentence.rstrip('.')}"
    return {name: sentence for name, sentence in found.items() if sentence}


def as_markdown(report: HealthReport, rows: Sequence[ReportRow]) -> str:
    """The page; `rows` are those of the report."""
    running = "" if report.is_over else ", which still runs: it is judged by the minutes that have closed"
    parts = [
        f"# Health of {report.day}\n\n**{verdict(rows)}** ({report.exchange}, {', '.join(report.symbols)}), seen at "
        f"{report.made_at:%Y-%m-%d %H:%M} UTC{running}.",
        f"![Health of {report.day}]({PICTURE})",
        _wants_a_look(rows),
        "## In short\n\n" + "\n".join(f"- **{name}**: {_line(said)}" for name, said in headlines(report).items()),
        _matrix("Completeness", _rows_by_dataset(report), report.symbols),
        _matrix("Last write", _ages_by_dataset(report), report.symbols),
        _checks(report),
        _streams(report),
        _gaps(report),
        _sizes(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _wants_a_look(rows: Sequence[ReportRow]) -> str:
    """Sentences by status, the worst first; of figures of one kind and one command the first one, and the names of the
    others."""
    lines: list[str] = []
    for status in STATUSES:
        kinds: dict[tuple[str, ...], list[ReportRow]] = {}
        for row in rows:
            if row.status == status != "ok":
                # Each dataset that fails has a line; of what only warns, or was never made, a line is enough.
                run = row.sentence.partition("Run: ")[2].replace(row.symbol, "")
                kind = (row.section, row.metric, row.dataset if status == "failed" else "", run)
                kinds.setdefault(kind, []).append(row)
        lines += [f"- **{status}**, {section}: {_with_others(same)}" for (section, *_), same in kinds.items()]
    if not lines:
        return "Nothing wants a look."
    more = f"\n- … and {len(lines) - LISTED:,} more, see the table" if len(lines) > LISTED else ""
    return "## What wants a look\n\n" + "\n".join(lines[:LISTED]) + more


def _with_others(rows: Sequence[ReportRow]) -> str:
    """The sentence of the first row, and of which datasets and symbols the others are."""
    others: dict[str, list[str]] = {}
    for row in rows[1:]:
        others.setdefault(row.dataset, []).append(row.symbol)
    named = [f"{dataset} {' '.join(symbols)}".strip() for dataset, symbols in others.items()]
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return _line(rows[0].sentence) + (f" *Likewise: {', '.join(named[:NAMED])}{more}.*" if named else "")


def _rows_by_dataset(report: HealthReport) -> Iterator[tuple[str, str, str]]:
    for found in report.completeness:
        yield found.dataset, found.symbol, "–" if found.usable is None else _share(found.usable, found.wanted)
    for covered in report.coverage:
        named = {"absent": "–", "future": "–", "retired": "retired"}
        yield covered.dataset, covered.symbol, named.get(covered.state) or _share(covered.rows, covered.expected)


def _ages_by_dataset(report: HealthReport) -> Iterator[tuple[str, str, str]]:
    for write in report.writes:
        time = write.age(now=report.made_at)
        yield write.dataset, write.symbol, "never" if time is None else f"{age(time)} ({write.day})"


def _matrix(title: str, cells: Iterable[tuple[str, str, str]], symbols: Sequence[str]) -> str:
    held: dict[str, dict[str, str]] = {}
    for dataset, symbol, cell in cells:
        held.setdefault(dataset, {})[symbol] = cell
    table = [
        [dataset, *(by_symbol.get(symbol, "unknown") for symbol in symbols)] for dataset, by_symbol in held.items()
    ]
    return _table(title, ["dataset", *symbols], table)


def _checks(report: HealthReport) -> str:
    named: tuple[Status, ...] = ("ok", "warning", "failed")
    table = [[asset, *(f"{held[status]:,}" for status in named)] for asset, held in checks_by_asset(report).items()]
    return _table("Checks", ["asset", "passed", "warned", "failed"], table)


def _streams(report: HealthReport) -> str:
    table = [
        [
            f"{lag.program}, {lag.topic}",
            lag.symbol,
            "–" if lag.lag_s is None else f"{lag.lag_s:,.1f} s",
            f"{lag.rate:,.1f}/s",
            "silent" if lag.silent else "",
        ]
        for lag in report.lags
    ]
    return _table(f"Streams at {report.made_at:%H:%M} UTC", ["stream", "symbol", "lag", "messages", ""], table)


def _gaps(report: HealthReport) -> str:
    table = [
        [gap.dataset, gap.symbol, *(f"{minutes:,.1f}" for minutes in (gap.lost, gap.open, gap.repaired, gap.halted))]
        for gap in report.gaps or ()
    ]
    return _table("Gaps of the day, minutes", ["stream", "symbol", "lost", "of them open", "repaired", "halted"], table)


def _sizes(report: HealthReport) -> str:
    table = [[held.layer, size(held.bytes), f"{held.files:,}"] for held in layers_of(report.sizes)]
    return _table("Storage", ["layer", "size", "files"], table)


def _table(title: str, names: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table of Markdown under its title; empty where it has no rows."""
    if not cells:
        return ""
    lines = [names, ["---"] * len(names), *([_line(cell).replace("|", "\\|") for cell in row] for row in cells)]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(count: int | None, whole: int | None) -> str:
    return f"{count or 0:,}" if whole is None else f"{count or 0:,}/{whole:,}"


def _line(sentence: str) -> str:
    """A sentence from outside on one line of Markdown, without tags."""
    return " ".join(sentence.split()).replace("<", "&lt;")
