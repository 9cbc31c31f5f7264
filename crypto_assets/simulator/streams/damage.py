"""Messages as no client wants them."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from crypto_assets.binance.typed_rows import MICROSECONDS_FROM
from crypto_assets.simulator.stream_faults import Damage

UNKNOWN_SYMBOL = "NOSUCHUSDT"
SOUND: frozenset[Damage] = frozenset({"unknown_field", "huge"})
"""Damages after which all that the message said is still in it."""

_EVENT_TIME = re.compile(rb'"E":(\d+)')
_SYMBOL = re.compile(rb'"s":"[^"]*"')
_ESSENTIAL = ("t", "a", "k", "o", "p", "u", "lastUpdateId")
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


def damaged(payload: bytes, damage: Damage, *, size_bytes: int) -> bytes:
    """The message with that damage; what is huge has `size_bytes`."""
    return _DAMAGES[damage](payload, size_bytes)


def with_event_time_moved(payload: bytes, seconds: float) -> bytes:
    """The message with its event times so many seconds later; as it is where it has none."""

    def move(found: re.Match[bytes]) -> bytes:
        time = int(found[1])
        unit = 1_000_000 if time >= MICROSECONDS_FROM else 1_000
        return b'"E":%d' % (time + int(seconds * unit))

    return _EVENT_TIME.sub(move, payload)


def _wrong_types(payload: bytes, _size: int) -> bytes:
    def other(value: object) -> object:
        if isinstance(value, dict):
            return {key: other(part) for key, part in value.items()}
        if isinstance(value, list):
            return {"0": "list"}
        if isinstance(value, str):
            return [value] if _DECIMAL.fullmatch(value) else value
        return "true" if isinstance(value, bool) else f"~{value}"

    return msgspec.json.encode(other(msgspec.json.decode(payload)))


def _missing_field(payload: bytes, _size: int) -> bytes:
    fields: dict[str, object] = msgspec.json.decode(payload, type=dict[str, object])
    for name in _ESSENTIAL:
        if name in fields:
            del fields[name]
            break
    return msgspec.json.encode(fields)


def _unknown_field(payload: bytes, _size: int) -> bytes:
    return payload[:-1] + b',"zz":{"new":[1,"2",null]}}'


def _huge(payload: bytes, size: int) -> bytes:
    frame = b',"zz":""}'
    return payload[:-1] + b',"zz":"' + b"x" * max(0, size - len(payload) + 1 - len(frame)) + b'"}'


def _unknown_symbol(payload: bytes, _size: int) -> bytes:
    return _SYMBOL.sub(b'"s":"%b"' % UNKNOWN_SYMBOL.encode(), payload)


_DAMAGES: dict[Damage, Callable[[bytes, int], bytes]] = {
    "truncated": lambda payload, _size: payload[: len(payload) // 2],
    "not_json": lambda _payload, _size: b"<html>502 Bad Gateway</html>",
    "wrong_types": _wrong_types,
    "missing_field": _missing_field,
    "unknown_field": _unknown_field,
    "huge": _huge,
    "unknown_symbol": _unknown_symbol,
}
