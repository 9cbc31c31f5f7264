"""The client of the Sheets API: what it repeats by itself, what has to be planned anew, and how long it waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import gspread
import requests
import tenacity
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.service_account import Credentials
from gspread.exceptions import APIError

from crypto_assets.endpoints import GOOGLE_SHEETS_URL

TIMEOUT_S = 180.0  # Google ends a request after as long
ATTEMPTS = 8
LONGEST_PAUSE_S = 64.0
TOO_MANY = 429
RETRIED = frozenset({408, TOO_MANY, 500, 502, 503, 504})


class PlanAgain(Exception):
    """Raised where a write may succeed later, of rows that are read and planned anew by then."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class SheetsClient(gspread.HTTPClient):
    """gspread's client for an API at another address, which repeats what may succeed later.

    gspread's own repeats too, but neither a connection that breaks nor an answer without JSON, and it does not heed
    Retry-After.
    """

    def __init__(self, account: Credentials, *, api: str, sleep: Callable[[float], None]) -> None:
        super().__init__(account, AuthorizedSession(account))
        self.set_timeout(TIMEOUT_S)
        self._api = api.rstrip("/")
        self._sleep = sleep
        self._repeat = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_may_pass),
            wait=lambda state: _pause_s(state.outcome and state.outcome.exception(), attempt=state.attempt_number),
            stop=tenacity.stop_after_attempt(ATTEMPTS),
            sleep=sleep,
            reraise=True,
        )

    def request(self, method: str, endpoint: str, *given: Any, **named: Any) -> requests.Response:
        return self._repeat(super().request, method, self._at(endpoint), *given, **named)

    def write_once(self, endpoint: str, body: Mapping[str, Any]) -> None:
        """Post what was planned for rows as they were read. People move them during a pause: it is not sent again."""
        try:
            super().request("post", self._at(endpoint), json=body)
        except Exception as error:
            if _may_pass(error):
                raise PlanAgain(error) from error
            raise

    def pause(self, error: Exception | None, *, attempt: int) -> None:
        """Sleep after an attempt, counted from 1, as long as its error asks for."""
        self._sleep(_pause_s(error, attempt=attempt))

    def _at(self, endpoint: str) -> str:
        return endpoint.replace(GOOGLE_SHEETS_URL, self._api, 1)


def _may_pass(error: BaseException) -> bool:
    match error:
        case APIError():
            return error.response.status_code in RETRIED
        case requests.ConnectionError() | requests.Timeout():
            return True
        case GoogleAuthError():
            return sign_in_may_pass(error)
        case _:
            return False


def sign_in_may_pass(error: GoogleAuthError) -> bool:
    """Whether a repeat may succeed; a connection that fails google-auth itself does not count among those."""
    return error.retryable or isinstance(error, TransportError)


def was_not_done(error: BaseException) -> bool:
    """Only a request beyond the quota, or one that was not sent for want of a token, was surely not carried out."""
    is_refused = isinstance(error, APIError) and error.response.status_code == TOO_MANY
    return is_refused or isinstance(error, GoogleAuthError)


def _pause_s(error: BaseException | None, *, attempt: int) -> float:
    """As long as the answer asks for, else 1, 2, 4 … seconds; never longer than LONGEST_PAUSE_S."""
    asked = error.response.headers.get("Retry-After", "") if isinstance(error, APIError) else ""
    pause_s = float(asked) if asked.isdigit() else 2.0 ** (attempt - 1)
    return min(pause_s, LONGEST_PAUSE_S)
