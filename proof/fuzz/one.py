"""Fuzzes one parser, in a process of its own: `python -m proof.fuzz.one NAME FOLDER [options of libFuzzer]`."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import atheris  # pyright: ignore[reportMissingModuleSource]


def main() -> None:
    """Until libFuzzer has had its time, or something was found."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    with atheris.instrument_imports(include=["crypto_assets", "zipfile", "gzip", "dotenv"]):  # pyright: ignore[reportAttributeAccessIssue]
        from proof.fuzz.parsers import TARGETS
    target = TARGETS[name]
    logging.disable(logging.CRITICAL)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    with tempfile.TemporaryDirectory(prefix="crypto-assets-fuzz-", dir=_quick_folder()) as files:
        attempt = target.open(Path(files))
        atheris.Setup([sys.argv[0], str(corpus), f"-max_len={target.longest_bytes}", *sys.argv[3:]], attempt)
        atheris.Fuzz()


def _quick_folder() -> str | None:
    memory = Path("/dev/shm")  # nosec B108 # a folder with a drawn name is made in it
    return str(memory) if memory.is_dir() else None


if __name__ == "__main__":
    main()
