"""A Kafka that lets nobody in without a password over TLS, or without a certificate."""

from __future__ import annotations

import signal
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from crypto_assets_tests.security.tls import Authority
from crypto_assets_tests.services import service_settings
from crypto_assets_tests.waiting import wait_for
from resources.services import java
from resources.services.kafka import Kafka
from resources.services.process import end, family, spawn
from resources.services.service import HOST, Context, Running

USER = "platform"
START_S = 120


@dataclass(frozen=True, slots=True)
class SecureKafka:
    """Where it listens."""

    sasl: str
    """SASL_SSL, with PLAIN and SCRAM-SHA-512."""
    certificates: str
    """SSL, for clients with a certificate of the authority."""
    log: Path


@contextmanager
def secure_kafka(data_dir: Path, authority: Authority, *, plain: str, scram: str) -> Generator[SecureKafka]:
    """A broker with the user `platform`, whose password is another one for PLAIN than for SCRAM."""
    context = Context(service_settings(data_dir), {}, java.java_home)
    service = _Secured(context, authority, plain)
    service.folder.make()
    for _ in service.prepare():
        pass
    ports = service.folder.ports(service.purposes)
    child = spawn(service.launch(ports), service.folder, ends_with_starter=signal.SIGTERM)
    try:
        wait_for(lambda: service.is_ready(Running(child.pid, ports)), until=bool, deadline_s=START_S)
        _let_in(f"{HOST}:{ports['port']}", scram)
        yield SecureKafka(f"{HOST}:{ports['sasl']}", f"{HOST}:{ports['certificates']}", service.folder.log)
    finally:
        end(family(service.folder), ask=signal.SIGTERM, grace_s=20)
        child.wait()


class _Secured(Kafka):
    """The embedded broker with two more listeners; the open one is what it is told about users by."""

    purposes = ("port", "controller", "sasl", "certificates")

    def __init__(self, context: Context, authority: Authority, password: str) -> None:
        super().__init__(context)
        self._authority = authority
        self._password = password

    def _write_configuration(self, ports: Mapping[str, int]) -> None:
        super()._write_configuration(ports)
        given = self.folder.read("server.properties") or ""
        locked = f"SASL_SSL://{HOST}:{ports['sasl']},SSL://{HOST}:{ports['certificates']}"
        given = given.replace("listeners=PLAINTEXT:", f"listeners={locked},PLAINTEXT:")
        login = "org.apache.kafka.common.security"
        more = {
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._authority.both,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._authority.ca,
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.sasl_ssl.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required "
            f'user_{USER}="{self._password}";',
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
        }
        self.folder.write("server.properties", given + "".join(f"{key}={value}\n" for key, value in more.items()))


def _let_in(servers: str, password: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    wanted = UserScramCredentialUpsertion(USER, info, password.encode())
    for future in admin.alter_user_scram_credentials([wanted], request_timeout=20).values():
        future.result()
