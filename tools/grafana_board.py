"""The example board for Grafana, written from the declared metrics: what is asked for exists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from crypto_assets.metrics.declared import declared

WIDTH, HEIGHT = 24, 8
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture: its title, unit as Grafana names it, and queries with their legends."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    meaning: str = ""


def rate(name: str, by: str = "") -> str:
    """A counter as its increase a second over five minutes, summed."""
    return f"sum{f' by ({by}) ' if by else ''}(rate({declared(name).exposed}[5m]))"


def value(name: str) -> str:
    """A gauge as it is."""
    return declared(name).exposed


def quantile(name: str, share: float) -> str:
    """A histogram's quantile over five minutes."""
    return f"histogram_quantile({share}, sum by (le) (rate({declared(name).exposed}_bucket[5m])))"


def latency(title: str, name: str) -> Panel:
    """Half and 99 of a hundred of a histogram of seconds."""
    queries = ((quantile(name, 0.5), "p50"), (quantile(name, 0.99), "p99"))
    return Panel(title, "s", queries, meaning=declared(name).meaning)


def rows() -> list[tuple[str, list[Panel]]]:
    """Panels by the question that they answer."""
    free = f"{value('platform_disk_free_bytes')} / {value('platform_disk_size_bytes')}"
    age = f"time() - {value('platform_last_write_timestamp_seconds')}"
    return [
        (
            "Is anything wrong?",
            [
                Panel("Programs up", "none", ((value("platform_program_up"), "{{program}}"),), "stat"),
                Panel("Open alerts", "none", ((f"sum({value('platform_open_alerts')}) or vector(0)", "open"),), "stat"),
                Panel("Failed checks, last day", "none", ((value("platform_failed_checks"), "{{severity}}"),), "stat"),
                Panel("Disk free", "percentunit", ((free, "free"),), "stat"),
                Panel("Parts that cannot be read", "none", ((value("platform_unread_parts"), "{{part}}"),), "stat"),
            ],
        ),
        (
            "Does data arrive?",
            [
                Panel("Messages to Kafka", "cps", ((rate("collector_messages", "stream"), "{{stream}}"),)),
                Panel("Lag of the collector", "s", ((value("collector_lag_seconds"), "{{stream}}"),)),
                Panel("Since the last write", "s", ((age, "{{dataset}} {{symbol}}"),)),
                Panel(
                    *("Completeness of yesterday", "percentunit"),
                    ((value("platform_completeness_ratio"), "{{dataset}} {{symbol}}"),),
                ),
                Panel(
                    *("Trouble of the streams", "none"),
                    (
                        (f"sum({value('collector_silent')})", "silent streams"),
                        (f"sum({value('collector_open_gaps')})", "open gaps"),
                        (f"sum({value('collector_buffered')})", "messages that wait for Kafka"),
                        (rate("collector_reconnects"), "reconnects a second"),
                        (rate("collector_dropped"), "dropped a second"),
                    ),
                ),
            ],
        ),
        (
            "Is it quick?",
            [
                latency("Kafka to PostgreSQL and Redis", "processor_lag_seconds"),
                latency("A batch of the processor", "processor_batch_seconds"),
                latency("Close of a candle to its prediction", "forecaster_close_to_published_seconds"),
                Panel(
                    *("Rows written", "cps"),
                    ((rate("processor_trades"), "trades"), (rate("processor_prices"), "prices")),
                ),
            ],
        ),
        (
            "What does it use?",
            [
                Panel("Memory of each program", "bytes", (("process_resident_memory_bytes", "{{job}}"),)),
                Panel(
                    *("Processors used", "percentunit"),
                    (("rate(process_cpu_seconds_total[5m])", "{{job}}"),),
                ),
                Panel("The lake", "bytes", ((value("platform_lake_bytes"), "{{dataset}}"),)),
                Panel("Runs of the last day", "none", ((value("platform_runs"), "{{job}} {{status}}"),)),
            ],
        ),
    ]


def board() -> str:
    """The board as JSON that Grafana imports; it asks for the Prometheus to read from."""
    panels: list[dict[str, object]] = []
    top = 0
    for title, row in rows():
        panels.append(_row(title, number=len(panels) + 1, top=top))
        panels += list(_placed(row, first=len(panels) + 1, top=top + 1))
        top += 1 + HEIGHT * -(-len(row) // _across(row))
    content = {
        "title": "crypto_assets",
        "uid": "crypto-assets",
        "tags": ["crypto_assets"],
        "timezone": "utc",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }
    return json.dumps(content, indent=2) + "\n"


def _across(row: list[Panel]) -> int:
    return len(row) if row[0].kind == "stat" else 2


def _placed(row: list[Panel], *, first: int, top: int) -> Iterable[dict[str, object]]:
    across = _across(row)
    width = WIDTH // across
    for place, panel in enumerate(row):
        x, y = place % across * width, top + place // across * HEIGHT
        yield {
            "id": first + place,
            "type": panel.kind,
            "title": panel.title,
            "description": panel.meaning,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHT},
            "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
            "targets": [
                {"refId": chr(ord("A") + number), "expr": query, "legendFormat": legend, "datasource": SOURCE}
                for number, (query, legend) in enumerate(panel.queries)
            ],
        }


def _row(title: str, *, number: int, top: int) -> dict[str, object]:
    grid = {"x": 0, "y": top, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": grid, "panels": []}
