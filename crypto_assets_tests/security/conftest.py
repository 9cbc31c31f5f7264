"""An authority, another one that nobody trusts, and a Kafka behind TLS and SASL."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from crypto_assets.config import Settings
from crypto_assets_tests.security.secure_kafka import USER, SecureKafka, secure_kafka
from crypto_assets_tests.security.tls import POSTGRES_SSL_REQUEST, Authority, make_authority, tls_before

PLAIN = secrets.token_urlsafe(18)
SCRAM = f'"\\ {secrets.token_urlsafe(18)}"=;'
"""With what Java's login configuration takes for something else."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that servers of these tests have their certificates of."""
    return make_authority(tmp_path_factory.mktemp("tls") / "trusted")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority of the same making."""
    return make_authority(tmp_path_factory.mktemp("tls") / "stranger")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[SecureKafka]:
    """A Kafka that wants passwords or certificates."""
    with secure_kafka(tmp_path_factory.mktemp("locked"), authority, plain=PLAIN, scram=SCRAM) as started:
        yield started


@pytest.fixture
def let_in(tmp_path: Path, locked: SecureKafka, authority: Authority) -> Callable[..., Settings]:
    """`let_in(**settings)`: settings with which the locked Kafka lets one in, but for those given."""

    def made(**settings: object) -> Settings:
        return Settings.model_validate(
            {
                "data_dir": tmp_path,
                "kafka_bootstrap_servers": locked.sasl,
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_username": USER,
                "kafka_sasl_password": SCRAM,
                "kafka_ssl_ca_file": authority.ca,
                **settings,
            }
        )

    return made


@pytest.fixture
def encrypted(empty_database: str, authority: Authority) -> Iterator[Callable[[Authority], str]]:
    """`encrypted(authority)`: URL of an empty database behind TLS, for a client that trusts that authority."""
    parts = urlsplit(empty_database)
    assert parts.port is not None
    with tls_before(parts.port, authority, asked=POSTGRES_SSL_REQUEST) as port:
        place = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}")
        yield lambda trusted: place._replace(query=f"sslmode=verify-full&sslrootcert={quote(str(trusted.ca))}").geturl()
