"""A simulator as a child process: started on a free port, ended with whoever started it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from crypto_assets.errors import Unavailable
from crypto_assets.processes import end_children

_TAIL_BYTES = 2_000
_STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class SimulatorProcess:
    """A running simulator; as a context manager it is stopped at the end."""

    url: str
    stream_url: str
    """Where its streams are, such as ws://127.0.0.1:40123."""
    log_path: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Id of the process."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End it and wait until it has ended; a second call does nothing."""
        _end(self.process)

    def __enter__(self) -> SimulatorProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_simulator(
    *,
    symbols: Sequence[str] = (),
    seed: int | None = None,
    port: int = 0,
    now: datetime | None = None,
    since: datetime | None = None,
    speed: float | None = None,
    frozen_at: datetime | None = None,
    faults: Path | None = None,
    replay: Path | None = None,
    log_path: Path | None = None,
    timeout_s: float = 60.0,
) -> SimulatorProcess:
    """A simulator that answers at its `url` by the time this returns; what is not given takes the program's default.

    It ends with this process, also when that is killed. Its log goes to `log_path`, or to a new file in the folder for
    temporary files. Raises Unavailable, with the end of the log, when it does not come up within `timeout_s`.
    """
    options: dict[str, object] = {
        "--symbols": ",".join(symbols) or None,
        "--seed": seed,
        "--port": port,
        "--now": now.isoformat() if now else None,
        "--since": since.isoformat() if since else None,
        "--speed": speed,
        "--frozen-at": frozen_at.isoformat() if frozen_at else None,
        "--faults": faults,
        "--replay": replay,
        "--parent": os.getpid(),
    }
    given = [str(part) for name, value in options.items() if value is not None for part in (name, value)]
    log_path = log_path or _new_log()
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "crypto_assets.simulator", *given],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # a Ctrl-C reaches the parent only, which may still need answers
        )
    try:
        url = _read_address(process, timeout_s=timeout_s)
        if not url:
            raise Unavailable(_failure(process, log_path, timeout_s=timeout_s))
        stream_url = _read_stream_url(url)
    except BaseException:
        _end(process)
        raise
    return SimulatorProcess(url, stream_url, log_path, process)


def _read_stream_url(url: str) -> str:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=_STOP_S)  # no proxy of the environment comes between
    with closing(connection):
        connection.request("GET", "/health")
        return str(json.loads(connection.getresponse().read())["streams"])


def _read_address(process: subprocess.Popen[bytes], *, timeout_s: float) -> str:
    """The line that the child prints when it is ready; empty when it ended, or is not ready in time."""
    assert process.stdout is not None
    deadline = time.monotonic() + timeout_s
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return ""
            piece = os.read(process.stdout.fileno(), 1024)
            if not piece:
                return ""
            line += piece
    return line.decode().strip()


def _failure(process: subprocess.Popen[bytes], log_path: Path, *, timeout_s: float) -> str:
    try:
        ended = f"ended with status {process.wait(timeout=1)}"
    except subprocess.TimeoutExpired:
        ended = f"was not ready after {timeout_s:g} s"
    tail = log_path.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip()
    return f"The exchange simulator {ended}. Its log, {log_path}, ends with:\n{tail}"


def _end(process: subprocess.Popen[bytes]) -> None:
    end_children([process], grace_s=_STOP_S)
    if process.stdout is not None:
        process.stdout.close()


def _new_log() -> Path:
    descriptor, name = tempfile.mkstemp(prefix="crypto-assets-simulator-", suffix=".log")
    os.close(descriptor)
    return Path(name)
