"""`crypto-assets doctor`: whether the platform can run here, and what to do where it cannot."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import typer

from crypto_assets.cli.diagnosis import Diagnosis, Look, examine
from crypto_assets.cli.telling import FAILED, Json, console, print_json, told

if TYPE_CHECKING:
    from crypto_assets.config import Settings

WITHIN_S = 15.0
COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}


@told
def doctor(as_json: Json = False) -> None:
    """Look at what the platform needs and say what to do about it; exit status 1 where something fails.

    Nothing is started, downloaded or changed.
    """
    from crypto_assets.config import read_settings
    from crypto_assets.errors import ConfigurationError

    configuration = Diagnosis("ok", "It can be used.")
    settings = None
    try:
        settings = read_settings()
    except ConfigurationError as error:
        configuration = Diagnosis("failure", " ".join(str(error).split("\n")), "Correct .env or the environment.")
    looks = {**_of_machine(), **(_of_platform(settings) if settings else {})}
    found = {"configuration": configuration, **examine(looks, within_s=WITHIN_S)}
    if as_json:
        print_json([{"name": name, **asdict(diagnosis)} for name, diagnosis in found.items()])
    else:
        _print(found)
    if any(diagnosis.state == "failure" for diagnosis in found.values()):
        raise typer.Exit(FAILED)


def _of_machine() -> dict[str, Look]:
    from crypto_assets.cli import diagnosis_machine as machine

    return {
        "Python": machine.look_at_python,
        "Java": machine.look_at_java,
        "memory": machine.look_at_memory,
        "ports": machine.look_at_ports,
        "jars": machine.look_at_jars,
    }


def _of_platform(settings: Settings) -> dict[str, Look]:
    from crypto_assets.cli import diagnosis_platform as platform
    from crypto_assets.cli.diagnosis_machine import look_at_disk

    return {
        "disk": partial(look_at_disk, settings.data_dir),
        "lake": partial(platform.look_at_lake, settings),
        "services": partial(platform.look_at_services, settings),
        "clock": partial(platform.look_at_clock, settings),
        "exchange": partial(platform.look_at_exchange, settings),
    }


def _print(found: dict[str, Diagnosis]) -> None:
    """A line for each, and below it what to do."""
    from rich.text import Text

    out = console()
    width = max(map(len, found))
    for name, diagnosis in found.items():
        line = Text(f"{name:<{width}}  ")
        line.append(f"{diagnosis.state:<7}", style=COLOURS[diagnosis.state]).append(f"  {diagnosis.sentence}")
        out.print(line)
        if diagnosis.advice:
            out.print(Text(f"{'':<{width}}           do: {diagnosis.advice}"))
