"""What one embedded service keeps in `DATA_DIR/services/<name>`: readable by this user only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crypto_assets.endpoints import PROCESS_FILE, ProcessRecord, publish_private, service_folder
from crypto_assets.ports import draw_port, is_free

LOG_LIMIT_BYTES = 10 << 20
"""A log longer than this becomes `log.1` at the next start."""
START = "--- started\n"
"""Separates, in a log, what one start printed from what the one before did."""


@dataclass(frozen=True, slots=True)
class ServiceFolder:
    """Files of one service."""

    path: Path

    @classmethod
    def of(cls, data_dir: Path, name: str) -> ServiceFolder:
        """The folder of a service; nothing is made yet."""
        return cls(service_folder(data_dir, name))

    @property
    def log(self) -> Path:
        """What the service printed."""
        return self.path / "log"

    def make(self) -> None:
        """Make the folder, closed to other users."""
        for folder in (self.path.parent, self.path):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def open_log(self) -> int:
        """A descriptor that appends to the log; the log is begun anew where it has become long."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.path / "log.1")
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(log, START.encode())
        return log

    def log_tail(self, *, lines: int = 15) -> str:
        """The last lines that the program started last has printed."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 200 * lines))
            _, _, printed = file.read().decode(errors="replace").rpartition(START)
        return "\n".join(printed.splitlines()[-lines:])

    def write(self, name: str, text: str) -> Path:
        """Publish a file for this user only, whole or not at all."""
        path = self.path / name
        publish_private(path, text.encode())
        return path

    def read(self, name: str) -> str | None:
        """A file's text; None where there is no such file."""
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def secret(self, name: str) -> str:
        """A password, drawn when it is first asked for."""
        return self.remembered(f"{name}.secret", draw=lambda: secrets.token_urlsafe(24))

    def remembered(self, name: str, *, draw: Callable[[], str]) -> str:
        """A file's text, drawn when it is first asked for."""
        known = self.read(name)
        if known is None:
            known = draw()
            self.write(name, known)
        return known

    @property
    def record(self) -> ProcessRecord | None:
        """The process that was started last and not stopped since."""
        text = self.read(PROCESS_FILE)
        return None if text is None else msgspec.json.decode(text, type=ProcessRecord)

    def write_record(self, record: ProcessRecord) -> None:
        """Remember a process."""
        self.write(PROCESS_FILE, msgspec.json.encode(record).decode())

    def remove_record(self) -> None:
        """Forget the process."""
        (self.path / PROCESS_FILE).unlink(missing_ok=True)

    def known_ports(self) -> dict[str, int]:
        """Ports by purpose, as they were drawn."""
        text = self.read("ports.json")
        return {} if text is None else msgspec.json.decode(text, type=dict[str, int])

    def ports(self, purposes: Sequence[str]) -> dict[str, int]:
        """A free port for each purpose: the remembered one, unless somebody else listens there now."""
        known = self.known_ports()
        ports: dict[str, int] = {}
        for purpose in purposes:
            port = known.get(purpose)
            if port is None or not is_free(port):
                port = draw_port(avoid={*known.values(), *ports.values()})
            ports[purpose] = port
        if ports != known:
            self.write("ports.json", msgspec.json.encode(ports).decode())
        return ports
