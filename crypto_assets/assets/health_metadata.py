"""What the page of the health report shows of a day."""

from __future__ import annotations

from collections import Counter

import dagster as dg

from crypto_assets.assets.each_partition import Written, published_metadata
from crypto_assets.health.document import headlines
from crypto_assets.health.publishing import PublishedReport
from crypto_assets.health.report import HealthReport
from crypto_assets.health.rows import STATUSES
from crypto_assets.pictures.png import in_markdown


def describe_report(report: HealthReport, published: PublishedReport) -> Written:
    """The picture, a sentence for each section, and how many figures there are of each status."""
    counts = Counter(row.status for row in published.rows)
    said = "\n".join(f"- **{name}**: {sentence}" for name, sentence in headlines(report).items())
    bad = [row.sentence for row in published.rows if row.status == "failed"]
    return Written.of(
        published.table,
        {
            "picture": dg.MetadataValue.md(in_markdown(published.picture, alt=f"health of {report.day}")),
            "verdict": published.verdict,
            "in_short": dg.MetadataValue.md(said),
            **{f"figures_{status}": counts[status] for status in STATUSES},
            "made_at": dg.MetadataValue.timestamp(report.made_at),
            **published_metadata(published.table),
        },
        warning=f"{published.verdict}. {bad[0]}" if bad else None,
    )
