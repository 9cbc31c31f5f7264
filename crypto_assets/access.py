"""What a client shows to be let in: TLS and SASL of Kafka, the user of a schema registry.

Addresses are text that every function may take, print and compare. What goes with them is carried beside the text
and is never part of it, so that no message, log or plan of Spark can show it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from crypto_assets.errors import ConfigurationError

type KafkaProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
type SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
REFUSED_WITHIN_S = 3.0
"""A broker that refuses says so at once."""


class Secret(str):
    """Text that is not shown by `repr`: of a plan, an error or an argument in a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """How a cluster is spoken to. Its text never shows a password."""

    protocol: KafkaProtocol = "PLAINTEXT"
    mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: Secret | None = None
    ca_file: Path | None = None
    """PEM of the authorities that sign the brokers' certificates; None takes the system's."""
    certificate_file: Path | None = None
    """PEM of the client's own certificate, where the brokers want one."""
    key_file: Path | None = None
    """PEM of its key; Java reads PKCS#8 only."""
    key_password: Secret | None = None

    @property
    def uses_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether the client signs in with a name and a password."""
        return self.protocol in ("SASL_PLAINTEXT", "SASL_SSL")


class Brokers(str):
    """Addresses of Kafka, `host:port,…`, and what to show there."""

    access: KafkaAccess

    def __new__(cls, addresses: str, access: KafkaAccess) -> Brokers:
        brokers = super().__new__(cls, addresses)
        brokers.access = access
        return brokers

    def __reduce__(self) -> tuple[type[Brokers], tuple[str, KafkaAccess]]:
        return Brokers, (str(self), self.access)


class Registry(str):
    """URL of a schema registry, and what to show there."""

    username: str | None
    password: Secret | None
    ca_file: Path | None

    def __new__(
        cls, url: str, *, username: str | None = None, password: Secret | None = None, ca_file: Path | None = None
    ) -> Registry:
        registry = super().__new__(cls, url)
        registry.username, registry.password, registry.ca_file = username, password, ca_file
        return registry


def kafka_options(servers: str) -> dict[str, Any]:
    """What every client of confluent_kafka is made with: addresses, TLS and SASL.

    Raises ConfigurationError where a file of a certificate is not there.
    """
    options: dict[str, Any] = {"bootstrap.servers": str(servers), "log_level": 0}  # it logs each failed connection
    access = access_to(servers)
    if access.protocol == "PLAINTEXT":
        return options
    options["security.protocol"] = access.protocol
    if access.uses_sasl:
        options |= {
            "sasl.mechanism": access.mechanism,
            "sasl.username": access.username or "",
            "sasl.password": str(access.password or ""),
        }
    if access.uses_tls:
        files = {
            "ssl.ca.location": _named(access.ca_file, "KAFKA_SSL_CA_FILE"),
            "ssl.certificate.location": _named(access.certificate_file, "KAFKA_SSL_CERTIFICATE_FILE"),
            "ssl.key.location": _named(access.key_file, "KAFKA_SSL_KEY_FILE"),
            "ssl.key.password": access.key_password and str(access.key_password),
        }
        options |= {name: value for name, value in files.items() if value}
    return options


def spark_options(servers: str) -> dict[str, str]:
    """The same as options of Spark's Kafka source, which is Java; raises like `kafka_options`."""
    options = {"bootstrap.servers": str(servers)}
    access = access_to(servers)
    if access.protocol != "PLAINTEXT":
        options["security.protocol"] = access.protocol
    if access.uses_sasl:
        options |= {
            "sasl.mechanism": access.mechanism,
            "sasl.jaas.config": f"{_LOGIN_MODULES[access.mechanism]} required "
            f"username={_jaas(access.username or '')} password={_jaas(access.password or '')};",
        }
    if access.uses_tls:
        options |= _java_tls(access)
    return {f"kafka.{name}": value for name, value in options.items()}


def registry_options(url: str) -> dict[str, Any]:
    """What a client of a schema registry is made with."""
    options: dict[str, Any] = {"url": str(url)}
    if isinstance(url, Registry):
        if url.username is not None:
            options["basic.auth.user.info"] = f"{url.username}:{url.password or ''}"
        if url.ca_file is not None:
            options["ssl.ca.location"] = _named(url.ca_file, "SCHEMA_REGISTRY_CA_FILE")
    return options


def access_to(servers: str) -> KafkaAccess:
    """What goes with addresses; a plain text has nothing."""
    return servers.access if isinstance(servers, Brokers) else KafkaAccess()


def refused_or(servers: str, otherwise: str) -> str:
    """Why Kafka does not let this client in, as a sentence with what to do; `otherwise` where it does, or is away.

    Nothing is asked where neither TLS nor SASL is set: then it can only be away.
    """
    if access_to(servers).protocol == "PLAINTEXT":
        return otherwise
    from confluent_kafka import KafkaError
    from confluent_kafka.admin import AdminClient

    heard: dict[int, str] = {}
    refused = threading.Event()

    def on_error(error: KafkaError) -> None:
        heard[error.code()] = error.str()
        if error.code() in _ADVICE:
            refused.set()

    options: dict[str, Any] = {**kafka_options(servers), "error_cb": on_error}
    client = AdminClient(options)
    deadline = time.monotonic() + REFUSED_WITHIN_S
    while time.monotonic() < deadline and not refused.is_set():
        client.poll(0.1)
    found = next((code for code in _ADVICE if code in heard), None)
    return otherwise if found is None else f"{_ADVICE[found]} It says: {_short(heard[found])}"


_ADVICE = {
    -169: "Kafka does not take this user. See KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM.",
    -181: "No encrypted connection to Kafka comes about. See KAFKA_SSL_CA_FILE and KAFKA_SECURITY_PROTOCOL.",
}
"""By librdkafka's codes _AUTHENTICATION and _SSL."""


def _short(said: str) -> str:
    """Without the address before it and the state after it."""
    return said.partition(": ")[2].partition(" (after")[0] or said


def _java_tls(access: KafkaAccess) -> dict[str, str]:
    options: dict[str, str] = {}
    if ca := _named(access.ca_file, "KAFKA_SSL_CA_FILE"):
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": ca}
    chain = _named(access.certificate_file, "KAFKA_SSL_CERTIFICATE_FILE")
    key = _named(access.key_file, "KAFKA_SSL_KEY_FILE")
    if chain and key:
        options |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": Path(chain).read_text(encoding="ascii"),
            "ssl.keystore.key": Path(key).read_text(encoding="ascii"),
        }
        if access.key_password:
            options["ssl.key.password"] = str(access.key_password)
    return options


def _named(path: Path | None, variable: str) -> str | None:
    if path is None:
        return None
    if not path.is_file():
        raise ConfigurationError(f"{variable} names {path}, and there is no such file.")
    return str(path)


def _jaas(text: str) -> str:
    """A value of Java's login configuration: in quotes, with those inside escaped."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
