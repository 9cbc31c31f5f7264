"""Finding or installing a Chromium for the tests that look at pages."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tools import browser


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it, and no browser of Playwright's."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "OWN_BROWSERS", tmp_path / "browsers")
    return tmp_path


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_chromium_on_path_is_taken(empty_machine: Path) -> None:
    assert browser.find_browser() is None
    executable(empty_machine / "chromium")
    assert browser.find_browser() == empty_machine / "chromium"


def test_playwrights_own_build_is_taken_where_path_has_none(empty_machine: Path) -> None:
    downloaded = executable(empty_machine / "browsers/chromium_headless_shell-1/linux64/chrome-headless-shell")
    assert browser.find_browser() == downloaded


def test_a_missing_browser_is_installed_and_a_failure_ends_in_a_sentence(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Sequence[str]] = []

    def fail(command: Sequence[str], **_: object) -> None:
        asked.append(command)
        raise subprocess.CalledProcessError(1, command, stderr="first line\nno way to the host\n")

    monkeypatch.setattr(subprocess, "run", fail)
    browser.main()
    assert [command[-3:] for command in asked] == [["install", "--only-shell", "chromium"]]
    printed = capsys.readouterr().out
    assert "No Chromium: tests that look at pages are skipped." in printed
    assert "no way to the host" in printed


def test_nothing_is_installed_where_there_is_a_browser(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(empty_machine / "google-chrome")
    monkeypatch.delattr(subprocess, "run")
    browser.main()
