"""Certificates with their keys, made where a test needs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(number: int = 1) -> Any:
    """A certificate of a key that all of them share, for this machine."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "batchlab")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_key().public_key())
        .serial_number(number)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(_key(), hashes.SHA256())
    )


@cache
def pfx(password: str = "open sesame", number: int = 1) -> bytes:
    """The certificate with its private key."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        NoEncryption,
        pkcs12,
    )

    safe = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return pkcs12.serialize_key_and_certificates(
        b"batchlab", _key(), certificate(number), None, safe
    )


def cer(number: int = 1, *, pem: bool = False) -> bytes:
    """The certificate without its private key."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate(number).public_bytes(Encoding.PEM if pem else Encoding.DER)


def thumbprint(number: int = 1) -> str:
    """The certificate's name."""
    from cryptography.hazmat.primitives import hashes

    return certificate(number).fingerprint(hashes.SHA1()).hex()


def sealed(text: str) -> bytes:
    """A text that only the private key opens."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    scheme = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)
    return _key().public_key().encrypt(text.encode(), scheme)


def self_signed(folder: Path, password: bytes | None = None) -> Path:
    """A file with the certificate and its private key, as a server has it."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    safe = BestAvailableEncryption(password) if password else NoEncryption()
    key = _key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, safe)
    path = folder / "server.pem"
    path.write_bytes(cer(pem=True) + key)
    return path
