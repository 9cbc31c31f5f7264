"""Certificates of an authority of the tests' own, and a server that speaks TLS before one that cannot."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's protocol, "SSLRequest": length 8, code 80877103."""


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority with a certificate for this machine, as PEM files in a folder."""

    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        return self.folder / "host.pem"

    @property
    def key(self) -> Path:
        return self.folder / "host.key"

    @property
    def both(self) -> Path:
        """Key and certificate in one file, as Kafka wants them."""
        return self.folder / "both.pem"


def make_authority(folder: Path) -> Authority:
    """An authority, and a certificate for 127.0.0.1 and localhost that serves for both ends of a connection."""
    folder.mkdir()
    made = Authority(folder)
    ca_key, host_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
    host_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "crypto_assets")])
    is_ca = x509.BasicConstraints(ca=True, path_length=0)
    usage = x509.KeyUsage(
        **dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
        ),
        decipher_only=False,
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
    )
    key_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _begun(ca_name, ca_name, ca_key.public_key())
        .add_extension(is_ca, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(key_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    places = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    host = (
        _begun(host_name, ca_name, host_key.public_key())
        .add_extension(x509.SubjectAlternativeName(places), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = host_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made.ca.write_bytes(ca.public_bytes(pem))
    made.certificate.write_bytes(host.public_bytes(pem))
    made.key.write_bytes(key)
    made.both.write_bytes(key + host.public_bytes(pem))
    return made


def _begun(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


@contextmanager
def tls_before(port: int, authority: Authority, *, asked: bytes = b"") -> Generator[int]:
    """The port of a server that takes TLS only and hands on what is inside to `port` of this machine.

    `asked` is what a client of PostgreSQL sends to ask for TLS; it is answered `S`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    listener = socket.create_server(("127.0.0.1", 0))
    accepting = threading.Thread(target=_accept, args=(listener, context, port, asked), daemon=True)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int, asked: bytes) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, port, asked), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int, asked: bytes) -> None:
    with client, suppress(OSError):
        if asked:
            if client.recv(len(asked), socket.MSG_WAITALL) != asked:
                return  # it did not ask for TLS
            client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as inside,
            socket.create_connection(("127.0.0.1", port)) as server,
        ):
            back = threading.Thread(target=_copy, args=(server, inside), daemon=True)
            back.start()
            _copy(inside, server)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while block := source.recv(65_536):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
