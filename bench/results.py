"""A run of the bench as one JSON document, where it is kept, and which former one it is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.comparing import Verdict, verdict_of
from bench.declared import Better, Kind, Measure
from bench.machine import ROOT, Machine
from bench.measuring import Absent, Rounds
from bench.noise import Figure, figure_of

SCHEMA = 1
REFERENCE = ROOT / "bench" / "results" / "reference.json"
"""What a machine without results of its own is held against."""


class Result(msgspec.Struct, frozen=True):
    """What came of one measure."""

    kind: Kind
    unit: str
    """Of the figure; a ratio has none."""
    better: Better
    aim: float | None
    verdict: Verdict | None
    figure: Figure
    rounds: Rounds
    """In `unit_of_rounds`."""
    unit_of_rounds: str


class Missing(msgspec.Struct, frozen=True):
    """Why a measure has no figure."""

    why: str
    failed: bool
    """False where this machine has not what the measure needs."""


class Document(msgspec.Struct, frozen=True):
    """One run of the bench."""

    schema: int
    began: datetime
    ended: datetime
    commit: str
    """With `+` behind it where files had been changed since."""
    machine: Machine
    load_at_begin: float
    load_at_end: float
    rounds: int | None
    """Where another number than the declared ones was asked for."""
    parts: dict[str, float]
    """Seconds that each took."""
    measures: dict[str, Result]
    missing: dict[str, Missing]


@dataclass(frozen=True, slots=True)
class Former:
    """What a run is held against."""

    document: Document
    measures: Mapping[str, Result]
    is_same_shape: bool
    """Whether it comes from a machine like this one."""


class UnreadableResult(Exception):
    """Raised where a file is no result of a bench that this one understands; says why."""


def result_of(measure: Measure, rounds: Rounds) -> Result:
    """Raises ValueError where the rounds give no figure: none, unequally many on both sides, or none that is finite."""
    besides = rounds.beside or [None] * len(rounds.ours)
    if measure.beside and not rounds.beside:
        raise ValueError("nothing was measured beside it")
    figure = figure_of([measure.value(ours, beside) for ours, beside in zip(rounds.ours, besides, strict=True)])
    return Result(
        kind=measure.kind,
        unit=measure.unit_of_value,
        better=measure.better,
        aim=measure.aim,
        verdict=verdict_of(figure, aim=measure.aim, better=measure.better),
        figure=figure,
        rounds=rounds,
        unit_of_rounds=measure.unit,
    )


def settle(
    measures: Iterable[Measure], taken: Mapping[str, Rounds | Absent], *, otherwise: str
) -> tuple[dict[str, Result], dict[str, Missing]]:
    """Results of what was taken, and why the others have none; `otherwise` is said of those that say nothing."""
    results: dict[str, Result] = {}
    missing: dict[str, Missing] = {}
    for measure in measures:
        match taken.get(measure.name):
            case Rounds() as rounds:
                try:
                    results[measure.name] = result_of(measure, rounds)
                except ValueError as error:
                    missing[measure.name] = Missing(str(error), failed=True)
            case Absent(why):
                missing[measure.name] = Missing(why, failed=False)
            case None:
                missing[measure.name] = Missing(otherwise, failed=True)
    return results, missing


def write(document: Document, path: Path) -> None:
    """Keep a result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    partial.replace(path)


def read(path: Path) -> Document:
    """Raises UnreadableResult."""
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema != SCHEMA:
            raise UnreadableResult(f"{path} is of schema {schema}, this bench understands {SCHEMA}")
        return msgspec.json.decode(content, type=Document)
    except (OSError, msgspec.DecodeError) as error:
        raise UnreadableResult(f"{path} cannot be read: {error}") from error


class _Schema(msgspec.Struct):
    schema: int


def path_of(folder: Path, began: datetime) -> Path:
    """Where the result of a run is kept; names sort by time."""
    return folder / f"{began.astimezone(UTC):%Y-%m-%dT%H%M%SZ}.json"


def former_of(documents: Iterable[Document], machine: Machine, *, reference: Document | None) -> Former | None:
    """Of each measure the newest result of a machine of this shape; without any, the reference."""
    alike = sorted((each for each in documents if each.machine.shape == machine.shape), key=lambda each: each.began)
    if alike:
        measures = {name: result for document in alike for name, result in document.measures.items()}
        return Former(alike[-1], measures, is_same_shape=True)
    return held_against(reference, machine) if reference else None


def held_against(document: Document, machine: Machine) -> Former:
    """One result, of whichever machine."""
    return Former(document, document.measures, is_same_shape=document.machine.shape == machine.shape)


def kept(folder: Path) -> list[Document]:
    """Results in a folder; files of another schema, and what is no result, are left aside."""
    found: list[Document] = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(read(path))
        except UnreadableResult:
            continue
    return found


def reference() -> Document | None:
    """The stored reference of the repository, where it has one. Raises UnreadableResult."""
    return read(REFERENCE) if REFERENCE.exists() else None
