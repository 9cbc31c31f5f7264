"""What a person reads: the measures as declared, and the table of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from rich.table import Table

from bench.comparing import change_of
from bench.declared import MEASURES, Measure
from bench.machine import BUSY
from bench.noise import CONFIDENCE, Figure
from bench.results import Document, Former, Missing, Result

_VERDICTS = {"met": "[green]met[/]", "missed": "[red]missed[/]", "open": "[yellow]open[/]", None: ""}


def number(value: float, unit: str) -> str:
    """A number with at least three digits that count, and its unit: `12.3 ms`, `1,440 MB`, `0.71`."""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text}{unit}" if unit.startswith("/") else f"{text} {unit}".rstrip()


def aim_of(measure: Measure | Result) -> str:
    """`at most 3`, `at least 0.7 s`, or nothing."""
    if measure.aim is None:
        return ""
    unit = measure.unit if isinstance(measure, Result) else measure.unit_of_value
    return f"at {'most' if measure.better == 'lower' else 'least'} {number(measure.aim, unit)}"


def declaration() -> Table:
    """Every measure with its aim."""
    table = Table(box=None, pad_edge=False)
    for column in ("measure", "what", "divided by, or less", "aim"):
        table.add_column(column)
    for measure in MEASURES:
        less = "less " if measure.kind == "difference" else ""
        table.add_row(
            measure.name, measure.what, less + measure.beside, aim_of(measure) or f"{measure.better} is better"
        )
    return table


def results_table(document: Document, former: Former | None) -> Table:
    """A line for each measure of the run: both sides, the figure with its noise, aim and change."""
    table = Table(box=None, pad_edge=False)
    table.add_column("measure", no_wrap=True)
    for column in ("ours", "beside", "figure", "from", "to", "n"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("aim", "", "since then"):
        table.add_column(column)
    before: Mapping[str, Result] = former.measures if former else {}
    for measure in MEASURES:
        if result := document.measures.get(measure.name):
            table.add_row(measure.name, *_cells(result), _change(result, before.get(measure.name)))
        elif measure.name in document.missing:
            table.add_row(measure.name, "", "", "-")
    return table


def sentences(document: Document, former: Former | None) -> list[str]:
    """What stands below the table: what has no figure and why, how sure the others are, and compared with what."""
    told = [f"{name} {_reason(missing)}" for name, missing in document.missing.items()]
    if document.measures:
        told.append(_noise(result.figure for result in document.measures.values()))
    if document.load_at_begin > BUSY * document.machine.cores:
        told.append(f"The machine was busy when this began (load {document.load_at_begin}): times say little.")
    return [*told, _since(document, former)]


def _noise(figures: Iterable[Figure]) -> str:
    fewer = sorted({(f.n, f.confidence) for f in figures if f.n > 1 and f.confidence < CONFIDENCE}, reverse=True)
    but = ", ".join(f"of {n} rounds with {100 * confidence:.0f} %" for n, confidence in fewer)
    return (
        f"From, to: where the median of endless rounds lies, with {100 * CONFIDENCE:.0f} % confidence"
        + (f"; {but}" if but else "")
        + ". Open: the aim lies in between."
    )


def _since(document: Document, former: Former | None) -> str:
    if former is None:
        return "There is no former result to compare with."
    when = f"{former.document.began:%Y-%m-%d %H:%M} UTC"
    what = f"the result of {when}" if former.is_same_shape else f"a result of ANOTHER MACHINE ({when})"
    machines = "" if former.is_same_shape else f" That one has {former.document.machine}, this one {document.machine}."
    return f"Since then: against {what}; = is no change beyond noise.{machines}"


def _reason(missing: Missing) -> str:
    return f"{'could not be measured' if missing.failed else 'is left out'}: {missing.why}"


def _cells(result: Result) -> tuple[str, ...]:
    figure, rounds = result.figure, result.rounds
    sides = (rounds.ours, rounds.beside) if result.kind != "figure" else ([], [])
    shown = [number(median(side), result.unit_of_rounds) if side else "" for side in sides]
    values = [number(value, result.unit) for value in (figure.median, figure.low, figure.high)]
    return *shown, *values, str(figure.n), aim_of(result), _VERDICTS[result.verdict]


def _change(result: Result, former: Result | None) -> str:
    if former is None or (former.kind, former.unit) != (result.kind, result.unit):
        return ""
    change = change_of(result.figure, former.figure, better=result.better)
    match change.kind:
        case "same":
            return "="
        case "unknown":
            return f"({change.percent:+.0f} %, one round)"
        case kind:
            return f"{kind} ({change.percent:+.0f} %)"
