"""Have a Chromium for the tests that look at pages: `python -m tools.browser`.

Nothing fails here: without a browser those tests are skipped, and say so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.environment import VENV

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OWN_BROWSERS = VENV / "browsers"  # Playwright's own build lies here, so that it goes away with the environment
INSTALL_TIMEOUT_S = 300


def find_browser() -> Path | None:
    """The first Chromium on PATH, else the one that `main` had Playwright download, else None."""
    for name in NAMES:
        if on_path := shutil.which(name):
            return Path(on_path)
    downloaded = sorted(OWN_BROWSERS.glob("chromium_headless_shell-*/*/*headless*shell*"))
    return next((path for path in downloaded if os.access(path, os.X_OK) and path.is_file()), None)


def main() -> None:
    """Install a Chromium where that can be done without asking anybody, or say in a sentence that there is none."""
    if find_browser():
        return
    print("Installing Chromium for the tests that look at pages", flush=True)
    problems = [problem for problem in (_install_with_apt(), _install_with_playwright()) if problem]
    if not find_browser():
        print("No Chromium: tests that look at pages are skipped. Install `chromium` to run them.", *problems, sep="\n")


def _install_with_apt() -> str | None:
    """Debian's package, in a container or on a build machine; a sentence when that did not work."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    return _run(["apt-get", "update"], environment=quiet) or _run(
        ["apt-get", "install", "--yes", "--no-install-recommends", "chromium"], environment=quiet
    )


def _install_with_playwright() -> str | None:
    """Playwright's own build, inside `.venv`; a sentence when that did not work."""
    if find_browser():
        return None
    return _run(
        [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"],
        environment={"PLAYWRIGHT_BROWSERS_PATH": str(OWN_BROWSERS)},
    )


def _run(command: Sequence[str], *, environment: Mapping[str, str]) -> str | None:
    """Run a command without its output; a sentence when it failed."""
    try:
        subprocess.run(
            command,
            check=True,
            timeout=INSTALL_TIMEOUT_S,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        last_line = next(iter(reversed(error.stderr.strip().splitlines())), "no message")
        return f"`{' '.join(command)}` ended with {error.returncode}: {last_line.strip()}"
    except subprocess.TimeoutExpired:
        return f"`{' '.join(command)}` took longer than {INSTALL_TIMEOUT_S} s"
    return None


if __name__ == "__main__":
    main()
