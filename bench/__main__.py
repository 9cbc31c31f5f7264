"""Speed and memory beside bare calls of libraries, each with its noise, against its aim and the last result."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from bench.comparing import change_of
from bench.declared import PARTS, Part, measures_of
from bench.machine import BUSY, commit, load, this_machine
from bench.results import (
    REFERENCE,
    SCHEMA,
    Document,
    Former,
    Missing,
    Result,
    UnreadableResult,
    former_of,
    held_against,
    kept,
    path_of,
    read,
    reference,
    settle,
    write,
)
from bench.running import expected_s, run
from bench.table import declaration, results_table, sentences
from crypto_assets.config import read_settings
from crypto_assets.errors import ConfigurationError
from crypto_assets.processes import end_on_signals

WIDTH = 150
"""Where output goes to no terminal that has a width."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, keep the result, print it; exit 1 where something could not be measured."""
    options = _options(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    if options.list:
        console.print(declaration())
        return
    end_on_signals()
    try:
        folder = read_settings().data_dir / "bench"
        against = read(options.against) if options.against else None
        stored = reference()
    except (ConfigurationError, UnreadableResult) as error:
        sys.exit(str(error))
    machine = this_machine()
    former = held_against(against, machine) if against else former_of(kept(folder), machine, reference=stored)
    parts = [part for part in PARTS if not options.parts or part.name in options.parts]
    try:
        document = _measure(parts, folder=folder, rounds=options.rounds, former=former, console=console)
    except KeyboardInterrupt:
        console.print("\nInterrupted. Nothing runs any more, and nothing was kept.")
        sys.exit(130)
    path = path_of(folder, document.began)
    write(document, path)
    console.print(results_table(document, former))
    for sentence in sentences(document, former):
        console.print(sentence, markup=False)
    failed = any(missing.failed for missing in document.missing.values())
    console.print(f"Kept in {path}.", markup=False)
    if options.store and not failed:
        write(document, REFERENCE)
        console.print(f"Stored as the reference: {REFERENCE.relative_to(Path.cwd(), walk_up=True)}.", markup=False)
    elif options.store:
        console.print("Not stored as the reference: something could not be measured.")
    if failed or (options.strict and falls_short(document, former)):
        sys.exit(1)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench ARGS='…'", description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("parts", nargs="*", metavar="part", help=f"all unless named: {', '.join(names)}")
    parser.add_argument("--list", action="store_true", help="print what is measured, with its aim, and measure nothing")
    parser.add_argument("--rounds", type=int, help="of each measure, instead of the declared number; 1 tells no noise")
    parser.add_argument("--against", type=Path, metavar="FILE", help="a result to compare with instead of the last one")
    parser.add_argument("--store", action="store_true", help="let a whole run be the reference of the repository")
    parser.add_argument("--strict", action="store_true", help="fail where an aim is missed or a figure is worse")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.parts) - set(names)):
        parser.error(f"there is no part {', '.join(unknown)}; there are {', '.join(names)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.store and (options.parts or options.rounds):
        parser.error("--store takes a whole run, with the declared rounds")
    return options


def _measure(
    parts: Sequence[Part], *, folder: Path, rounds: int | None, former: Former | None, console: Console
) -> Document:
    """Every part, whatever becomes of the others."""
    began, load_at_begin = datetime.now(UTC), load()
    machine = this_machine()
    took = former.document.parts if former and former.document.rounds == rounds else {}
    if load_at_begin > BUSY * machine.cores:
        console.print(f"[yellow]The machine is busy (load {load_at_begin}): times will say little.[/]")
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    results: dict[str, Result] = {}
    missing: dict[str, Missing] = {}
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="crypto-assets-bench-", ignore_cleanup_errors=True) as name:
        for number, part in enumerate(parts):
            text = _progress(parts, number, took)
            console.print(text)
            log = logs / f"{part.name}.log"
            log.unlink(missing_ok=True)
            with console.status(part.doing) if console.is_terminal else nullcontext():
                ran = run(part, folder=Path(name) / part.name, log=log, rounds=rounds or part.rounds)
            otherwise = f"{ran.failure or 'its part does not take it'} (see {log})"
            found, lacking = settle(measures_of(part.name), ran.taken, otherwise=otherwise)
            results |= found
            missing |= lacking
            seconds[part.name] = round(ran.seconds, 1)
    return Document(
        schema=SCHEMA,
        began=began,
        ended=datetime.now(UTC),
        commit=commit(),
        machine=machine,
        load_at_begin=load_at_begin,
        load_at_end=load(),
        rounds=rounds,
        parts=seconds,
        measures=results,
        missing=missing,
    )


def _progress(parts: Sequence[Part], number: int, took: dict[str, float]) -> str:
    """`3 of 13: A month of candles in one run, about 5 min; all until about 11:20 UTC`."""
    part = parts[number]
    alone, left = expected_s([part], took), expected_s(parts[number:], took)
    until = datetime.now(UTC) + timedelta(seconds=left)
    return (
        f"{number + 1} of {len(parts)}: {part.doing} ({part.name}), about {max(1, round(alone / 60))} min; "
        f"all until about {until:%H:%M} UTC"
    )


def falls_short(document: Document, former: Former | None) -> bool:
    """Whether an aim is missed, or a figure got worse than formerly on a machine like this, both beyond noise."""
    before = former.measures if former and former.is_same_shape else {}
    return any(
        result.verdict == "missed"
        or (name in before and change_of(result.figure, before[name].figure, better=result.better).kind == "worse")
        for name, result in document.measures.items()
    )


if __name__ == "__main__":
    main()
