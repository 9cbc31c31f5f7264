"""Resolve `pyproject.toml` into `requirements.lock`: `make lock`, or `make lock ARGS=--upgrade` for newer versions."""

from __future__ import annotations

import subprocess
import sys

from tools.environment import LOCK, ROOT, find_uv


def main() -> None:
    """Compile project and development dependencies, hashed, for every platform, with no address of an index."""
    options = ["--group", "dev", "--universal", "--python-version", "3.12", "--generate-hashes", "--no-header"]
    compile_ = [find_uv(), "pip", "compile", "pyproject.toml", *options, "--quiet", "--output-file", LOCK.name]
    subprocess.run([*compile_, *sys.argv[1:]], check=True, cwd=ROOT)


if __name__ == "__main__":
    main()
