"""The stand-in of Google Sheets as a service: what is shared while no GOOGLE_SHEETS_ID is set."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import httpx

from resources.services.process import Launch
from resources.services.service import Running, Service, ask, http_url
from resources.services.sheets_standin import EMBEDDED_ID, KEY_FILE

HEALTH_TIMEOUT_S = 2.0


class Sheets(Service):
    """A server of the Sheets API that keeps spreadsheets in its folder, known to `endpoints.sheets_endpoint`."""

    name = "sheets"
    purposes = ("port",)
    named_by = "google_sheets_id"
    endpoint = "sheets"

    def launch(self, ports: Mapping[str, int]) -> Launch:
        options = (f"--port={ports['port']}", f"--folder={self.folder.path}")
        command = (sys.executable, "-m", "resources.services.sheets_standin", *options)
        return Launch(command, self.program_environment(), self.folder.path)

    def is_ready(self, running: Running) -> bool:
        try:
            answer = ask(f"{http_url(running.ports)}/health", timeout_s=HEALTH_TIMEOUT_S)
        except httpx.TransportError:
            return False
        return answer.is_success and answer.json() == {"spreadsheet": EMBEDDED_ID}

    def addresses(self, ports: Mapping[str, int]) -> Mapping[str, str]:
        key = str(self.folder.path / KEY_FILE)
        return {"url": http_url(ports), "spreadsheet": EMBEDDED_ID, "key_file": key}
