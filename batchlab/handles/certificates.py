"""Certificates of the account, and how one is read: what it is, and what only nodes may see."""

from __future__ import annotations

import base64
import binascii
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from batchlab.core.answers.pages import matching
from batchlab.core.messages.inputs import (
    CancelCertificateDeletion,
    CreateCertificate,
    DeleteCertificate,
)
from batchlab.core.messages.questions import CertificateIs, GetCertificate, ListCertificates
from batchlab.core.messages.views import CertificateView
from batchlab.core.model import read_thumbprint
from batchlab.core.model.values import DeleteCertificateError
from batchlab.drivers.vault import CertificateContents
from batchlab.errors import BatchError, InvalidRequest, invalid
from batchlab.extras import extra
from batchlab.handles.awaiting import Awaited
from batchlab.handles.base import Handle, Handles, Seen
from batchlab.handles.verbs import Duration, Watch, ask_for, check_state, seconds, verb

__all__ = ["Certificate", "Certificates", "read_certificate"]

_OWNER = "create_certificate"


class Certificate(Handle, Awaited):
    """A certificate that pools may reference, so that their nodes have it.

    Azure retired certificates of Batch accounts in February 2024. Its password and its private key
    are shown to nobody: they are kept in memory, for the nodes.
    """

    __slots__ = ()

    thumbprint_algorithm = Seen[str]("``sha1``.")
    certificate_format = Seen[str]("``pfx``, with a private key, or ``cer``, without.")
    state = Seen[str]("``active``, ``deleting`` or ``deletefailed``.")
    state_transition_time = Seen[datetime]("When it came into this state.")
    previous_state = Seen[str | None]("The state before.")
    previous_state_transition_time = Seen[datetime | None]("When that one began.")
    public_data = Seen[str]("Its public part: DER in base 64.")
    delete_certificate_error = Seen[DeleteCertificateError | None](
        "Why it could not be deleted: `values` name the pools and nodes that have it."
    )

    @property
    def thumbprint(self) -> str:
        """Its SHA-1 thumbprint, which is its name."""
        return self._id

    def view(self) -> CertificateView:
        """All properties at one moment, as a frozen picture."""
        view: CertificateView = self._connection.ask(GetCertificate(thumbprint=self._id))
        return view

    @verb
    def delete(self) -> None:
        """Delete it: gone a moment later, or ``deletefailed`` if a pool or node still has it.

        Raises
        ------
        Conflict
            ``CertificateBeingDeleted``.
        """
        ask_for(self._connection, DeleteCertificate, "Certificate.delete", thumbprint=self._id)

    @verb
    def cancel_deletion(self) -> None:
        """Return it to use after a deletion that failed.

        Raises
        ------
        Conflict
            ``CertificateStateActive``, ``CertificateBeingDeleted``.
        """
        ask_for(self._connection, CancelCertificateDeletion, "Certificate.cancel_deletion",
                thumbprint=self._id)  # fmt: skip

    @verb
    def wait(
        self, state: str = "deleted", *, timeout: Duration = None, watch: Watch | None = None
    ) -> None:
        """Block until it is in a state.

        Parameters
        ----------
        state : str, default "deleted"
            A state, or ``"deleted"``.
        timeout : duration, optional
            Lab time; without limit if omitted.
        watch : callable, optional
            Called a few times a second meanwhile.

        Raises
        ------
        WaitTimeout
            Time is over.
        WaitNeverEnds
            Nothing under way will bring it into that state; the message says why.
        """
        owner = "Certificate.wait"
        goal = CertificateIs(thumbprint=self._id, state=check_state("certificate", state, owner))
        self._connection.wait(goal, seconds(timeout, owner), watch)


class Certificates(Handles[Certificate]):
    """The certificates of a lab by thumbprint, in order of creation."""

    __slots__ = ()
    _kind = "certificate"
    _view_type = CertificateView
    _name = "thumbprint"

    def views(self) -> list[CertificateView]:
        """A frozen picture of each certificate, all of one moment."""
        views: list[CertificateView] = self._connection.ask(ListCertificates())
        return matching(views, self._where)

    def _handle(self, id: str) -> Certificate:  # noqa: A002
        return Certificate(self._connection, id)

    def _summary(self) -> str:
        lines = [f"{v.thumbprint}  {v.certificate_format}, {v.state}" for v in self.views()]
        return "\n".join(lines) or "no certificates"


# -- reading ------------------------------------------------------------------------------------


def read_certificate(
    data: Any, password: Any, certificate_format: Any, thumbprint: Any, algorithm: Any
) -> tuple[CreateCertificate, CertificateContents]:
    """Read what `create_certificate` is given: a request, and what is secret beside it."""
    if algorithm != "sha1":
        raise invalid("thumbprint_algorithm", algorithm, "must be 'sha1'", owner=_OWNER)
    if password is not None and not isinstance(password, str):
        raise invalid("password", "...", "must be text", owner=_OWNER)
    raw = _bytes(data)
    kind = _format(certificate_format, data)
    if kind == "cer" and password is not None:
        raise invalid("password", "...", "a cer has no private key, and so no password",
                      owner=_OWNER)  # fmt: skip
    certificate = _load(raw, kind, password)
    own = _thumbprint(certificate)
    if thumbprint is not None and _given_thumbprint(thumbprint) != own:
        raise invalid("thumbprint", thumbprint, f"the certificate's is {own}", owner=_OWNER)
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
    """Bytes, the contents of a file, or text in base 64 as in Azure's REST."""
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if not isinstance(data, (str, os.PathLike)):
        reason = "must be bytes, a path, or text in base 64"
        raise invalid("data", type(data).__name__, reason, owner=_OWNER)
    try:
        path = Path(data).expanduser()
        if path.is_file():
            return path.read_bytes()
    except (OSError, ValueError, RuntimeError):  # text in base 64 is too long for a path
        pass
    try:
        return base64.b64decode(data if isinstance(data, str) else "-", validate=True)
    except (binascii.Error, ValueError):
        shown = str(data) if len(str(data)) < 80 else "..."
        reason = "is no file that can be read, and no text in base 64"
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
        raise invalid("data", "...", "the pfx holds no certificate", owner=_OWNER)
    return certificate


def _unreadable(kind: str, password: str | None, error: ValueError) -> BatchError:
    if kind == "pfx" and "password" in str(error).lower():
        reason = "it does not open the pfx: give the password it was made with"
        if password is None:
            return InvalidRequest(
                "MissingRequiredProperty",
                f"{_OWNER}.password is required: the pfx is protected by one",
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
