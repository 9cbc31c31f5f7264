"""docker-compose.yml as Docker would read it: anchors merged, variables put in, and addresses of this machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
OURS = (
    *("bucket", "namenode", "datanode", "spark-master", "spark-worker", "simulator", "code", "webserver", "daemon"),
    *("collector", "processor", "forecaster", "dashboard", "alerts", "exporter"),
)
"""Services that run this project's image."""
VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_]\w*)(?:(:?[-+?])((?:[^{}]|\{[^{}]*\})*))?\})")

type Services = Mapping[str, Mapping[str, Any]]


class Missing(Exception):
    """Raised for a variable that has to be given; the message is what the file says of it."""


def raw_text() -> str:
    """The file."""
    return COMPOSE.read_text(encoding="utf-8")


def services(variables: Mapping[str, str]) -> Services:
    """Services by name with these variables of `.env` put in; raises Missing."""
    return interpolated(yaml.safe_load(raw_text()), variables)["services"]


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with `${NAME}` put in as Compose does: `:-` default, `:+` replacement, `:?` error."""
    match value:
        case str():
            return VARIABLE.sub(lambda found: _put(found, variables), value)
        case list():
            return [interpolated(each, variables) for each in value]
        case dict():
            return {name: interpolated(each, variables) for name, each in value.items()}
        case _:
            return value


def environment(service: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, str]:
    """What the container's program sees: a name without a value comes from `.env`, or is not there."""
    given: Mapping[str, str | None] = service.get("environment") or {}
    return {n: v if v is not None else variables[n] for n, v in given.items() if v is not None or n in variables}


def here(value: str, places: Mapping[str, str]) -> str:
    """A value or argument with the addresses and folders of a container replaced by those of this machine."""
    for place, own in places.items():
        value = value.replace(place, own)
    return value


def _put(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found[1]:
        return "$"
    name, operator, word = found[2], found[3] or "", interpolated(found[4] or "", variables)
    value = variables.get(name)
    is_set = bool(value) if operator.startswith(":") else value is not None
    match operator.lstrip(":"):
        case "":
            return value or ""
        case "-":
            return (value or "") if is_set else word
        case "+":
            return word if is_set else ""
        case _:
            if not is_set:
                raise Missing(f"{name}: {word}")
            return value or ""
