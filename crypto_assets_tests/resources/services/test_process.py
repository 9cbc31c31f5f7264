"""How a service's process begins."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from resources.services.folder import ServiceFolder
from resources.services.process import Launch, spawn

SAYS_WHAT_IT_HEEDS = (
    "import signal, sys; "
    "print(*[signal.getsignal(n) is not signal.SIG_IGN for n in (signal.SIGINT, signal.SIGTERM)], flush=True)"
)


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
