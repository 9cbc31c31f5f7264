"""A visitor leaves a page whose parts are still being drawn again, on a line or a machine that is slow."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from crypto_assets.dashboard.leaving import Visit
from crypto_assets_tests.dashboard.conftest import PATIENCE_MS, SYMBOLS, Dashboard, Visitor
from crypto_assets_tests.waiting import wait_for


class SlowLine:
    """Between a page and its server: keeps the order of what each says, and says it late.

    Once `is_armed`, the timers of the page's parts are held back until its visitor leaves it; the request for the next
    page then is, until a part of the page that was left has asked to be drawn again.
    """

    def __init__(self) -> None:
        self.is_armed = False
        self.holds = ""
        """What is held back: nothing, `timers` or `request`."""
        self.asked: list[tuple[str, str]] = []
        """Page and part of each request; a whole page has no part."""
        self.next_page = ""
        """That for which the visitor left, once it was asked for."""
        self._held: list[str | bytes] = []

    def between(self, page: WebSocketRoute) -> None:
        """Stand on the line."""
        server = page.connect_to_server()

        def from_page(message: str | bytes) -> None:
            asked = BackMsg.FromString(_bytes(message)).rerun_script
            if self.holds == "timers" and asked.page_script_hash not in ("", self.asked[-1][0]):
                self._release(page)
                self.holds, self.next_page = "request", asked.page_script_hash
            if self.holds == "request":
                self._held.append(message)
                if asked.fragment_id:
                    self._release(server)
            else:
                server.send(message)
            self.asked.append((asked.page_script_hash, asked.fragment_id))

        def from_server(message: str | bytes) -> None:
            if self.is_armed and ForwardMsg.FromString(_bytes(message)).WhichOneof("type") == "auto_rerun":
                self.is_armed, self.holds = False, "timers"
            if self.holds == "timers":
                self._held.append(message)
            else:
                page.send(message)

        page.on_message(from_page)
        server.on_message(from_server)

    def _release(self, side: WebSocketRoute) -> None:
        self.holds = ""
        for message in self._held:
            side.send(message)
        self._held.clear()


def test_a_part_of_the_page_that_was_left_does_no_harm_to_the_next(alone: Dashboard, visitor: Visitor) -> None:
    line = SlowLine()
    visitor.context.route_web_socket("**/_stcore/stream", line.between)
    page = visitor.open(alone.url)
    expect(page.get_by_role("heading", name="Streams", exact=True)).to_be_visible()
    line.is_armed = True
    page.get_by_role("radio", name=SYMBOLS[1]).click()
    _wait(page, lambda: line.holds, until="timers")
    page.get_by_role("link", name="Forecast", exact=True).click()
    # Both may happen between two looks: the request was held back, and sent on.
    _wait(page, lambda: (line.next_page != "", line.holds), until=(True, ""))
    # A page that failed asks for nothing any more: its third question is after two answers.
    _wait(page, lambda: sum(asked == line.next_page and part != "" for asked, part in line.asked) >= 3, until=True)
    expect(page.get_by_role("heading", name="Forecast", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ([("live", ""), ("live", "prices")], [0, 1]),
        ([("live", ""), ("forecast", ""), ("live", "prices"), ("forecast", "latest")], [0, 1, 3]),
        ([("live", ""), ("forecast", ""), ("live", ""), ("live", "prices")], [0, 1, 2, 3]),
        ([("", ""), ("live", "prices")], [0, 1]),
    ],
    ids=["its own", "of the page that was left", "of the page that was come back to", "of a page named by the address"],
)
def test_only_parts_of_a_page_that_was_left_are_dropped(asked: list[tuple[str, str]], served: list[int]) -> None:
    visit = Visit()
    assert [index for index, one in enumerate(asked) if not visit.is_of_left_page(_request(*one))] == served


@pytest.mark.parametrize("received", [None, b"", b"\xff\xff\xff", BackMsg(clear_cache=True).SerializeToString()])
def test_what_is_no_request_of_a_page_is_left_to_streamlit(received: bytes | None) -> None:
    assert not Visit().is_of_left_page(received)


def _request(page: str, part: str) -> bytes:
    request = BackMsg()
    request.rerun_script.page_script_hash = page
    request.rerun_script.fragment_id = part
    return request.SerializeToString()


def _wait[T](page: Page, look: Callable[[], T], *, until: T) -> None:
    """The line is worked while the page is asked something."""
    wait_for(lambda: (page.evaluate("0"), look())[1], until=lambda seen: seen == until, deadline_s=PATIENCE_MS / 1000)


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message
