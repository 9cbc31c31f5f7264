"""Ways from the dashboard into Dagster's page."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from crypto_assets.config import Settings


def asset_url(settings: Settings, asset: str, *, view: str | None = None, partition: str | None = None) -> str:
    """The page of an asset; `view` is `partitions`, `checks`, `events` or `lineage`."""
    query = {name: value for name, value in (("view", view), ("partition", partition)) if value}
    return f"{_base(settings)}/assets/{quote(asset, safe='/')}" + (f"?{urlencode(query)}" if query else "")


def run_url(settings: Settings, run_id: str) -> str:
    """The page of a run."""
    return f"{_base(settings)}/runs/{quote(run_id, safe='')}"


def asset_link(settings: Settings, asset: str, *, view: str | None = None, partition: str | None = None) -> str:
    """Markdown of the way to an asset."""
    return f'[{asset} ↗]({asset_url(settings, asset, view=view, partition=partition)} "Opens {asset} in Dagster")'


def _base(settings: Settings) -> str:
    """`DAGSTER_URL` without user, password, query and end slash; what is no web address leads nowhere."""
    parts = urlsplit(settings.dagster_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "http://127.0.0.1:3000"
    netloc = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"
