"""Keeps a page that was left from harming the next one."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg


class LeftPages:
    """Drops requests to draw a part of a page that its visitor has left (ASGI middleware).

    A visitor leaves a page while its first drawing still arrives: timers of its parts then start after Streamlit's page
    has stopped them all, and one that fires before the next page begins asks for a part of the page that was left.
    Streamlit would draw that page again, or empty the next one, in which the browser then fails at the first part that
    has lost its place ("Bad delta path"). A whole page is never refused; visitors alone change pages, no script does.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        visit = Visit()

        async def receive_what_matters() -> Message:
            while True:
                message = await receive()
                if not visit.is_of_left_page(message.get("bytes")):
                    return message

        await self._app(scope, receive_what_matters if scope["type"] == "websocket" else receive, send)


class Visit:
    """The page that one connection has asked for last."""

    def __init__(self) -> None:
        self._page = ""

    def is_of_left_page(self, received: bytes | None) -> bool:
        """Whether this asks for a part of another page (`BackMsg` of Streamlit's wire format)."""
        if not received:
            return False
        try:
            asked = BackMsg.FromString(received)
        except DecodeError:
            return False  # Streamlit says what is wrong with it
        if asked.WhichOneof("type") != "rerun_script":
            return False
        page = asked.rerun_script.page_script_hash  # empty where the address names it: the first request of a visit
        if asked.rerun_script.fragment_id:
            return bool(self._page) and page != self._page
        self._page = page
        return False
