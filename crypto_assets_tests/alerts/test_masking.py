"""Secrets in words that others wrote."""

from __future__ import annotations

from pathlib import Path

from crypto_assets.alerts.masking import Mask
from crypto_assets_tests.alerts.causes import cause
from crypto_assets_tests.services import service_settings


def test_secrets_of_the_settings_are_starred_wherever_they_stand(tmp_path: Path) -> None:
    settings = service_settings(
        tmp_path,
        alert_webhook_url="https://hooks.example.com/services/T0/B0/token",
        alert_smtp_url="smtp://me:p%40ss-word@mail.example.com",
        postgres_url="postgresql://me:hunter2@db.example.com/crypto",
    )
    said = "POST /services/T0/B0/token failed; login p@ss-word, p%40ss-word; password=hunter2; all else stays"
    assert Mask(settings).text(said) == "POST /*** failed; login ***, ***; password=***; all else stays"
    hidden = Mask(settings).cause(cause(subject="of hunter2", sentence="hunter2", advice="not hunter2"))
    assert (hidden.subject, hidden.sentence, hidden.advice) == ("of ***", "***", "not ***")


def test_user_and_password_of_every_address_are_starred(tmp_path: Path) -> None:
    text = Mask(service_settings(tmp_path)).text("at redis://:secret@h:1/0 and https://plain.example/a@b")
    assert text == "at redis://***@h:1/0 and https://plain.example/a@b"


def test_a_short_password_does_not_star_ordinary_words(tmp_path: Path) -> None:
    mask = Mask(service_settings(tmp_path, postgres_url="postgresql://me:a@db/x"))
    assert mask.text("a day at postgresql://me:a@db/x") == "a day at postgresql://***@db/x"
