"""Settings, and the variables that say the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from crypto_assets.config import Settings, read_settings, variables_of
from crypto_assets.errors import ConfigurationError

GIVEN = {
    "exchange": "replay",
    "symbols": "BTCUSDT,ETHUSDT",
    "partitions_start": "2024-08-01",
    "simulator_speed": "2.5",
    "redis_url": "redis://:secret@127.0.0.1:1/0",
    "accept_checksum_mismatch": "b.zip,a.zip",
    "stream_managed": "false",
    "lake_uri": "my lake",
    "checkpoints_uri": "s3://bucket/ckpts",
    "kafka_ssl_ca_file": "ca.pem",
}


def test_a_program_that_is_handed_the_variables_reads_the_same_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    monkeypatch.chdir(here)
    settings = Settings.model_validate({"data_dir": tmp_path / "my data", **GIVEN})
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(there)
    for name, value in variables_of(settings).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == settings
    assert (settings.lake, settings.checkpoints) == (str(here / "my lake"), "s3://bucket/ckpts")


def test_settings_that_name_nothing_say_nothing(tmp_path: Path) -> None:
    variables = variables_of(Settings.model_validate({"data_dir": tmp_path}))
    assert {"REDIS_URL", "LAKE_URI", "KAFKA_BOOTSTRAP_SERVERS"} & set(variables) == set()


def test_a_dotenv_file_that_is_no_text_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"SYMBOLS=BTCUSDT\nREDIS_URL=redis://:g\xe4ste@host\n")
    with pytest.raises(ConfigurationError, match=r"^\.env is not UTF-8 \(line 2\)\. Save it as UTF-8\.$"):
        read_settings()


def test_the_address_of_a_spreadsheet_is_refused_with_the_part_that_is_wanted() -> None:
    wanted = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74OgvE2upms"
    with pytest.raises(ValidationError, match=r"GOOGLE_SHEETS_ID is the part .* between /d/ and the next slash"):
        Settings.model_validate({"google_sheets_id": f"https://docs.google.com/spreadsheets/d/{wanted}/edit#gid=0"})
    assert Settings.model_validate({"google_sheets_id": wanted}).google_sheets_id == wanted
