"""What a worker is told to do, and what it tells its parent: a JSON line each."""

from __future__ import annotations

from decimal import Decimal

import msgspec

Options = dict[str, int | float | list[int]]
"""What an asset is configured with."""


class Order(msgspec.Struct, frozen=True):
    """One run for the worker to do."""

    job: str | None
    """None is a run of assets that are in no job."""
    assets: tuple[str, ...]
    tags: dict[str, str]
    options: Options = {}
    """Of each of the assets."""


class Written(msgspec.Struct, frozen=True, tag=True):
    """An asset partition was materialised."""

    asset: str


class Checked(msgspec.Struct, frozen=True, tag=True):
    """A check was evaluated."""

    asset: str
    check: str
    passed: bool
    is_error: bool
    sentence: str


class Failed(msgspec.Struct, frozen=True, tag=True):
    """A step failed; the run does not go on past it."""

    step: str
    sentence: str


class Doing(msgspec.Struct, frozen=True, tag=True):
    """What the worker does now, where that is no run."""

    what: str


class Held(msgspec.Struct, frozen=True, tag=True):
    """What one system holds of a symbol's day."""

    system: str
    symbol: str
    rows: int
    """Rows as the system keeps them, be they trades, seconds or windows."""
    trades: int
    volume: Decimal
    """Base quantity."""
    minutes: int
    """Minutes with trades."""
    close: Decimal
    """Price of the last trade, quote asset."""


type Event = Written | Checked | Failed | Doing | Held


def encode_orders(orders: list[Order]) -> str:
    """The worker's argument."""
    return msgspec.json.encode(orders).decode()


def decode_orders(argument: str) -> list[Order]:
    """The orders in a worker's argument."""
    return msgspec.json.decode(argument, type=list[Order])


def encode_event(event: Event) -> str:
    """One line of a worker's output."""
    return msgspec.json.encode(event).decode()


def decode_event(line: bytes) -> Event:
    """The event of a line; raises msgspec.DecodeError where it is none."""
    return msgspec.json.decode(line, type=Written | Checked | Failed | Doing | Held)
