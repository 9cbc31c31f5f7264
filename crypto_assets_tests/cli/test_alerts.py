"""`crypto-assets alerts test`: whether a message arrives."""

from __future__ import annotations

import socket

import pytest

from crypto_assets_tests.cli.conftest import Command


def test_without_a_channel_the_log_has_it_and_the_others_say_how_to_turn_them_on(run: Command) -> None:
    done = run("alerts", "test")
    assert done.status == 0
    assert "ALERT_WEBHOOK_URL" in done.out
    assert {one["state"] for one in run("alerts", "test", "--json").json} == {"sent", "off"}


def test_a_channel_that_takes_nothing_is_a_failure_that_names_no_secret(
    run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens there
        monkeypatch.setenv("ALERT_WEBHOOK_URL", f"http://127.0.0.1:{held.getsockname()[1]}/services/hidden-token")
        done = run("alerts", "test")
    assert done.status == 1
    assert "webhook" in done.out
    assert "hidden-token" not in done.out + done.err
