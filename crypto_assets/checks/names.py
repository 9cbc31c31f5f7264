"""Names of checks that are asked for where no check is made; it loads nothing of Dagster."""

from __future__ import annotations

FRESHNESS = "freshness"
"""Whether the newest day is there, which says nothing of the days that somebody made on purpose."""
