"""A run of silver and gold over days of a lake, as a process of its own that a test may kill."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import dagster as dg

from crypto_assets_tests.assets.small_exchange import day, failures, make_platform


def main(folder: Path, last_day: int, assets: Iterable[str]) -> None:
    """Ends with what failed."""
    with dg.DagsterInstance.ephemeral() as instance:
        result = make_platform(folder, instance).run(day(1), day(last_day), assets=assets)
    if not result.success:
        sys.exit(str(failures(result)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
