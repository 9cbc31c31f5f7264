"""Answers in the exchange's form: JSON bodies and `{"code", "msg"}` refusals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


class ApiError(Exception):
    """Raised by an endpoint to refuse a request with the exchange's error code."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def json_reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer with the exchange's content type."""
    return Response(
        _encode(value),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json;charset=UTF-8",
    )


def error_reply(error: ApiError, *, headers: Mapping[str, str] | None = None) -> Response:
    """The body that the exchange sends with a refusal."""
    return json_reply({"code": error.code, "msg": error.message}, status=error.status, headers=headers)


def not_found(path: str) -> Response:
    """What an object store says of a file that it does not have."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
        f"<Message>The specified key does not exist.</Message><Key>{escape(path)}</Key></Error>"
    )
    return Response(body, status_code=404, media_type="application/xml")


def http_date(moment: datetime) -> str:
    """An aware UTC datetime as HTTP headers write it."""
    return format_datetime(moment, usegmt=True)
