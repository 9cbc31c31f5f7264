"""Several partitions of one run that could not be written, while the others were."""

from __future__ import annotations

from collections.abc import Mapping

from crypto_assets.errors import CryptoAssetsError
from crypto_assets.partitions import Keyed
from crypto_assets.spark.failures import Failure

NAMED = 5
"""Partitions that are named of those that failed alike; their number is always said."""


class PartitionsFailed(CryptoAssetsError):
    """Raised when tasks of a run failed; may pass only where all of them may."""

    def __init__[P: Keyed](self, asset: str, failures: Mapping[P, Failure], *, asked: int) -> None:
        done = asked - len(failures)
        kept = f" The {done} others are done and stay." if done else ""
        lines = _lines(asset, failures)
        super().__init__("\n".join([f"{asset}: {len(failures)} of {asked} partitions failed.{kept}", *lines]))
        self.keys = [partition.key for partition in failures]
        self.retryable = all(failure.retryable for failure in failures.values())
        self.retry_after_s = max(failure.wait_s for failure in failures.values())


def _lines[P: Keyed](asset: str, failures: Mapping[P, Failure]) -> list[str]:
    """One for each reason, with the partitions that it stopped."""
    alike: dict[str, list[str]] = {}
    for partition, failure in failures.items():
        reason = failure.sentence.removeprefix(f"{asset} {partition}: ")
        alike.setdefault(reason, []).append(str(partition))
    return [f"{_named(partitions)}: {reason}" for reason, partitions in alike.items()]


def _named(partitions: list[str]) -> str:
    more = f" and {len(partitions) - NAMED} more" if len(partitions) > NAMED else ""
    return ", ".join(partitions[:NAMED]) + more
