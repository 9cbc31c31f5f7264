"""Services that batch work needs, started when it first does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crypto_assets.config import Settings
from resources.services.service import Name


def ensure_services(settings: Settings, names: Sequence[Name], *, tell: Callable[[str], None] = lambda _: None) -> None:
    """Start those that are down and what they need, as `make up` does: they stay until `make down`.

    `tell` gets a line at each step of a start, and none where all run. Those that the settings name elsewhere are left
    alone. Raises ServiceFailed with what to do where one does not come up.
    """
    from resources.services.manager import Services  # every service, which takes long to load

    told: dict[Name, str] = {}

    def progress(name: Name, doing: str) -> None:
        if told.get(name) != doing:
            told[name] = doing
            tell(f"{name} {doing}")

    services = Services(settings)
    if missing := services.missing(names):
        services.start(missing, progress=progress)
