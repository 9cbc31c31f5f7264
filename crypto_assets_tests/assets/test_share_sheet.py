"""sheet_price_aggregates and its check as Dagster runs them, on the embedded stand-in and on a named spreadsheet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from crypto_assets.assets.share import share_store
from crypto_assets.assets.share_sheet import SHEET, SheetDays, sheet_assets
from crypto_assets.checks.share_sheet import sheet_checks
from crypto_assets.config import read_settings
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, WholeDay
from crypto_assets.run_tags import PARTITION_TAG
from crypto_assets.share.sheets_client import SheetsClient
from crypto_assets.share.tables import PRICE_AGGREGATES
from crypto_assets_tests.share.test_workbook import aggregates
from crypto_assets_tests.sheets_server import SheetsServer
from resources.lake import LakeResource
from resources.services.manager import Services
from resources.services.sheets_book import Sheet
from resources.services.sheets_standin import EMAIL, EMBEDDED_ID
from resources.sheets import SheetsResource

DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT", "ETHUSDT"))
DAY = WholeDay(date(2024, 8, 8))


@dataclass
class Share:
    """The asset with its check on a lake of its own."""

    instance: dg.DagsterInstance
    lake: str

    def publish(self, *symbols: str) -> None:
        share_store(Lake(self.lake)).publish(PRICE_AGGREGATES, DAY.day, aggregates(*symbols))

    def publish_next_day(self) -> WholeDay:
        """The same rows of BTCUSDT a day later."""
        later = aggregates("BTCUSDT").to_pylist()
        for row in later:
            row["window_start"] += timedelta(days=1)
        day = WholeDay(DAY.day + timedelta(days=1))
        rows = pa.Table.from_pylist(later, schema=PRICE_AGGREGATES.schema)
        share_store(Lake(self.lake)).publish(PRICE_AGGREGATES, day.day, rows)
        return day

    def run(self, day: WholeDay = DAY) -> dg.ExecuteInProcessResult:
        definitions = dg.Definitions(
            assets=sheet_assets(DAYS),
            asset_checks=sheet_checks(DAYS),
            jobs=[dg.define_asset_job("share", selection=[SHEET])],
            resources={"sheets": SheetsResource(), "lake": LakeResource(uri=self.lake)},
        )
        return definitions.resolve_job_def("share").execute_in_process(
            instance=self.instance, tags={PARTITION_TAG: day.key}, raise_on_error=False
        )

    def metadata(self, day: WholeDay = DAY) -> dict[str, Any]:
        wanted = dg.AssetRecordsFilter(dg.AssetKey(SHEET), asset_partitions=[day.key])
        (record,) = self.instance.fetch_materializations(wanted, limit=1).records
        assert record.asset_materialization is not None
        return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def verdict(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = result.get_asset_check_evaluations()
    return found


def said(result: dg.ExecuteInProcessResult) -> str:
    failed = (event for event in result.all_events if event.event_type is dg.DagsterEventType.STEP_FAILURE)
    data = (event.step_failure_data for event in failed)
    return "\n".join(str(one.user_failure_data.description if one.user_failure_data else one.error) for one in data)


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Share]:
    """On the stand-in of DATA_DIR, unless the test names a spreadsheet."""
    environment = {
        "DATA_DIR": str(tmp_path / "data"),
        "SYMBOLS": "BTCUSDT,ETHUSDT",
        "SHEET_TIMEFRAMES": "1h,1d",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for name in ("GOOGLE_SHEETS_ID", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT_JSON"):
        monkeypatch.delenv(name, raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield Share(instance, str(tmp_path / "lake"))


@pytest.fixture
def named(share: Share, sheets_server: SheetsServer, monkeypatch: pytest.MonkeyPatch) -> Share:
    """The same with a spreadsheet that the settings name."""
    monkeypatch.setenv("GOOGLE_SHEETS_ID", EMBEDDED_ID)
    monkeypatch.setenv("GOOGLE_SHEETS_URL", sheets_server.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(sheets_server.standin.key_file))
    return share


def test_without_google_a_day_lies_in_the_stand_in_and_in_files(
    share: Share, tmp_path: Path, make_services: Callable[..., Services]
) -> None:
    make_services(tmp_path / "data").start(["sheets"])
    share.publish("BTCUSDT", "ETHUSDT")
    result = share.run()
    assert result.success, said(result)
    assert verdict(result).passed
    metadata = share.metadata()
    assert (metadata["rows_appended"], metadata["tabs_created"]) == (8, "BTCUSDT, ETHUSDT")
    assert metadata["csv"] == str(tmp_path / "data" / "share" / "price_aggregates-2024-08-08.csv")
    assert len(Path(metadata["csv"]).read_text().splitlines()) == 9
    assert Path(metadata["xlsx"]).read_bytes().startswith(b"PK")
    share.run()
    assert (share.metadata()["rows_unchanged"], share.metadata()["requests_that_write"]) == (8, 0)


def test_a_row_that_somebody_changed_fails_the_check_until_the_day_is_shared_again(
    named: Share, sheets_server: SheetsServer
) -> None:
    named.publish("BTCUSDT")
    assert verdict(named.run()).passed
    assert "csv" not in named.metadata()
    definitions = sheet_checks(DAYS)
    sheets_server.edit_tab("BTCUSDT", lambda sheet: sheet.put(2, 3, 1.0))
    judged = _check_alone(named, definitions)
    assert not judged.passed
    assert judged.description is not None
    assert "1 of 4 rows are missing or differ, the first in BTCUSDT: 1h 2024-08-08T07:00:00Z" in judged.description
    assert verdict(named.run()).passed


def _check_alone(
    share: Share, checks: list[dg.AssetChecksDefinition], day: WholeDay | None = None
) -> dg.AssetCheckEvaluation:
    definitions = dg.Definitions(
        asset_checks=checks,
        jobs=[dg.define_asset_job("look", selection=dg.AssetSelection.checks(*checks))],
        resources={"sheets": SheetsResource(), "lake": LakeResource(uri=share.lake)},
    )
    tags = {PARTITION_TAG: day.key} if day else {}
    return verdict(definitions.resolve_job_def("look").execute_in_process(instance=share.instance, tags=tags))


def test_a_row_that_is_no_longer_shared_is_a_warning(named: Share) -> None:
    named.publish("BTCUSDT", "ETHUSDT")
    named.run()
    named.publish("BTCUSDT")
    judged = verdict(named.run())
    assert (judged.passed, judged.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "4 rows of that day are in the spreadsheet and no longer shared, the first at ETHUSDT!A2" in str(
        judged.description
    )


def test_days_that_have_become_too_old_leave_the_sheet_and_pass_their_check(
    named: Share, sheets_server: SheetsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHEET_TIMEFRAMES", "1m,1h")
    monkeypatch.setenv("SHEET_KEEP_DAYS", "1")
    named.publish("BTCUSDT")
    assert verdict(named.run()).passed
    day = named.publish_next_day()
    assert verdict(named.run(day)).passed
    assert named.metadata(day)["rows_deleted_as_too_old"] == 1
    assert [row[1] for row in sheets_server.rows("BTCUSDT")[1:]] == [*["1h"] * 3, "1m", *["1h"] * 3]
    assert _check_alone(named, sheet_checks(DAYS), DAY).passed


def test_two_days_that_are_shared_at_once_are_both_there(
    named: Share, sheets_server: SheetsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    named.publish("BTCUSDT")
    days = (DAY, named.publish_next_day())
    both, read = threading.Barrier(2), SheetsClient.values_batch_get
    met: list[object] = []

    def read_together(*given: Any) -> Any:
        held = read(*given)
        with suppress(threading.BrokenBarrierError):
            both.wait(1)
            met.append(given)
        return held

    def write(day: WholeDay) -> None:
        SheetDays(SheetsResource(), share_store(Lake(named.lake)), settings=read_settings()).write(day)

    sheets_server.edit(lambda book: book.sheets.append(Sheet(9, "BTCUSDT")))
    monkeypatch.setattr(SheetsClient, "values_batch_get", read_together)
    with ThreadPoolExecutor() as runs:
        list(runs.map(write, days))
    assert len(sheets_server.rows("BTCUSDT")) == 1 + 2 * 4
    assert met == []


def test_a_refusal_fails_the_step_with_its_sentence(named: Share, sheets_server: SheetsServer) -> None:
    named.publish("BTCUSDT")
    sheets_server.edit(lambda book: book.editors.clear())
    result = named.run()
    assert not result.success
    assert f"Share the spreadsheet with {EMAIL} as editor" in said(result)


def test_a_day_that_was_never_aggregated_says_what_to_materialise(named: Share) -> None:
    result = named.run()
    assert "Materialise price_aggregates first." in said(result)


def test_a_day_without_trades_changes_nothing(named: Share, sheets_server: SheetsServer) -> None:
    share_store(Lake(named.lake)).publish(
        PRICE_AGGREGATES, DAY.day, pa.Table.from_pylist([], schema=PRICE_AGGREGATES.schema)
    )
    result = named.run()
    assert result.success, said(result)
    assert sheets_server.asked("POST") == []


@pytest.mark.parametrize(("made_from", "warns"), [("facts", True), ("stream", False)])
def test_a_day_without_rows_is_worth_a_look_only_once_it_is_over(named: Share, made_from: str, warns: bool) -> None:
    store, empty = share_store(Lake(named.lake)), PRICE_AGGREGATES.schema.empty_table()
    store.publish(PRICE_AGGREGATES, DAY.day, empty, notes={"made_from": made_from})
    written = SheetDays(SheetsResource(), store, settings=read_settings()).write(DAY)
    assert (written.rows, written.warning is not None) == (0, warns)
