"""A worker that does not work: it and a program beneath it print what is no event."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from crypto_assets.runs.events import Written
from crypto_assets.runs.worker import keep_output_for_events, tell

if __name__ == "__main__":
    keep_output_for_events()
    tell(Written("before"))
    print("a library prints", flush=True)
    print(Path.cwd(), file=sys.stderr)
    subprocess.run([sys.executable, "-c", "print('# A fatal error has been detected by Java')"], check=True)
    tell(Written("after"))
