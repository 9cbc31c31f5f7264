"""A report in the lake: a table, a page and a picture, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from crypto_assets.health.completeness import Completeness
from crypto_assets.health.document import PICTURE, as_markdown, verdict
from crypto_assets.health.report import HealthReport
from crypto_assets.health.rows import EVERY, HEALTH_REPORT, ReportRow, checks_by_asset, report_rows, report_table
from crypto_assets.health.storage import layers_of
from crypto_assets.health.words import size
from crypto_assets.lake.lake import Lake, Published
from crypto_assets.pictures.health import HealthPicture, Strip, health_picture
from crypto_assets.spans import Span, day_span

PAGE = "health_report.md"


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """What lies in the lake now."""

    rows: tuple[ReportRow, ...]
    table: Published
    page: str
    """Markdown."""
    picture: bytes
    """PNG."""
    verdict: str


def path_of(day: date, name: str) -> str:
    """Path of one of a report's files, relative to the lake."""
    return f"{HEALTH_REPORT.folder.format(day=day.isoformat())}/{name}"


def publish_report(lake: Lake, report: HealthReport) -> PublishedReport:
    """Put the report into the place of the former one of its day; raises LakeError.

    The table comes last: where it is, page and picture are, and an end in the middle leaves the former table.
    """
    rows = report_rows(report)
    picture = health_picture(picture_of(report, rows))
    page = as_markdown(report, rows)
    lake.files.publish(path_of(report.day, PICTURE), picture)
    lake.files.publish(path_of(report.day, PAGE), page.encode())
    notes = {"made_at": report.made_at.isoformat(), "verdict": verdict(rows), "exchange": report.exchange}
    published = lake.publish(HEALTH_REPORT, EVERY, report.day, report_table(rows), footer=notes)
    return PublishedReport(tuple(rows), published, page, picture, verdict(rows))


def picture_of(report: HealthReport, rows: list[ReportRow]) -> HealthPicture:
    """What is drawn of a report."""
    checks = {asset: (n["ok"], n["warning"], n["failed"]) for asset, n in checks_by_asset(report).items()}
    lost = {f"{gap.dataset} {gap.symbol}": gap.lost for gap in report.gaps or () if gap.lost}
    disk = f"Free: {', '.join(f'{size(d.free)} ({100 * d.free_share:.0f} %)' for d in report.disks)}"
    return HealthPicture(
        title=f"Health of {report.day}: {verdict(rows)}",
        strips=[_strip(found) for found in report.completeness],
        checks=dict(sorted(checks.items(), key=lambda item: (-item[1][2], -item[1][1], item[0]))),
        lost=dict(sorted(lost.items(), key=lambda item: -item[1])),
        without_loss="no ledger of gaps yet" if report.gaps is None else "none",
        layers={held.layer: held.bytes for held in layers_of(report.sizes)},
        disk=disk,
    )


def _strip(found: Completeness) -> Strip:
    start = day_span(found.day).start
    if found.usable is None:
        return Strip(found.symbol, note="never made")
    without = sorted([*found.missing, *found.halts])
    edges = [
        start,
        *(end for span in without for end in (span.start, span.end)),
        start + timedelta(minutes=found.expected),
    ]
    present = [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
    return Strip(
        found.symbol,
        present=_minutes(present, start),
        missing=_minutes(found.missing, start),
        halted=_minutes(found.halts, start),
        note=f"{found.usable:,}/{found.wanted:,}",
    )


def _minutes(spans: list[Span] | tuple[Span, ...], start: datetime) -> tuple[tuple[float, float], ...]:
    minute = timedelta(minutes=1)
    return tuple(((span.start - start) / minute, (span.end - start) / minute) for span in spans)
