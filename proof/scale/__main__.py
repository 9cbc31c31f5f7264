"""Where the platform bends: `python -m proof.scale backfill --days 30 365 1096`.

Each part takes minutes to an hour, prints a table and writes the same as JSON into its folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from crypto_assets.processes import end_on_signals
from proof.scale import backfill, instance, live

PARTS = {"backfill": backfill, "instance": instance, "live": live}


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(prog="python -m proof.scale", description=__doc__)
    parts = parser.add_subparsers(dest="part", required=True, metavar="part")
    for name, module in PARTS.items():
        part = parts.add_parser(name, help=(module.__doc__ or "").partition("\n")[0], description=module.__doc__)
        part.add_argument("--folder", type=Path, default=Path(".data/scale") / name, help="for data and figures")
        module.add_options(part)
    options = parser.parse_args()
    end_on_signals()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    PARTS[options.part].measure(folder, options)


if __name__ == "__main__":
    main()
