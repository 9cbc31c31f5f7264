"""Faults of the connection: other statuses, slow bodies, cut connections."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crypto_assets.simulator.fault_book import FaultBook
from crypto_assets.simulator.faults import Cut, Slow, Status, describe_target

_SPARED = ("/simulator/", "/health")  # how the simulator itself is steered never fails
_SLICES_PER_SECOND = 20


@dataclass(frozen=True, slots=True)
class FaultMiddleware:
    """Applies scripted faults to every answer but those of the simulator's own addresses."""

    app: ASGIApp
    book: FaultBook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the app's stead, or let its answer through, slowed or cut."""
        if scope["type"] != "http" or scope["path"].startswith(_SPARED):
            await self.app(scope, receive, send)
            return
        target = describe_target(scope["path"], QueryParams(scope["query_string"]))
        if status := self.book.take(Status, target):
            reply = Response(status.body, status.status, {"content-type": "application/json", **status.headers})
            await reply(scope, receive, send)
        elif cut := self.book.take(Cut, target):
            await self.app(scope, receive, _Cutter(send, left=cut.after_bytes))
        elif slow := self.book.take(Slow, target):
            await self.app(scope, receive, _Slower(send, slow.bytes_per_second))
        else:
            await self.app(scope, receive, send)


@dataclass(slots=True)
class _Cutter:
    """Passes on the first bytes of a body and never its end, upon which the server closes the connection."""

    send: Send
    left: int

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self.send(message)
            return
        body = message.get("body", b"")[: self.left]
        self.left -= len(body)
        await self.send({"type": "http.response.body", "body": body, "more_body": True})


@dataclass(slots=True)
class _Slower:
    """Passes a body on in small pieces with pauses between them."""

    send: Send
    bytes_per_second: int

    async def __call__(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self.send(message)
            return
        body, size = message.get("body", b""), max(1, self.bytes_per_second // _SLICES_PER_SECOND)
        for start in range(0, len(body), size):
            piece = body[start : start + size]
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
            await anyio.sleep(len(piece) / self.bytes_per_second)
        await self.send({"type": "http.response.body", "body": b"", "more_body": message.get("more_body", False)})
