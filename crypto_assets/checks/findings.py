"""What a check says of a day, and how the days of a run become the one result that Dagster keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from crypto_assets.partitions import Keyed

LISTED = 20
"""Failed days in the table of a result; the count beside it is of all."""

Number = int | float
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one day: a sentence, and the figures it rests on."""

    passed: bool
    sentence: str
    numbers: Mapping[str, Number] = field(default_factory=dict)
    severity: dg.AssetCheckSeverity = ERROR
    """How bad it is where it did not pass."""


def not_there(asset: str) -> Finding:
    """Of a day that was never made."""
    return Finding(False, f"{asset} was never materialised for this day.", severity=WARN)


def as_result[P: Keyed](check: dg.AssetCheckKey, findings: Mapping[P, Finding]) -> dg.AssetCheckResult:
    """One result over the days: it passes where all do, and is as severe as the worst of those that do not.

    Its figures are those of the worst day, or of the last one where all pass. Without a day it is a warning.
    """
    if not findings:
        return dg.AssetCheckResult(
            asset_key=check.asset_key,
            check_name=check.name,
            passed=False,
            severity=WARN,
            description=f"{check.asset_key.to_user_string()} holds 0 days: nothing to check yet.",
        )
    failed = {partition: finding for partition, finding in findings.items() if not finding.passed}
    severity = ERROR if any(finding.severity is ERROR for finding in failed.values()) else WARN
    shown, finding = next(((p, f) for p, f in failed.items() if f.severity is severity), list(findings.items())[-1])
    metadata: dict[str, Any] = {
        "partition": shown.key,
        "partitions_checked": len(findings),
        "partitions_failed": len(failed),
        **finding.numbers,
    }
    if len(findings) > 1 and failed:
        metadata["failed"] = dg.MetadataValue.table(
            [dg.TableRecord({"partition": p.key, "finding": f.sentence}) for p, f in list(failed.items())[:LISTED]]
        )
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=not failed,
        severity=severity if failed else ERROR,
        description=_sentence(shown, finding, days=len(findings), failed=len(failed)),
        metadata=metadata,
    )


def _sentence(shown: Keyed, finding: Finding, *, days: int, failed: int) -> str:
    if days == 1:
        return f"{shown}: {finding.sentence}"
    if not failed:
        return f"All {days} days pass; the last, {shown}: {finding.sentence}"
    return f"{failed} of {days} days do not pass; {shown}: {finding.sentence}"
