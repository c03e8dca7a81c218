"""A certificate authority of this user, for Azure's host names on this machine.

It is kept in the user's data directory, so that programs that trust it once trust it next time,
too. Its private key can be read by its owner only; a key that others could read is thrown away. It
can sign certificates for the names that lead here and for this machine, and for nothing else:
someone who steals its key cannot pretend to be any other site. It is replaced a month before it
ends.

The certificates of the names exist only while a lab is served.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batchlab.azure.names import BATCH, CORE, LOGIN, MANAGEMENT
from batchlab.errors import invalid
from batchlab.private_files import write_private

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["Authority"]

FILE = "authority.pem"
LIFE = timedelta(days=365)
MARGIN = timedelta(days=30)
"""How long before its end the authority is replaced."""
_LEAF_LIFE = timedelta(days=29)
_EARLY = timedelta(hours=1)
"""Clocks differ."""
_NAMES = (MANAGEMENT, LOGIN, BATCH[1:], CORE[1:], "localhost")


class Authority:
    """The authority in a folder; made there if it is not, or no longer good.

    Parameters
    ----------
    folder : path
    now : datetime, optional

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: it cannot be kept in this folder.
    """

    def __init__(self, folder: Path, now: datetime | None = None) -> None:
        self._now = now or datetime.now(UTC)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = _read(folder / FILE, self._now)
            if found is None:
                found = _made(self._now)
                _keep(folder / FILE, _pem(*found))
        except OSError as error:
            reason = f"cannot keep the certificate authority there: {error}"
            raise invalid("azure", str(folder), reason, owner="serve") from None
        self._key, self._certificate = found

    @property
    def pem(self) -> bytes:
        """Its certificate, for those who are to trust it."""
        from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def ends(self) -> datetime:
        """When it ends."""
        return self._certificate.not_valid_after_utc

    def issue(self, *names: str) -> bytes:
        """Return a certificate for names or addresses, with its private key, in PEM."""
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415

        public = self._leaf_key.public_key()
        made = (
            x509.CertificateBuilder()
            .subject_name(_name("batchlab, on this machine"))
            .issuer_name(self._certificate.subject)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _EARLY)
            .not_valid_after(min(self._now + _LEAF_LIFE, self.ends))
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            .add_extension(_issuer_id(self._key), False)
            .sign(self._key, hashes.SHA256())
        )
        return _pem(self._leaf_key, made)

    @cached_property
    def _leaf_key(self) -> Any:
        return _new_key()


def _new_key() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return ec.generate_private_key(ec.SECP256R1())


def _made(now: datetime) -> tuple[Any, x509.Certificate]:
    """A new key, and the certificate of an authority that may sign for Azure's names only."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    key = _new_key()
    # No two authorities have the same name, or a client could take one for the other.
    name = _name(f"batchlab, for Azure's names on this machine ({secrets.token_hex(4)})")
    usage = dict.fromkeys(
        ["digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
         "key_agreement", "encipher_only", "decipher_only"], False,
    )  # fmt: skip
    here = [x509.IPAddress(ip_network(net)) for net in ("127.0.0.0/8", "::1/128")]
    permitted = [*map(x509.DNSName, _NAMES), *here]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLY)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), True)
        .add_extension(x509.NameConstraints(permitted, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _read(path: Path, now: datetime) -> tuple[Any, x509.Certificate] | None:
    """The kept authority, or None: there is none, it ends soon, or others could read its key."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with open(number, "rb") as file:  # noqa: PTH123 - it is open
        about = os.fstat(number)
        if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            return None
        data = file.read()
    try:
        key = load_pem_private_key(data, None)
        certificate = x509.load_pem_x509_certificate(data)
    except (ValueError, TypeError):
        return None
    same = certificate.public_key() == key.public_key()
    alive = certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - MARGIN
    return (key, certificate) if same and alive else None


def _keep(path: Path, data: bytes) -> None:
    """Write the file whole or not at all; of several writers the last one wins."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_private(part, data)
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()


def _pem(key: Any, certificate: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public: bytes = certificate.public_bytes(Encoding.PEM)
    return public + private


def _name(text: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])


def _general(name: str) -> Any:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _issuer_id(key: Any) -> Any:
    from cryptography import x509  # noqa: PLC0415

    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
