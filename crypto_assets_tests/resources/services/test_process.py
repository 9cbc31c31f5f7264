"""How a service's process begins, and when it has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crypto_assets.ports import is_free
from crypto_assets_tests.waiting import wait_for
from resources.services.folder import ServiceFolder
from resources.services.process import Launch, end, is_alive, record_of, remains, spawn

SAYS_WHAT_IT_HEEDS = (
    "import signal, sys; "
    "print(*[signal.getsignal(n) is not signal.SIG_IGN for n in (signal.SIGINT, signal.SIGTERM)], flush=True)"
)

HALF_ENDS = """
import ctypes, socket, threading
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=threading.Event().wait).start()
print(server.getsockname()[1], flush=True)
ctypes.CDLL(None).pthread_exit(None)
"""
"""A program whose first thread ends while another one keeps its port."""


@pytest.fixture
def half_ended(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = spawn(Launch((sys.executable, "-c", HALF_ENDS), dict(os.environ), tmp_path), ServiceFolder(tmp_path))
    wait_for(psutil.Process(child.pid).status, until=lambda status: status == psutil.STATUS_ZOMBIE, deadline_s=30)
    yield child
    child.kill()
    child.wait()


def test_a_service_heeds_what_its_starter_ignores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ServiceFolder(tmp_path)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        launch = Launch((sys.executable, "-c", SAYS_WHAT_IT_HEEDS), dict(os.environ), tmp_path)
        child = spawn(launch, folder)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    child.wait()
    assert folder.log_tail().split() == ["True", "True"]


def test_one_whose_threads_hold_its_port_is_ended_before_its_port_is_looked_at(
    tmp_path: Path, half_ended: subprocess.Popen[bytes]
) -> None:
    port = int(ServiceFolder(tmp_path).log_tail())
    record = record_of(half_ended, ports={})
    left = remains(record)
    assert [process.pid for process in left] == [half_ended.pid]
    assert not is_alive(left[0])
    assert not is_free(port)
    end(left, ask=signal.SIGTERM, grace_s=30)
    assert is_free(port)
    assert remains(record) == []
