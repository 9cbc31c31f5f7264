"""How Streamlit is told to serve the pages: by flags alone, so that no folder and no file of a user matters."""

from __future__ import annotations

from collections.abc import Mapping

TEAL, ORANGE, RED, GREY = "#2a9d8f", "#e67e50", "#d62839", "#8d99ae"
"""Rising or well, falling or wanting, wrong, standing still: apart for colour-blind eyes, on light and on dark."""

OPTIONS: Mapping[str, str] = {
    "server.headless": "true",  # opens no browser and asks for no e-mail address
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.maxUploadSize": "1",
    "server.disconnectedSessionTTL": "30",  # a closed tab is forgotten soon: memory stays bounded over a day
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "viewer",
    "runner.magicEnabled": "false",
    "logger.level": "warning",
    "theme.light.primaryColor": TEAL,
    "theme.dark.primaryColor": TEAL,
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f4f6f9",
    "theme.light.textColor": "#1f2733",
    "theme.dark.backgroundColor": "#11161d",
    "theme.dark.secondaryBackgroundColor": "#1b222c",
    "theme.dark.textColor": "#e6eaf0",
    "theme.baseRadius": "8px",
}


def flags(host: str, port: int) -> list[str]:
    """Arguments of `streamlit run` behind the script."""
    options = {**OPTIONS, "server.address": host, "server.port": str(port)}
    return [f"--{name}={value}" for name, value in options.items()]
