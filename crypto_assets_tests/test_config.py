"""Settings, and the variables that say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from crypto_assets.config import Settings, read_settings, variables_of

GIVEN = {
    "exchange": "replay",
    "symbols": "BTCUSDT,ETHUSDT",
    "partitions_start": "2024-08-01",
    "simulator_speed": "2.5",
    "redis_url": "redis://:secret@127.0.0.1:1/0",
    "accept_checksum_mismatch": "b.zip,a.zip",
    "stream_managed": "false",
}


def test_a_program_that_is_handed_the_variables_reads_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "my data", **GIVEN})
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    for name, value in variables_of(settings).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings


def test_settings_that_name_nothing_say_nothing(tmp_path: Path) -> None:
    variables = variables_of(Settings.model_validate({"data_dir": tmp_path}))
    assert {"REDIS_URL", "LAKE_URI", "KAFKA_BOOTSTRAP_SERVERS"} & set(variables) == set()
