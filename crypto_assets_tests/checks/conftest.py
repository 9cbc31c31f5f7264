"""Days that were made well, to be spoiled, and the checks run on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from crypto_assets.checks.bronze import bronze_checks
from crypto_assets.checks.gold import gold_checks
from crypto_assets.checks.silver import silver_checks
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from crypto_assets.schemas import Dataset
from crypto_assets_tests.assets.small_exchange import DAYS, SmallPlatform, day, failures, make_platform
from resources.lake import LakeResource

Checked = Mapping[str, dg.AssetCheckEvaluation]


@dataclass
class Spoiled:
    """A lake whose days may be overwritten, and the checks of its datasets."""

    lake: Lake
    days: DaySymbol = DAYS
    succeeded: bool = True
    failure: str = ""
    """What the last run of checks failed with."""

    def check(self, dataset: Dataset, first: Partition | None = None, last: Partition | None = None) -> Checked:
        """Evaluations by name: of a range, of a day, or, without either, as started on their own."""
        tags = {} if first is None else range_tags(first, last or first)
        key = dg.AssetKey(dataset.name)
        every = [*bronze_checks(self.days), *silver_checks(self.days), *gold_checks(self.days)]
        (checks,) = [c for c in every if any(k.asset_key == key for k in c.check_keys)]
        with dg.DagsterInstance.ephemeral() as instance:
            result = dg.materialize(
                [checks],
                selection=dg.AssetSelection.checks(checks),
                instance=instance,
                tags=tags,
                resources={"lake": LakeResource(uri=self.lake.uri)},
                raise_on_error=False,
            )
            self.succeeded, self.failure = result.success, " ".join(failures(result).values())
            return {e.check_name: e for e in result.get_asset_check_evaluations()}

    def change(self, dataset: Dataset, number: int, change: Callable[[pa.Table], pa.Table], **notes: str) -> None:
        """Overwrite a day with what `change` makes of it; its notes stay but for those given."""
        symbol, on = "BTCUSDT", date(2024, 8, number)
        table, stored = self.lake.read(dataset, symbol, on), self.lake.outline(dataset, symbol, on)
        assert table is not None
        assert stored is not None
        self.lake.publish(dataset, symbol, on, change(table), footer={**stored.notes, **notes})

    def overwrite(self, dataset: Dataset, number: int, content: bytes) -> None:
        """Put other bytes in the place of a day."""
        self.lake.files.publish(dataset.partition_path("BTCUSDT", date(2024, 8, number)), content)


@pytest.fixture(scope="package")
def made_well(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPlatform]:
    """2024-08-01 and -02 of BTCUSDT, all layers."""
    with dg.DagsterInstance.ephemeral() as instance:
        platform = make_platform(tmp_path_factory.mktemp("made_well"), instance)
        assert platform.run(day(1), day(2)).success
        yield platform


@pytest.fixture
def spoiled(made_well: SmallPlatform, tmp_path: Path) -> Spoiled:
    """A copy of it."""
    copy = tmp_path / "lake"
    copy_folder(Path(made_well.lake.uri), copy)
    return Spoiled(Lake(str(copy)))


def copy_folder(source: Path, target: Path) -> None:
    """All files below a folder."""
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
