"""Posts to a real server, and to none."""

from __future__ import annotations

import logging
import socket

import pytest
from pydantic import SecretStr

from crypto_assets.alerts.message import Message, compose
from crypto_assets.alerts.webhook import Webhook, retry_after_s
from crypto_assets.errors import DeliveryFailed
from crypto_assets_tests.alerts.causes import notice
from crypto_assets_tests.alerts.hook import SECRET, Hook


def message() -> Message:
    return compose([notice()], dagster_url="http://127.0.0.1:3000", origin="here")


def post(url: str) -> DeliveryFailed | None:
    """What came of a post."""
    try:
        Webhook(SecretStr(url)).send(message())
    except DeliveryFailed as error:
        return error
    return None


def test_a_message_arrives_as_json_that_slack_reads(hook: Hook) -> None:
    assert post(hook.url) is None
    (body,) = hook.taken
    assert body["text"].startswith("WARNING: disk 1 is nearly full\n\nWARNING: disk 1 is nearly full\nLittle is free.")
    assert [block["type"] for block in body["blocks"]] == ["section", "context"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(500, "in trouble"), (400, "does it understand"), (404, "make a new one"), (302, "HTTP 302"), (429, "a pause")],
)
def test_what_is_not_taken_is_told_by_its_status(hook: Hook, status: int, words: str) -> None:
    hook.answers.append((status, {"Location": f"{hook.url}/elsewhere"}))
    error = post(hook.url)
    assert error is not None
    assert words in str(error)
    assert len(hook.received) == 1


def test_a_pause_that_the_server_asks_for_is_handed_on(hook: Hook) -> None:
    hook.answers.append((429, {"Retry-After": "77"}))
    error = post(hook.url)
    assert error is not None
    assert error.retry_after_s == 77


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("0", 0), ("3", 3), ("Thu, 01 Jan 1970 00:01:40 GMT", 90), ("soon", None), ("-5", None)],
)
def test_a_pause_is_given_in_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, now_s=10) == seconds


@pytest.mark.parametrize("address", ["hunter2", "ftp://example.com/hunter2", "https://", "http://[hunter2", ""])
def test_what_is_no_address_is_refused_without_being_quoted(address: str) -> None:
    error = post(address)
    assert error is not None
    assert "ALERT_WEBHOOK_URL is no address" in str(error)
    assert "hunter2" not in str(error)


def test_the_secret_is_in_no_log_and_no_error(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    hook.answers.append((500, {}))
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/services/{SECRET}"
    with caplog.at_level(logging.DEBUG):
        errors = [post(hook.url), post(nobody), post(hook.url)]
    assert errors[2] is None
    assert isinstance(errors[1], DeliveryFailed)
    assert "cannot be reached: ConnectError" in str(errors[1])
    assert errors[1].__cause__ is None
    assert errors[1].__suppress_context__
    assert SECRET not in caplog.text + repr(Webhook(SecretStr(hook.url)))
    assert all(SECRET not in str(error) for error in errors)


def test_httpx_still_logs_the_requests_of_others(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    import httpx

    with caplog.at_level(logging.INFO, logger="httpx"):
        httpx.post(f"http://127.0.0.1:{hook.port}/other", json={})
    assert "/other" in caplog.text
