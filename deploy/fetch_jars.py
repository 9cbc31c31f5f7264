"""Fetches every jar that a container may need, and prepares the packaged Java: run while the image is built.

Where they go is M2_REPO. A jar with another SHA-256 than that of its lock ends the build.
"""

from __future__ import annotations

import sys
from typing import get_args

from crypto_assets.errors import ServiceFailed
from resources.services.jars import Group, fetch_jars
from resources.services.java import packaged_java_home

UNUSED: frozenset[Group] = frozenset({"kafka", "s3"})
"""Those of embedded services whose places other images take."""


def main() -> int:
    """Ends with 0 once all are there."""
    try:
        for group in groups():
            print(f"{group}: {len(fetch_jars(group))} jars", flush=True)
        print(f"Java: {packaged_java_home()}", flush=True)
    except ServiceFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def groups() -> list[Group]:
    """Groups of jars that a container of this image uses."""
    return [group for group in get_args(Group.__value__) if group not in UNUSED]


if __name__ == "__main__":
    sys.exit(main())
