"""The Google spreadsheet that aggregates are shared in, through gspread and a service account."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import requests
from google.auth.exceptions import GoogleAuthError
from google.oauth2.service_account import Credentials
from gspread.exceptions import APIError
from gspread.urls import SPREADSHEET_BATCH_UPDATE_URL, SPREADSHEET_VALUES_BATCH_UPDATE_URL

from crypto_assets.endpoints import SheetsEndpoint
from crypto_assets.errors import ConfigurationError, CryptoAssetsError, ServiceUnavailable, SheetError
from crypto_assets.share.sheet import Layout, Shared, TabPlan, plan_upsert
from crypto_assets.share.sheet_requests import (
    MAX_CELLS,
    SPARE_ROWS,
    Tab,
    add_tabs,
    batches,
    check_size,
    grow_tabs,
    range_name,
    resize,
    too_many_cells,
    value_ranges,
    whole_tab,
)
from crypto_assets.share.sheet_retention import Retention, delete_rows, expired
from crypto_assets.share.sheet_rows import Cell, Row
from crypto_assets.share.sheets_client import ATTEMPTS, RETRIED, PlanAgain, SheetsClient, sign_in_may_pass, was_not_done

SCOPES = ("https://www.googleapis.com/auth/spreadsheets",)


@dataclass
class _Progress:
    """What an upsert planned at first, and did in all of its attempts."""

    plans: Mapping[str, TabPlan] = field(default_factory=dict[str, TabPlan])
    created: tuple[str, ...] = ()
    deleted: int = 0
    sent: int = 0


class SharedSpreadsheet:
    """A spreadsheet: rows go in by key, and nothing else of it is changed. Raises SheetError and ServiceUnavailable."""

    def __init__(self, client: SheetsClient, spreadsheet: str, *, account: str) -> None:
        self._client = client
        self._id = spreadsheet
        self._account = account
        self._tabs: dict[str, Tab] | None = None

    def upsert(
        self, layout: Layout, wanted: Mapping[str, Sequence[Row]], *, retention: Retention | None = None
    ) -> Shared:
        """Bring the tabs to these rows of theirs; `retention` says which others have become too old and are deleted.

        An end anywhere in between leaves some rows written and the others as they were: a repeat writes the rest.
        """
        progress = _Progress()
        with self._explained():
            for attempt in range(1, ATTEMPTS + 1):
                error = None
                try:
                    if self._bring(layout, wanted, progress, retention=retention):
                        return self._described(progress)
                except PlanAgain as again:
                    self._tabs, error = None, again.error
                    if attempt == ATTEMPTS:
                        raise error from None
                if attempt < ATTEMPTS:
                    self._client.pause(error, attempt=attempt)
        raise ServiceUnavailable(
            f"Rows that were written into spreadsheet {self._id} were gone {ATTEMPTS} times when they were read again. "
            "Do runs on another machine share into it? Let one machine do it, then repeat the run."
        )

    def _bring(
        self,
        layout: Layout,
        wanted: Mapping[str, Sequence[Row]],
        progress: _Progress,
        *,
        retention: Retention | None,
    ) -> bool:
        """Read, plan and write once; whether every row is there after it."""
        tabs = self._known_tabs(list(wanted))
        created = [title for title in wanted if title not in tabs]
        old = [title for title in wanted if title in tabs]
        held = self._read(layout, old)
        plans = _plans(layout, held, wanted)  # a header that is not ours stops everything here
        deleted = self._delete_expired(retention, layout, held, wanted) if retention else 0
        if deleted:
            progress.deleted += deleted
            progress.sent += 1
            self._known_tabs(old)  # they are shorter now
            plans = _plans(layout, self._read(layout, old), wanted)
        if not progress.plans:
            progress.plans, progress.created = plans, tuple(created)
        progress.sent += self._make_room(layout, plans, created)
        ranges = [entry for title, plan in plans.items() for entry in value_ranges(title, layout, plan.writes)]
        for body in batches(ranges):
            self._client.write_once(SPREADSHEET_VALUES_BATCH_UPDATE_URL % self._id, body)
            progress.sent += 1
        if not any(plan.appended for plan in plans.values()):
            return True
        # Somebody on another machine may have written where we did: the rows that are not ours are theirs.
        after = _plans(layout, self._read_known(layout, wanted), wanted)
        return not any(plan.appended for plan in after.values())

    def _delete_expired(
        self,
        retention: Retention,
        layout: Layout,
        held: Mapping[str, Sequence[Sequence[Cell]]],
        wanted: Mapping[str, Sequence[Row]],
    ) -> int:
        """Delete the rows that have become too old; how many there were."""
        ages = {title: retention.first_kept(wanted[title]) for title in held}
        aged = [title for title, rows in held.items() if expired(layout, rows, first_kept=ages[title])]
        if not aged:
            return 0
        tabs, self._tabs = self._known_tabs(aged), None
        # whole rows, because somebody may have written right of ours; formulas as they are, not what they come to
        answer = self._client.values_batch_get(
            self._id, [whole_tab(title) for title in aged], {"valueRenderOption": "FORMULA"}
        )
        whole = {title: entry.get("values", []) for title, entry in zip(aged, answer["valueRanges"], strict=True)}
        spans = {title: expired(layout, rows, first_kept=ages[title]) for title, rows in whole.items()}
        entries = [entry for title in aged for entry in delete_rows(tabs[title], spans[title])]
        if entries:
            self._delete(entries)
        return sum(len(span) for of_tab in spans.values() for span in of_tab)

    def _delete(self, entries: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._client.write_once(SPREADSHEET_BATCH_UPDATE_URL % self._id, {"requests": entries})
        except PlanAgain as again:
            error = again.error
            if was_not_done(error):
                raise
            if not isinstance(error, APIError):
                raise error from None
            raise ServiceUnavailable(
                f"Google answered {error.response.status_code} when rows older than SHEET_KEEP_DAYS were to be "
                "deleted. Whether they were is not known. Nothing else was written; a repeat of the run looks first."
            ) from error

    def read(self, layout: Layout, titles: Sequence[str]) -> dict[str, list[list[Cell]]]:
        """Our columns of the tabs that are there, row 1 first; numbers as numbers, without empty rows at the end."""
        with self._explained():
            return self._read_known(layout, titles)

    def _read_known(self, layout: Layout, titles: Iterable[str]) -> dict[str, list[list[Cell]]]:
        tabs = self._known_tabs(titles := list(titles))
        return self._read(layout, [title for title in titles if title in tabs])

    def _known_tabs(self, titles: Sequence[str]) -> dict[str, Tab]:
        """Tabs by title, asked for once and again where one that is wanted is not among them."""
        if self._tabs is None or not set(titles) <= set(self._tabs):
            answer = self._client.fetch_sheet_metadata(self._id, {"fields": "spreadsheetId,sheets.properties"})
            found = [_tab(sheet["properties"]) for sheet in answer.get("sheets", [])]
            self._tabs = {tab.title: tab for tab in found}
        return self._tabs

    def _read(self, layout: Layout, titles: Sequence[str]) -> dict[str, list[list[Cell]]]:
        if not titles:
            return {}
        tabs = self._tabs or {}
        # A tab that people made narrower than our columns has them not all: what is there is read.
        names = [range_name(t, 1, None, width=min(layout.width, tabs[t].columns)) for t in titles]
        try:
            answer = self._client.values_batch_get(self._id, names, {"valueRenderOption": "UNFORMATTED_VALUE"})
        except APIError:
            self._tabs = None  # renamed or deleted since: the next attempt looks again
            raise
        return {t: entry.get("values", []) for t, entry in zip(titles, answer["valueRanges"], strict=True)}

    def _make_room(self, layout: Layout, plans: Mapping[str, TabPlan], created: Sequence[str]) -> int:
        """Add the tabs that are missing and lengthen those too short, all in one request or none of it."""
        tabs = self._known_tabs([])
        last_rows = {title: plan.last_row for title, plan in plans.items()}
        if grow_tabs([tabs[title] for title in plans if title in tabs], last_rows, layout):
            self._tabs = None  # made longer since, by others: our size would cut off what they wrote
            tabs = self._known_tabs([])
        held = [tabs[title] for title in plans if title in tabs]
        for spare in (SPARE_ROWS, 0):  # with rows to spare where they find room
            new = add_tabs(created, layout, last_rows=last_rows, spare=spare)
            grown = {tab.title: tab for tab in grow_tabs(held, last_rows, layout, spare=spare)}
            added = [entry["addSheet"]["properties"]["gridProperties"] for entry in new]
            cells = sum(grown.get(title, tab).cells for title, tab in tabs.items())
            cells += sum(grid["rowCount"] * grid["columnCount"] for grid in added)
            if cells <= MAX_CELLS:
                break
        if not new and not grown:
            return 0
        check_size(cells)
        self._tabs = None
        body = {"requests": [*new, *map(resize, grown.values())]}
        self._client.write_once(SPREADSHEET_BATCH_UPDATE_URL % self._id, body)
        return 1

    def _described(self, progress: _Progress) -> Shared:
        plans = progress.plans
        repeated = tuple(f"{title}!A{row}" for title, plan in plans.items() for row in plan.repeated)
        return Shared(
            tabs=len(plans),
            created=progress.created,
            updated=sum(plan.updated for plan in plans.values()),
            appended=sum(plan.appended for plan in plans.values()),
            unchanged=sum(plan.unchanged for plan in plans.values()),
            repeated=repeated,
            requests=progress.sent,
            cells=sum(tab.cells for tab in self._known_tabs(list(plans)).values()),
            deleted=progress.deleted,
        )

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except APIError as error:
            self._tabs = None
            raise explained(error, spreadsheet=self._id, account=self._account) from error
        except GoogleAuthError as error:
            raise _sign_in_failed(error, account=self._account) from error
        except requests.RequestException as error:
            raise ServiceUnavailable(
                f"Google Sheets does not answer: {error}. What was written stays; a repeat writes the rest."
            ) from error


def open_spreadsheet(endpoint: SheetsEndpoint, *, sleep: Callable[[float], None] = time.sleep) -> SharedSpreadsheet:
    """The spreadsheet at an endpoint; nothing is asked of it yet. Raises ConfigurationError without a usable key."""
    account = service_account(endpoint)
    email = str(account.service_account_email)
    return SharedSpreadsheet(SheetsClient(account, api=endpoint.api, sleep=sleep), endpoint.spreadsheet, account=email)


def service_account(endpoint: SheetsEndpoint) -> Credentials:
    """The account that a key names; raises ConfigurationError where there is none, or it is no service account's."""
    where = "GOOGLE_SERVICE_ACCOUNT_JSON" if endpoint.key_json else "GOOGLE_APPLICATION_CREDENTIALS"
    if endpoint.key_json is None and endpoint.key_file is None:
        raise ConfigurationError(
            "GOOGLE_SHEETS_ID is set, and no service account. Make one in the Google Cloud console, enable the Sheets "
            "API for its project, put the path of its JSON key into GOOGLE_APPLICATION_CREDENTIALS, and share the "
            "spreadsheet with the account's e-mail address as editor."
        )
    try:
        text = endpoint.key_json.get_secret_value() if endpoint.key_json else _text_of(endpoint.key_file)
        return Credentials.from_service_account_info(json.loads(text), scopes=SCOPES)
    except (ValueError, KeyError, TypeError) as error:
        # The error may quote the key; its kind is enough.
        raise ConfigurationError(
            f"{where} holds no key of a service account ({type(error).__name__}). Download one in the Google Cloud "
            "console: IAM, Service accounts, Keys, Add key, JSON."
        ) from None


def explained(error: APIError, *, spreadsheet: str, account: str) -> CryptoAssetsError:
    """What a refusal of the API means for people, as an error that says whether a repeat may help."""
    status = error.response.status_code
    said = f"Google answered {status}: {str(error.error.get('message', '')).rstrip('.')}."
    if status in RETRIED:
        return ServiceUnavailable(
            f"{said} That was attempt {ATTEMPTS}. What was written stays; a repeat of the run writes the rest."
        )
    match status:
        case 401:
            advice = (
                f"The key of the service account {account} is not accepted: it was deleted, or is of another project. "
                "Nothing more was written. Make a new key and put it into GOOGLE_APPLICATION_CREDENTIALS."
            )
        case 403:
            advice = (
                f"The service account {account} may not write to spreadsheet {spreadsheet}. Nothing more was written. "
                f"Share the spreadsheet with {account} as editor, see that the Sheets API is enabled in its project, "
                "then repeat the run."
            )
        case 404:
            advice = (
                f"There is no spreadsheet {spreadsheet}, or it was deleted. Its owner can put it back from the bin of "
                f"Google Drive; or name another one in GOOGLE_SHEETS_ID and share it with {account} as editor."
            )
        case 400 if "number of cells" in said:
            advice = too_many_cells()
        case _:
            advice = (
                f"Was a tab of spreadsheet {spreadsheet} renamed, protected or deleted just then? What was written "
                "stays. Repeat the run: it makes a missing tab again."
            )
    return SheetError(f"{said} {advice}")


def _sign_in_failed(error: GoogleAuthError, *, account: str) -> CryptoAssetsError:
    if sign_in_may_pass(error):
        return ServiceUnavailable(f"Signing in to Google failed: {error}. Nothing more was written; repeat the run.")
    return SheetError(
        f"Google does not let the service account {account} sign in: {error}. Its key was deleted, or this machine's "
        "clock is wrong. Nothing more was written. Make a new key and put it into GOOGLE_APPLICATION_CREDENTIALS."
    )


def _plans(
    layout: Layout, held: Mapping[str, Sequence[Sequence[Cell]]], wanted: Mapping[str, Sequence[Row]]
) -> dict[str, TabPlan]:
    return {title: plan_upsert(title, layout, held.get(title, ()), rows) for title, rows in wanted.items()}


def _tab(properties: Mapping[str, Any]) -> Tab:
    grid = cast("Mapping[str, int]", properties.get("gridProperties", {}))
    return Tab(properties["sheetId"], properties["title"], grid.get("rowCount", 0), grid.get("columnCount", 0))


def _text_of(path: Path | None) -> str:
    assert path is not None
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"GOOGLE_APPLICATION_CREDENTIALS: {error}.") from None
