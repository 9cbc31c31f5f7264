from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import msgspec
import pytest

from crypto_assets.checks.stored import freshness_finding
from crypto_assets.schemas import BRONZE_KLINES, BRONZE_ORDERBOOK
from crypto_assets_tests.assets.small_exchange import day
from crypto_assets_tests.checks.conftest import Spoiled
from crypto_assets_tests.checks.spoil import setting

KLINES = BRONZE_KLINES["1m"]
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def add_archive(spoiled: Spoiled, *, price: str | None = None) -> None:
    """Store the same candles as from the archive, one of them at another price where given."""
    lake, symbol, on = spoiled.lake, "BTCUSDT", day(1).day
    rows, manifest = lake.read(KLINES, symbol, on), lake.manifest(KLINES, symbol, on)
    assert rows is not None
    assert manifest is not None
    table = setting({"close": price}, row=0)(rows) if price else rows
    place = table.column_names.index("source")
    table = table.set_column(place, KLINES.schema.field("source"), [["archive"] * table.num_rows])
    parts = lake.write_part(
        KLINES, symbol, on, table, source="archive", exchange="simulator-0", origin="a.zip", version="f" * 64
    )
    lake.publish_manifest(KLINES, symbol, on, msgspec.structs.replace(manifest, parts=(*manifest.parts, *parts)))


def test_a_good_day_passes_every_check_but_freshness(spoiled: Spoiled) -> None:
    found = spoiled.check(KLINES, day(1))
    assert [name for name, e in found.items() if not e.passed] == ["freshness"]
    assert found["has_rows"].metadata["rows"].value == 1440


def test_a_day_without_rows_is_a_warning(spoiled: Spoiled) -> None:
    found = spoiled.check(BRONZE_ORDERBOOK, day(1))["has_rows"]
    assert not found.passed
    assert found.severity is WARN
    assert "0 rows: no source has any of this day" in str(found.description)


def test_rejected_rows_are_counted_and_their_folder_named(spoiled: Spoiled) -> None:
    manifest = spoiled.lake.manifest(KLINES, "BTCUSDT", day(1).day)
    assert manifest is not None
    spoiled.lake.publish_manifest(KLINES, "BTCUSDT", day(1).day, msgspec.structs.replace(manifest, rejected=3))

    found = spoiled.check(KLINES, day(1))["no_rejected_rows"]

    assert not found.passed
    assert "3 rows could not be used; bytes and reasons lie in bronze/_rejected/klines_1m/date=2024-08-01" in str(
        found.description
    )


def test_a_listed_file_that_is_gone_is_an_error(spoiled: Spoiled) -> None:
    manifest = spoiled.lake.manifest(KLINES, "BTCUSDT", day(1).day)
    assert manifest is not None
    spoiled.lake.files.remove(f"{KLINES.partition_path('BTCUSDT', day(1).day)}/{manifest.parts[0].path}")

    found = spoiled.check(KLINES, day(1))["schema"]

    assert not found.passed
    assert found.severity is ERROR
    assert "is listed in the manifest, but does not exist" in str(found.description)


def test_sources_that_tell_the_same_agree(spoiled: Spoiled) -> None:
    add_archive(spoiled)
    found = spoiled.check(KLINES, day(1))["sources_agree"]
    assert found.passed
    assert found.metadata["compared"].value == 1440


def test_sources_that_differ_are_named_with_both_values(spoiled: Spoiled) -> None:
    add_archive(spoiled, price="1.5")

    found = spoiled.check(KLINES, day(1))["sources_agree"]

    assert not found.passed
    assert found.severity is WARN
    assert found.metadata["differing"].value == 1
    assert found.metadata["close"].value == 1
    assert "close is 1.5" in str(found.description)
    assert "in archive, which is kept" in str(found.description)


@pytest.mark.parametrize(
    ("now", "passed", "behind"),
    [
        (datetime(2024, 8, 2, 23, tzinfo=UTC), True, 0),
        (datetime(2024, 8, 3, 1, tzinfo=UTC), True, 0),
        (datetime(2024, 8, 5, 1, tzinfo=UTC), False, 2),
    ],
)
def test_freshness_is_whether_the_last_complete_day_is_there(
    spoiled: Spoiled, now: datetime, passed: bool, behind: int
) -> None:
    found = freshness_finding(KLINES, spoiled.lake, day(2), now)
    assert (found.passed, found.numbers) == (passed, {"days_behind": behind})
    assert replace(found, passed=True).severity is (ERROR if passed else WARN)
