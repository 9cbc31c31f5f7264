"""Where the simulated exchange listens."""

from __future__ import annotations

from contextlib import closing

from crypto_assets.simulator.streams.server import bind_listener


def test_it_listens_on_this_machine_only_unless_told() -> None:
    with closing(bind_listener()) as own, closing(bind_listener(host="0.0.0.0")) as told:
        assert own.getsockname()[0] == "127.0.0.1"
        assert told.getsockname()[0] == "0.0.0.0"
