"""`crypto-assets export`: one file, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from crypto_assets.errors import LakeError
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.reading.open_lake import OpenLake
from crypto_assets_tests.cli.conftest import Command

ASKED = ("export", "gold_features", "BTCUSDT", "2024-08-01", "2024-08-04")


def test_days_become_one_parquet_file_and_missing_ones_are_named(run: Command, environment: Path) -> None:
    done = run(*ASKED)
    path = environment / "gold_features-BTCUSDT-2024-08-01-2024-08-04.parquet"
    assert done.status == 0
    assert pq.read_table(path).num_rows == 9
    assert pq.read_schema(path).names == GOLD_FEATURES.schema.names
    assert "9 rows of 3 days" in done.out
    assert done.err == "1 of 4 days were never made: 2024-08-03\n"
    assert list(environment.iterdir()) == [path]


def test_csv_holds_the_same_rows(run: Command, environment: Path) -> None:
    assert run(*ASKED, "--format", "csv", "--output", "out/gold.csv").status == 0
    read = pacsv.read_csv(environment / "out" / "gold.csv")
    assert (read.num_rows, read.column_names) == (9, GOLD_FEATURES.schema.names)


def test_a_file_that_is_there_is_kept_unless_forced(run: Command, environment: Path) -> None:
    (environment / "gold.parquet").write_text("mine")
    refused = run(*ASKED, "--output", "gold.parquet")
    assert refused.status == 2
    assert "--force" in refused.err
    assert (environment / "gold.parquet").read_text() == "mine"
    assert run(*ASKED, "--output", "gold.parquet", "--force").status == 0
    assert pq.read_table(environment / "gold.parquet").num_rows == 9


def test_a_failure_on_the_way_leaves_no_file(run: Command, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really, calls = OpenLake.read, iter(range(10))

    def fail_at_the_second(self: OpenLake, *arguments: object, **options: object) -> object:
        if next(calls) == 1:
            raise LakeError("Cannot read it.")
        return really(self, *arguments, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(OpenLake, "read", fail_at_the_second)
    done = run(*ASKED)
    assert (done.status, done.err) == (1, "Cannot read it.\n")
    assert list(environment.iterdir()) == []


def test_a_file_that_somebody_makes_meanwhile_is_kept(
    run: Command, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, target = OpenLake.read, environment / "gold.parquet"

    def make_it_meanwhile(self: OpenLake, *arguments: object, **options: object) -> object:
        target.write_text("theirs")
        return really(self, *arguments, **options)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(OpenLake, "read", make_it_meanwhile)
    assert run(*ASKED, "--output", "gold.parquet").status == 2
    assert target.read_text() == "theirs"
    assert list(environment.iterdir()) == [target]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("export", "gold_features", "ETHUSDT", "2024-09-01", "2024-09-02"), 1, "crypto-assets backfill ETHUSDT"),
        (("export", "../ckpts", "BTCUSDT", "2024-08-01", "2024-08-01"), 2, "is no dataset"),
        (("export", "price_aggregates", "BTCUSDT", "2024-08-01", "2024-08-01"), 2, "by symbol and day"),
        (("export", "gold_features", "BTCUSDT", "2024-08-02", "2024-08-01"), 2, "both ends are included"),
        ((*ASKED, "--output", "/proc/nothing/gold.parquet"), 2, "cannot be written"),
    ],
)
def test_what_cannot_be_exported_is_told(
    run: Command, environment: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    done = run(*arguments)
    assert done.status == status
    assert said in done.err
    assert list(environment.iterdir()) == []
