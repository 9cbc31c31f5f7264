"""A real server of a webhook that answers as it is told, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "T0SECRET/B0SECRET/hunter2hunter2"


@dataclass
class Hook:
    """What it answers next, and what came."""

    port: int = 0
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of the next answers; after them it answers 200."""
    received: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    """Of those the ones that it answered with 200."""
    before_answer: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/{SECRET}"

    @property
    def subjects(self) -> list[str]:
        """First lines of what was taken."""
        return [message["text"].partition("\n")[0] for message in self.taken]

    @property
    def texts(self) -> list[str]:
        """Everything that was taken, a text for each message."""
        return [json.dumps(message, ensure_ascii=False) for message in self.taken]


@contextmanager
def hook_server(port: int = 0) -> Iterator[Hook]:
    """A server on a port of this machine, by default a free one."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.received.append(body)
            hook.before_answer()
            status, headers = hook.answers.pop(0) if hook.answers else (200, {})
            if status == 200:
                hook.taken.append(body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
