"""One certificate authority per cluster and what it signs.

Elliptic keys throughout: a pair takes a millisecond where RSA takes half a second.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from devcluster.paths import write_private

_LIFETIME = dt.timedelta(days=365)
_CLOCK_SKEW = dt.timedelta(minutes=5)
_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
_SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key, as files in PEM."""

    certificate: Path
    key: Path


class Authority:
    """The authority whose certificate and key lie in *directory*; it signs into the same folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.certificate = directory / "ca.crt"
        key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{directory / 'ca.key'} must be an elliptic key")
        self._key = key

    @classmethod
    def create(cls, directory: Path) -> Authority:
        """Make a new authority in *directory*."""
        directory.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_ISSUER, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_CA_USAGE, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        (directory / "ca.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(directory / "ca.key", key)
        return cls(directory)

    def client(self, user: str, groups: Sequence[str]) -> KeyPair:
        """A certificate that the API server takes for *user*, member of *groups*; the same one each time."""
        digest = hashlib.sha256("\0".join((user, *groups)).encode()).hexdigest()[:8]
        file = f"client-{re.sub(r'[^A-Za-z0-9.-]', '-', user)}-{digest}"
        pair = self._pair(file)
        if not pair.key.exists():
            self._sign(pair, _name(user, groups), [ExtendedKeyUsageOID.CLIENT_AUTH], None)
        return pair

    def server(self, file: str, addresses: Sequence[str] = ("127.0.0.1",)) -> KeyPair:
        """A serving certificate for loopback, the in-cluster names of the API server and *addresses*."""
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in _SERVER_NAMES]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys(addresses)]
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        pair = self._pair(file)
        self._sign(pair, _name(file, ()), usages, x509.SubjectAlternativeName(names))
        return pair

    def signing_key(self, file: str) -> Path:
        """A bare private key, for service-account tokens."""
        path = self._directory / f"{file}.key"
        _write_key(path, ec.generate_private_key(ec.SECP256R1()))
        return path

    def _pair(self, file: str) -> KeyPair:
        return KeyPair(self._directory / f"{file}.crt", self._directory / f"{file}.key")

    def _sign(
        self,
        pair: KeyPair,
        subject: x509.Name,
        usages: Sequence[x509.ObjectIdentifier],
        names: x509.SubjectAlternativeName | None,
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = _builder(subject, key.public_key()).add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        builder = builder.add_extension(issuer, critical=False)  # strict clients (Python 3.13) ask for it
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        pair.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        _write_key(pair.key, key)


def _name(user: str, groups: Sequence[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


_ISSUER = _name("devcluster", ())


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_ISSUER)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    write_private(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ),
    )
