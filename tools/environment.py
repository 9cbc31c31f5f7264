"""Make `.venv` hold exactly what `requirements.lock` names, and the project itself: `python3.12 tools/environment.py`.

Needs Python 3.12 with `venv`, and a package index; nothing else, so it runs before anything is installed.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
UV_LOCK = ROOT / "tools" / "uv.txt"
STAMP = VENV / ".installed"  # written last: an install that was interrupted is done again
HTTP_TIMEOUT_S = "300"  # TensorFlow alone is half a gigabyte


def main() -> None:
    """Install, or end with one sentence that says what is missing."""
    if sys.version_info[:2] != (3, 12):
        sys.exit(
            f"Python 3.12 is needed, {sys.executable} is {sys.version.split()[0]}. Try: make env PYTHON=python3.12"
        )
    STAMP.unlink(missing_ok=True)
    if not PYTHON.exists():
        _run([sys.executable, "-m", "venv", str(VENV)], why="venv is part of Python; Debian has it as python3.12-venv")
    uv = find_uv()
    print(f"Installing {LOCK.name} into {VENV.name} with {uv}", flush=True)
    # Compiled once here: where bytecode may not be written later, every process would spend a second on Dagster alone.
    _run([uv, "pip", "sync", "--compile-bytecode", "--python", str(PYTHON), "--require-hashes", str(LOCK)])
    # setuptools comes from the lock too, so that no part of the installation is unhashed.
    _run([uv, "pip", "install", "--python", str(PYTHON), "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    STAMP.touch()


def find_uv() -> str:
    """The uv on PATH, else one of the version in `tools/uv.txt`, put inside `.venv` where `uv pip sync` leaves it."""
    if on_path := shutil.which("uv"):
        return on_path
    target = VENV / "uv"
    uv = target / "bin" / "uv"
    if not uv.exists():
        pip = [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-warn-script-location",
        ]
        _run([*pip, "--require-hashes", "--target", str(target), "--requirement", str(UV_LOCK)])
    return str(uv)


def _run(command: Sequence[str], *, why: str = "repeat `make env`: what is already there is kept") -> None:
    """Run a command with progress shown; on failure end with the command and `why`."""
    environment = {"UV_HTTP_TIMEOUT": HTTP_TIMEOUT_S, **os.environ}
    certificates = ssl.get_default_verify_paths()
    if certificates.cafile or certificates.capath:
        environment.setdefault("UV_SYSTEM_CERTS", "1")  # uv's own list lacks a company's certificate
    try:
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        sys.exit(f"{error}\n{why}")


if __name__ == "__main__":
    main()
