"""Making the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import environment


def test_another_python_is_refused_with_a_sentence_before_anything_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = tmp_path / ".installed"
    stamp.touch()
    monkeypatch.setattr(environment, "STAMP", stamp)
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    with pytest.raises(SystemExit, match=r"Python 3\.12 is needed, .* Try: make env PYTHON=python3\.12"):
        environment.main()
    assert stamp.exists()


def test_an_installation_that_breaks_off_is_not_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp, python = tmp_path / ".installed", tmp_path / "python"
    stamp.touch()
    python.touch()
    monkeypatch.setattr(environment, "STAMP", stamp)
    monkeypatch.setattr(environment, "PYTHON", python)
    monkeypatch.setattr(environment, "find_uv", lambda: "false")
    with pytest.raises(SystemExit, match="what is already there is kept"):
        environment.main()
    assert not stamp.exists()
