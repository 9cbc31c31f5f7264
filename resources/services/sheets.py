"""The stand-in of Google Sheets as a service: what is shared while no GOOGLE_SHEETS_ID is set."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import httpx

from crypto_assets.endpoints import remove_endpoint, write_endpoint
from resources.services.process import Launch
from resources.services.service import HOST, Running, Service, ask
from resources.services.sheets_standin import EMBEDDED_ID, KEY_FILE

HEALTH_TIMEOUT_S = 2.0


class Sheets(Service):
    """A server of the Sheets API that keeps spreadsheets in its folder, known to `endpoints.sheets_endpoint`."""

    name = "sheets"
    purposes = ("port",)
    start_s = 60.0

    def elsewhere(self) -> str | None:
        return "GOOGLE_SHEETS_ID is set" if self.settings.google_sheets_id else None

    def launch(self, ports: Mapping[str, int]) -> Launch:
        options = (f"--port={ports['port']}", f"--folder={self.folder.path}")
        command = (sys.executable, "-m", "resources.services.sheets_standin", *options)
        return Launch(command, self.program_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        try:
            answer = ask(f"{_url(running.ports)}/health", timeout_s=HEALTH_TIMEOUT_S)
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json() == {"spreadsheet": EMBEDDED_ID}

    def publish(self, ports: Mapping[str, int]) -> None:
        addresses = {"url": _url(ports), "spreadsheet": EMBEDDED_ID, "key_file": str(self.folder.path / KEY_FILE)}
        write_endpoint(self.settings.data_dir, "sheets", addresses)

    def withdraw(self) -> None:
        remove_endpoint(self.settings.data_dir, "sheets")


def _url(ports: Mapping[str, int]) -> str:
    return f"http://{HOST}:{ports['port']}"
