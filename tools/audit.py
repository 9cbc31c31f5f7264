"""Look through code and dependencies for holes: `make audit`; `make audit ARGS=--offline` asks nobody.

Code: bandit, configured in `pyproject.toml`. Dependencies: pip-audit asks osv.dev about each version of the lock; where
that cannot be reached, it says so and holds the lock to its word: every requirement pinned and hashed, and just those
versions installed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

import httpx
from packaging.markers import Marker
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
CODE = ("crypto_assets", "resources", "sensors", "tools", "bench", "proof")
ADVISORIES = "https://api.osv.dev/v1/query"
ANSWER_S = 10.0
OF_THE_ENVIRONMENT = frozenset({"pip", "crypto-assets"})
"""What lies in `.venv` beside the lock: what `venv` puts there, and the project."""

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?P<pin>==[^\s;\\]+)?\s*(;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:[0-9a-f]{64}(\s*\\)?$")


@dataclass(slots=True)
class Requirement:
    """One requirement of the lock."""

    name: str
    version: str | None
    marker: str | None
    hashes: int = 0

    @property
    def applies(self) -> bool:
        """Whether this machine needs it."""
        return self.marker is None or Marker(self.marker).evaluate()


def main(arguments: Sequence[str] | None = None) -> int:
    """1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tools.audit", description=__doc__)
    parser.add_argument("--offline", action="store_true", help="ask nobody: hold the lock to its word only")
    offline = parser.parse_args(arguments).offline
    code = _run("bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *CODE)
    print("bandit finds nothing." if code == 0 else "bandit finds the above.", flush=True)
    dependencies = audit_lock() if offline or not _is_reachable() else audit_advisories()
    return int(bool(code or dependencies))


def audit_advisories() -> int:
    """1 where an advisory is known for a version of the lock; pip-audit says which and what mends it."""
    options = ("--vulnerability-service", "osv", "--require-hashes", "--disable-pip", "--progress-spinner", "off")
    return _run("pip_audit", "--requirement", str(LOCK), *options)


def audit_lock() -> int:
    """1 where the lock leaves something open, or something else is installed; says what."""
    lock = read_lock(LOCK.read_text(encoding="utf-8"))
    wrong = [*loose(lock), *differing(lock)]
    print("No advisories were asked for; the lock was looked at instead.")
    for line in wrong:
        print(f"  {line}")
    print(f"{len(wrong)} things are not as the lock says." if wrong else "All is pinned, hashed and installed so.")
    return int(bool(wrong))


def read_lock(text: str) -> list[Requirement]:
    """Requirements of a lock, with how many hashes each has; raises ValueError for a line that is none of it."""
    found: list[Requirement] = []
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if _HASH.match(line) and found:
            found[-1].hashes += 1
        elif match := _REQUIREMENT.match(line):
            version = match["pin"].removeprefix("==") if match["pin"] else None
            found.append(Requirement(canonicalize_name(match["name"]), version, match["marker"]))
        else:
            raise ValueError(f"{LOCK.name}: what is this line? {line[:100]!r}")
    return found


def loose(lock: Sequence[Requirement]) -> Iterator[str]:
    """What could be installed in another form than the one that was looked at."""
    for each in lock:
        if each.version is None:
            yield f"{each.name} is not pinned to one version"
        if not each.hashes:
            yield f"{each.name} has no hash"


def differing(lock: Sequence[Requirement], *, installed: dict[str, str] | None = None) -> Iterator[str]:
    """Where this environment, or `installed` by name, has other versions than the lock, more or fewer packages."""
    here = _installed() if installed is None else installed
    wanted = {each.name: each.version for each in lock if each.applies}
    for name, version in sorted(wanted.items()):
        if here.get(name) != version:
            yield f"{name} {here.get(name, 'is not installed')}, the lock has {version}"
    for name in sorted(here.keys() - wanted.keys() - OF_THE_ENVIRONMENT):
        yield f"{name} {here[name]} is installed, and not in the lock"


def _installed() -> dict[str, str]:
    return {canonicalize_name(each.metadata["Name"]): each.version for each in distributions()}


def _is_reachable() -> bool:
    """Whether advisories can be asked for."""
    asked = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "20.0"}
    try:
        return httpx.post(ADVISORIES, json=asked, timeout=ANSWER_S).is_success
    except httpx.HTTPError:
        return False


def _run(module: str, *arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
