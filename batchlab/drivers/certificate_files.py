"""Reading a certificate: its public part, and the secret part that only nodes may see."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Any

from batchlab.core.messages.inputs import CreateCertificate
from batchlab.core.model import read_thumbprint
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import BatchError, InvalidRequest, invalid
from batchlab.extras import extra

__all__ = ["read_certificate"]

_OWNER = "create_certificate"


def read_certificate(
    data: Any, password: Any, certificate_format: Any, thumbprint: Any, algorithm: Any
) -> tuple[CreateCertificate, CertificateContents]:
    """Read the arguments of `create_certificate`; return the request and the secret contents."""
    if algorithm != "sha1":
        raise invalid("thumbprint_algorithm", algorithm, "must be 'sha1'", owner=_OWNER)
    if password is not None and not isinstance(password, str):
        raise invalid("password", "...", "must be text", owner=_OWNER)
    raw = _bytes(data)
    kind = _format(certificate_format, data)
    if kind == "cer" and password is not None:
        raise invalid("password", "...", "a cer has no private key and needs no password",
                      owner=_OWNER)  # fmt: skip
    certificate = _load(raw, kind, password)
    own = _thumbprint(certificate)
    if thumbprint is not None and _given_thumbprint(thumbprint) != own:
        reason = f"does not match the certificate, whose thumbprint is {own}"
        raise invalid("thumbprint", thumbprint, reason, owner=_OWNER)
    request = CreateCertificate(
        thumbprint=own, certificate_format=kind, public_data=_public_data(certificate)
    )
    contents = CertificateContents(data=raw, certificate_format=kind, password=password)
    return request, contents


def _given_thumbprint(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid("thumbprint", value, "must be text", owner=_OWNER)
    return read_thumbprint(value, _OWNER)


def _bytes(data: Any) -> bytes:
    """Return the bytes, from bytes, a file, or base64 text as in Azure's REST API."""
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if not isinstance(data, (str, os.PathLike)):
        reason = "must be bytes, a path, or base64 text"
        raise invalid("data", type(data).__name__, reason, owner=_OWNER)
    try:
        path = Path(data).expanduser()
        if path.is_file():
            return path.read_bytes()
    except (OSError, ValueError, RuntimeError):  # base64 text is too long for a path
        pass
    try:
        return base64.b64decode(data if isinstance(data, str) else "-", validate=True)
    except (binascii.Error, ValueError):
        shown = str(data) if len(str(data)) < 80 else "..."
        reason = "must be a readable file or base64 text"
        raise invalid("data", shown, reason, owner=_OWNER) from None


def _format(given: Any, data: Any) -> Any:
    if given is None:
        suffix = Path(data).suffix.lower() if isinstance(data, (str, os.PathLike)) else ""
        return "cer" if suffix in (".cer", ".crt", ".pem", ".der") else "pfx"
    if isinstance(given, str) and given.lower() in ("pfx", "cer"):
        return given.lower()
    raise invalid("certificate_format", given, "must be 'pfx' or 'cer'", owner=_OWNER)


def _load(raw: bytes, kind: str, password: str | None) -> Any:
    with extra("certificates", "A certificate needs the library cryptography"):
        from cryptography import x509  # noqa: PLC0415 - only for those who have certificates
        from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415
    try:
        if kind == "cer":
            pem = raw.lstrip().startswith(b"-----BEGIN")
            return x509.load_pem_x509_certificate(raw) if pem else (
                x509.load_der_x509_certificate(raw)
            )  # fmt: skip
        secret = password.encode() if password else None
        certificate = pkcs12.load_key_and_certificates(raw, secret)[1]
    except ValueError as error:
        raise _unreadable(kind, password, error) from None
    if certificate is None:
        raise invalid("data", "...", "the pfx contains no certificate", owner=_OWNER)
    return certificate


def _unreadable(kind: str, password: str | None, error: ValueError) -> BatchError:
    if kind == "pfx" and "password" in str(error).lower():
        reason = "does not open the pfx: use the password that the pfx was created with"
        if password is None:
            return InvalidRequest(
                "MissingRequiredProperty",
                f"{_OWNER}.password is required because the pfx is encrypted",
                {"PropertyName": "password"},
            )
        return invalid("password", "...", reason, owner=_OWNER)
    what = "a pfx (PKCS #12)" if kind == "pfx" else "a certificate (X.509, DER or PEM)"
    return invalid("data", "...", f"is not {what}", owner=_OWNER)


def _thumbprint(certificate: Any) -> str:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

    digest: bytes = certificate.fingerprint(hashes.SHA1())
    return digest.hex()


def _public_data(certificate: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
