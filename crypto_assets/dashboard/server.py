"""Streamlit's server with the pages loaded before it answers: `python -m crypto_assets.dashboard.server <flags>`."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path

from streamlit.web.cli import main as streamlit

APPLICATION = Path(__file__).with_name("entry") / "application.py"
"""In a folder of its own: Streamlit takes a folder `pages` beside its script for scripts, and puts the script's folder
first on the path of imports."""


def main() -> None:
    """Serve until a signal."""
    app = importlib.import_module("crypto_assets.dashboard.app")  # else the first visitor would wait for it
    app.prepare()
    # Streamlit collects garbage after every run of a part; over all that was imported that takes 70 ms, several times
    # a second for each visitor. What is frozen is not looked at.
    gc.collect()
    gc.freeze()
    streamlit(["run", str(APPLICATION), *sys.argv[1:]])


if __name__ == "__main__":
    main()
