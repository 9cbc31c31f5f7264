"""What programs that serve pages are asked for on their command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crypto_assets.ports import FIRST_PORT, LAST_PORT, is_free
from crypto_assets.serving import asked


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_free_port_is_none_that_an_outgoing_connection_may_be_given_meanwhile(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["dashboard", "--host", host, "--port", "0"])
    port = asked("dashboard", None, port=8501).port
    assert FIRST_PORT <= port < LAST_PORT <= first_of_outgoing_connections()
    assert is_free(port, host=host)


def first_of_outgoing_connections() -> int:
    return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
