"""Which days of a run a check looks at."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from crypto_assets.checks.day_checks import DayCheck, day_checks
from crypto_assets.checks.findings import Finding
from crypto_assets.features.declaration import GOLD_FEATURES
from crypto_assets.lake.lake import Lake
from crypto_assets.partitions import DaySymbol, Partition, range_tags
from resources.lake import LakeResource

DAYS = DaySymbol(date(2024, 8, 1), ("BTCUSDT", "ETHUSDT", "BNBUSDT"))


def looked_at(folder: Path, sampled: int | None, *, tags: dict[str, str]) -> list[str]:
    """Partitions that a check is asked about, `sampled` days of which it looks at."""
    seen: list[str] = []

    def judge(day: Partition) -> Finding:
        seen.append(day.key)
        return Finding(True, "Seen.")

    checks = day_checks(
        GOLD_FEATURES, DAYS, [DayCheck("seen", "Seen.", judge, sampled=sampled)], read=lambda lake, day, now: day
    )
    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize(
            [checks],
            selection=dg.AssetSelection.checks(checks),
            instance=instance,
            tags=tags,
            resources={"lake": LakeResource(uri=str(folder))},
        )
    return seen


@pytest.mark.parametrize(
    ("sampled", "expected"),
    [
        (1, ["2024-08-03|BTCUSDT", "2024-08-03|ETHUSDT"]),
        (2, ["2024-08-02|BTCUSDT", "2024-08-03|BTCUSDT", "2024-08-02|ETHUSDT", "2024-08-03|ETHUSDT"]),
        (None, [f"2024-08-0{day}|{symbol}" for symbol in ("BTCUSDT", "ETHUSDT") for day in (1, 2, 3)]),
    ],
)
def test_the_last_days_of_each_symbol_of_a_run_are_sampled(
    tmp_path: Path, sampled: int | None, expected: list[str]
) -> None:
    tags = range_tags(Partition("BTCUSDT", date(2024, 8, 1)), Partition("ETHUSDT", date(2024, 8, 3)))
    assert looked_at(tmp_path, sampled, tags=tags) == expected


def test_checks_started_on_their_own_sample_the_newest_day_of_every_symbol(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    newest = {"BTCUSDT": date(2024, 8, 3), "ETHUSDT": date(2024, 8, 2)}
    for symbol, day in newest.items():
        lake.publish(GOLD_FEATURES, symbol, day, GOLD_FEATURES.payload.empty_table())
    assert looked_at(tmp_path, 1, tags={}) == [Partition(symbol, day).key for symbol, day in newest.items()]
