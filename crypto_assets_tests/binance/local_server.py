"""A real HTTP server on this machine that answers as told, faults included, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import msgspec


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """One answer; `cut_after` closes the connection after so many bytes of a body declared whole."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None


def json_reply(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, msgspec.json.encode(value), headers or {})


NOT_FOUND = Reply(404, b"<Error><Code>NoSuchKey</Code></Error>")


class LocalServer:
    """Answers each path by the function given for it; replies in `faults` go out first, one a request."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.faults: list[Reply] = []
        self.routes: dict[str, Callable[[Asked], Reply]] = {}
        self.url = ""

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.faults:
            return self.faults.pop(0)
        route = self.routes.get(asked.path)
        return route(asked) if route else NOT_FOUND


@contextmanager
def local_server() -> Iterator[LocalServer]:
    server = LocalServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: two would wait 40 ms for each other

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            reply = server.reply(Asked(parts.path, dict(parse_qsl(parts.query)), dict(self.headers)))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut_after])
            if reply.cut_after is not None:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        server.url = f"http://127.0.0.1:{listening.server_address[1]}"
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
