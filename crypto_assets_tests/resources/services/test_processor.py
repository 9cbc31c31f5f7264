"""The processor as a deployment starts it."""

from __future__ import annotations

import os

import pytest

from crypto_assets.errors import ServiceFailed
from crypto_assets.stream.processor.session import SPARK_JARS, jars_of
from resources.services import processor


def test_it_becomes_the_processor_with_java_and_jars(monkeypatch: pytest.MonkeyPatch) -> None:
    become: list[tuple[str, tuple[str, ...], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *call: become.append(call))
    processor.main({"SYMBOLS": "BTCUSDT"})
    ((_, command, environment),) = become
    assert command[1:] == ("-m", "crypto_assets.stream.processor")
    assert environment["SYMBOLS"] == "BTCUSDT"
    assert environment["JAVA_HOME"]
    assert len(jars_of(environment)) == len(environment[SPARK_JARS].split(os.pathsep)) == 6


def test_without_jars_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_: object) -> dict[str, str]:
        raise ServiceFailed("spark-sql-kafka cannot be fetched")

    monkeypatch.setattr(processor, "spark_environment", refuse)
    assert processor.main({}) == 1
    assert capsys.readouterr().err == "spark-sql-kafka cannot be fetched\n"
