"""No form of a secret is left in what is logged, and what is no secret stays as it was."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto_assets.config import Settings
from crypto_assets.endpoints import write_endpoint
from crypto_assets.secrecy import STARS, Mask, mask_logs, secrets_of

PASSWORD = "p/w d+%41é\"'x"


@given(
    secret=st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=6, max_size=40),
    before=st.binary(max_size=7),
    after=st.binary(max_size=7),
)
@example(secret="two words/and a path", before=b"", after=b"")
def test_a_secret_is_starred_in_text_urls_and_base64(secret: str, before: bytes, after: bytes) -> None:
    mask = Mask([secret])
    carried = base64.b64encode(before + secret.encode() + after).decode()
    assert STARS in mask(carried)
    assert STARS in mask(base64.urlsafe_b64encode(before + secret.encode() + after).decode())
    assert mask(f"a {secret} b") == f"a {STARS} b"
    assert mask(f"https://u:{quote(secret, safe='')}@host.example") == f"https://u:{STARS}@host.example"


def test_secrets_are_those_of_settings_and_of_embedded_services(tmp_path: Path) -> None:
    write_endpoint(tmp_path, "s3", {"url": "http://127.0.0.1:1", "secret_key": "drawn-for-s3", "region": "us-east-1"})
    write_endpoint(tmp_path, "redis", {"url": "redis://:drawn-for-redis@127.0.0.1:2/0"})
    write_endpoint(tmp_path, "kafka", {"url": "127.0.0.1:9092"})
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "postgres_url": f"postgresql://me:{quote(PASSWORD, safe='')}@db.example.com/prices",
            "redis_url": "rediss://cache.example.com/0?password=of-redis&ssl_ca_certs=/etc/ca.pem",
            "warehouse_url": f"postgresql://db.example.com/facts?user=me&password={quote_plus('of the facts')}",
            "alert_webhook_url": "https://me:of-the-hook@hooks.example.com/services/T0/B0/hidden",
            "google_service_account_json": '{"private_key": "hidden"}',
            "kafka_bootstrap_servers": "kafka:9092",
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_username": "platform",
            "kafka_sasl_password": "of-kafka",
        }
    )
    assert secrets_of(settings) == {
        *("drawn-for-s3", "drawn-for-redis", "of-kafka", quote(PASSWORD, safe=""), PASSWORD),
        *("of-redis", "of+the+facts", "of the facts", "of-the-hook"),
        *("services/T0/B0/hidden", '{"private_key": "hidden"}'),
    }


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged, by a logger of another library."""
    before, sink = logging.getLogRecordFactory(), io.StringIO()
    handler = logging.StreamHandler(sink)
    logging.getLogger("library").addHandler(handler)
    yield sink
    logging.getLogger("library").removeHandler(handler)
    logging.setLogRecordFactory(before)


def test_logs_of_any_library_have_stars_for_secrets_and_their_exceptions_too(logged: io.StringIO) -> None:
    mask_logs(Settings.model_validate({"postgres_url": "postgresql://me:hidden-word@db/prices"}))
    log = logging.getLogger("library")
    log.warning("connecting to %s", "postgresql://me:hidden-word@db/prices")
    log.warning("%d of %d", 1, 2)
    try:
        raise OSError("refused: hidden-word")
    except OSError:
        log.exception("no connection")
    text = logged.getvalue()
    assert "hidden-word" not in text
    assert "connecting to postgresql://me:***@db/prices\n1 of 2\nno connection" in text
    assert "OSError: refused: ***" in text
