"""Secrets of `.env`."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import pytest

import deploy.draw_secrets as program
from crypto_assets_tests.deploy.composed import ROOT


def test_each_empty_secret_is_drawn_and_what_is_there_stays() -> None:
    numbers = count()
    text = "# KAFKA_PASSWORD=\nREDIS_PASSWORD=\nS3_SECRET_KEY=kept\nSPARK_SECRET=\nSYMBOLS=\nALERT_SMTP_URL=\n"
    drawn, names = program.with_secrets(text, draw=lambda: f"drawn-{next(numbers)}")
    assert names == ["REDIS_PASSWORD", "SPARK_SECRET"]
    assert drawn == (
        "# KAFKA_PASSWORD=\nREDIS_PASSWORD=drawn-0\nS3_SECRET_KEY=kept\nSPARK_SECRET=drawn-1\n"
        "SYMBOLS=\nALERT_SMTP_URL=\n"
    )


def test_the_file_is_its_owners_alone_and_a_repeat_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env.example").write_text((ROOT / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(program, "ROOT", tmp_path)
    assert program.main() == 0
    target = tmp_path / ".env"
    assert target.stat().st_mode & 0o777 == 0o600
    first = target.read_text(encoding="utf-8")
    secrets = re.findall(r"^\w+=([0-9a-f]{48})$", first, re.MULTILINE)
    assert len(set(secrets)) == len(secrets) == 10
    assert program.main() == 0
    assert target.read_text(encoding="utf-8") == first
    said = capsys.readouterr().out
    assert [secret for secret in secrets if secret in said] == []
    assert "REDIS_PASSWORD" in said
    assert ".env lacks no secret" in said
