"""Which days a check looks at, and its result over them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import dagster as dg

from crypto_assets.assets.each_partition import partitions_named
from crypto_assets.checks.findings import Finding, as_result
from crypto_assets.errors import CryptoAssetsError
from crypto_assets.partitions import Keyed, PartitionsOfRuns
from crypto_assets.refusal import refuse


@contextmanager
def days_to_judge[P: Keyed](
    context: dg.AssetCheckExecutionContext,
    days: PartitionsOfRuns[P],
    *,
    newest: Callable[[], Sequence[P]] | None = None,
) -> Generator[Sequence[P]]:
    """Partitions of the run or, where it names none, the `newest`; a run has to name some where nobody tells these.

    Fails the step with a sentence where the run names wrong ones, and with that of a CryptoAssetsError of the block.
    """
    try:
        named = partitions_named(context.run.tags, days, now=datetime.now(UTC))
        yield named or (newest() if newest else refuse(days.how_to_name))
    except CryptoAssetsError as error:
        refuse(str(error))


def judge_each[P: Keyed](
    context: dg.AssetCheckExecutionContext,
    days: PartitionsOfRuns[P],
    judge: Callable[[P], Finding],
    *,
    newest: Callable[[], Sequence[P]] | None = None,
) -> dg.AssetCheckResult:
    """The result of the one check of a step, over the days of `days_to_judge`."""
    with days_to_judge(context, days, newest=newest) as asked:
        findings = {day: judge(day) for day in asked}
    (check,) = context.selected_asset_check_keys
    return as_result(check, findings)
