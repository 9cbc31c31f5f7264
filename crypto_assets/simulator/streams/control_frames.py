"""What a client asks of its connection: SUBSCRIBE and the like, and the exchange's answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_INT64 = 2**63
_TEXT_ID = re.compile(r"[A-Za-z0-9_-]{0,36}")


class ControlReply(NamedTuple):
    """The answer to a request, and the streams that it brought or took."""

    body: bytes
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True)
class ControlState:
    """What a connection has asked for so far."""

    combined: bool
    """Whether messages come with the name of their stream around them."""
    limit: int
    """Streams that a connection may have."""
    streams: dict[str, None] = field(default_factory=dict[str, None])
    """Names in the order in which they were asked for."""

    def answer(self, text: str | bytes) -> ControlReply:
        """Do what a message asks; what cannot be done changes nothing."""
        try:
            request = _parse(text)
            identity = _identity(request)
            return self._act(request, identity)
        except _Refusal as refusal:
            return ControlReply(msgspec.json.encode({"code": refusal.code, "msg": str(refusal)}))

    def _act(self, request: dict[str, object], identity: object) -> ControlReply:
        params = request.get("params")
        result: object = None
        added: tuple[str, ...] = ()
        removed: tuple[str, ...] = ()
        match request["method"]:
            case "SUBSCRIBE":
                added = self._subscribe(params)
            case "UNSUBSCRIBE":
                removed = self._unsubscribe(params)
            case "LIST_SUBSCRIPTIONS":
                if params:
                    raise _too_many_parameters()
                result = list(self.streams)
            case "SET_PROPERTY":
                self.combined = _value(_combined(params, largest=1))
            case _:
                _combined(params, largest=0)
                result = self.combined
        return ControlReply(msgspec.json.encode({"result": result, "id": identity}), added, removed)

    def _subscribe(self, params: object) -> tuple[str, ...]:
        added = tuple(name for name in _names(params) if name not in self.streams)
        if len(self.streams) + len(added) > self.limit:
            raise _too_many_parameters()
        self.streams |= dict.fromkeys(added)
        return added

    def _unsubscribe(self, params: object) -> tuple[str, ...]:
        removed = tuple(name for name in _names(params) if name in self.streams)
        for name in removed:
            del self.streams[name]
        return removed


def _too_many_parameters() -> _Refusal:
    return _Refusal(2, "Invalid request: too many parameters")


def _parse(text: str | bytes) -> dict[str, object]:
    try:
        request = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"Invalid JSON: expected value at line {error.lineno} column {error.colno}"
        raise _Refusal(3, message) from None
    except (UnicodeDecodeError, RecursionError):
        raise _Refusal(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict) or "method" not in request:
        raise _Refusal(2, f"Invalid request: missing field `method` at line 1 column {len(text)}")
    if request["method"] not in _METHODS:
        options = ", ".join(f"`{method}`" for method in _METHODS)
        message = f"unknown variant `{request['method']}`, expected one of {options} at line 1 column {len(text)}"
        raise _Refusal(2, f"Invalid request: {message}")
    if set(request) - {"method", "params", "id"}:
        raise _too_many_parameters()
    return request


def _identity(request: dict[str, object]) -> object:
    """The request's id: an integer of 64 bits, a short text, or null."""
    identity = request.get("id", ...)
    as_text = isinstance(identity, str) and _TEXT_ID.fullmatch(identity) is not None
    as_number = isinstance(identity, int) and not isinstance(identity, bool) and -_INT64 <= identity < _INT64
    if identity is None or as_text or as_number:
        return identity
    raise _Refusal(2, "Invalid request: request ID must be an unsigned integer")


def _names(params: object) -> tuple[str, ...]:
    if not isinstance(params, list):
        raise _Refusal(2, "Invalid request: missing field `params`")
    if not all(isinstance(name, str) for name in params):
        raise _Refusal(2, "Invalid request: invalid type, expected a string")
    return tuple(dict.fromkeys(params))


def _combined(params: object, *, largest: int) -> list[object]:
    """What follows the name of the only property, at most so many values."""
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise _Refusal(2, "Invalid request: property name must be a string")
    if len(params) > 1 + largest:
        raise _too_many_parameters()
    if params[0] != "combined":
        raise _Refusal(0, "Unknown property")
    return params[1:]


def _value(values: list[object]) -> bool:
    value = values[0] if values else None
    if not isinstance(value, bool):
        raise _Refusal(1, "Invalid value type: expected Boolean")
    return value
