"""No service, file or setting comes with a password: each is drawn, or asked for."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pydantic import SecretStr

from crypto_assets.config import Settings
from resources.services.folder import ServiceFolder

ROOT = Path(__file__).resolve().parents[2]
SECRET_WORDS = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY$|PRIVATE_KEY|WEBHOOK|_PASS$", re.IGNORECASE)
ASKED_FOR = re.compile(r"\$\{[A-Z0-9_]+:\?[^}]*\}")
"""What compose refuses to start without: it has no `:-`, which would be a default."""
CREDENTIALS = re.compile(r"://[^/\s:@]*:(?P<password>[^@\s/]+)@")
GIVEN_WORD = re.compile(
    r"""(?:password|passwd|secret_key|secret_access_key|api_key|auth_token)["']?\s*(?:=|:\s)\s*["'](?P<word>[^"'{}$<>\s]{3,})["']""",
    re.IGNORECASE,
)
NOT_ONE = {"password", "superuser", "owner", "secret", "scram-sha-256", "trust", "***", "hidden"}
"""Names of secrets that are drawn, and methods."""


def test_no_setting_has_a_secret_by_default() -> None:
    fields = Settings.model_fields
    named = {name for name in fields if SECRET_WORDS.search(name)}
    typed = {name for name, field in fields.items() if "SecretStr" in str(field.annotation)}
    assert named <= typed, "a secret that is no SecretStr would be printed"
    assert {name for name in named | typed if fields[name].default is not None} == set()


def test_a_password_of_a_service_is_drawn_for_each_folder_and_read_by_its_user_only(tmp_path: Path) -> None:
    folders = [ServiceFolder.of(tmp_path / name, "postgres") for name in "ab"]
    for folder in folders:
        folder.make()
    first, second = (folder.secret("password") for folder in folders)
    assert first != second
    assert len(first) >= 32
    assert folders[0].secret("password") == first
    kept = folders[0].path / "password.secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def _given(node: Any, name: str = "") -> list[tuple[str, str]]:
    """Name and value of every text of a compose file."""
    if isinstance(node, dict):
        return [pair for key, value in cast("dict[str, Any]", node).items() for pair in _given(value, str(key))]
    if isinstance(node, list):
        return [pair for value in cast("list[Any]", node) for pair in _given(value, name)]
    return [(name, str(node))] if node is not None else []


def test_compose_asks_for_every_secret_and_publishes_nothing_to_others() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    given = _given(compose)
    assert [pair for pair in given if SECRET_WORDS.search(pair[0]) and ASKED_FOR.sub("", pair[1]).strip()] == []
    asked = [ASKED_FOR.sub("asked", value) for _, value in given]
    assert {match["password"] for value in asked for match in CREDENTIALS.finditer(value)} == {"asked"}
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not str(port).startswith("127.0.0.1:")] == []


def test_the_example_of_variables_leaves_every_secret_empty() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    named = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    asked = {name for name in named if SECRET_WORDS.search(name)}
    assert asked
    assert {name: named[name] for name in asked if named[name].strip()} == {}


@pytest.mark.parametrize("folder", ["crypto_assets", "resources", "sensors", "deploy"])
def test_no_file_that_is_run_holds_a_password(folder: str) -> None:
    kinds = (".py", ".sh", ".yaml", ".yml", ".json", ".xml", ".conf", ".sql", ".properties")
    found = [
        f"{path.relative_to(ROOT)}: {match['word']}"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in kinds and "__pycache__" not in path.parts
        for match in GIVEN_WORD.finditer(path.read_text(encoding="utf-8", errors="replace"))
        if match["word"] not in NOT_ONE
    ]
    assert found == []


def test_a_secret_does_not_show_where_settings_are_printed() -> None:
    secret = "hidden-in-settings"
    names = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]
    settings = Settings.model_construct(**{name: SecretStr(secret) for name in names})
    assert len(names) >= 8
    assert secret not in f"{settings!r} {settings} {settings.model_dump()}"
