from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ropewalk.core.auth import NoAuth
from ropewalk.net.client import Client
from ropewalk.net.credentials import Credentials
from ropewalk.net.guard import Guard
from tests.net.loopback import Answering, Reply, Server

ANYBODY = Credentials(NoAuth())


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1_000.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.slept += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    started: list[Server] = []

    def start(answering: Answering | list[Reply] | Reply, **options: Any) -> Server:
        server = Server([answering] if isinstance(answering, Reply) else answering, **options)
        started.append(server)
        return server

    yield start
    for server in started:
        server.close()


@pytest.fixture
def client(clock: Clock) -> Iterator[Client]:
    """Every name leads to 127.0.0.1, which is allowed; `random` always says one half; it is 1 January 2026."""
    guard = Guard(["127.0.0.0/8"], lambda host, port: ["127.0.0.1"])
    with Client(
        guard, clock=clock, sleep=clock.sleep, now=lambda: 1_767_225_600.0, random=lambda: 0.5
    ) as opened:
        yield opened


@dataclass(frozen=True)
class Authority:
    """A certificate authority of our own, and a certificate of it for api.example."""

    bundle: str
    chain: str

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain)
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    folder = tmp_path_factory.mktemp("authority")
    now = datetime.now(UTC)

    def certificate(
        name: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: str,
        issuer_key: ec.EllipticCurvePrivateKey,
        *,
        root: bool,
    ) -> x509.Certificate:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )

    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("authority.example", root_key, "authority.example", root_key, root=True)
    leaf = certificate("api.example", key, "authority.example", root_key, root=False)
    bundle, chain = folder / "authority.pem", folder / "chain.pem"
    pem = serialization.Encoding.PEM
    bundle.write_bytes(root.public_bytes(pem))
    chain.write_bytes(
        leaf.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return Authority(str(bundle), str(chain))
