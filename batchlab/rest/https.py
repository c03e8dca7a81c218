"""The certificate with which a server uses HTTPS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from batchlab.errors import invalid

if TYPE_CHECKING:
    import ssl

__all__ = ["read_certificate"]


def read_certificate(cert: Any, key: Any, owner: str) -> ssl.SSLContext | None:
    """Read a certificate and its private key, from one file or two; None without any.

    Parameters
    ----------
    cert, key : path or None
    owner : str
        What is named in errors: ``"serve"``.

    Raises
    ------
    InvalidRequest
        ``InvalidPropertyValue``: a file cannot be read, or is no certificate with its key.
    """
    if cert is None and key is None:
        return None
    if cert is None:
        raise invalid("cert_key", key, "is the key of `cert`: give that too", owner=owner)
    import ssl  # noqa: PLC0415 - for those who want it

    for name, value in (("cert", cert), ("cert_key", key)):
        if value is not None and not isinstance(value, (str, os.PathLike)):
            raise invalid(name, value, "must be a path", owner=owner)
        if value is not None and not os.access(value, os.R_OK):
            raise invalid(name, str(value), "is not a readable file", owner=owner)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")  # else it would ask at the terminal
    except (OSError, ValueError) as error:
        reason = f"must be a PEM certificate with its key, without a password: {error}"
        raise invalid("cert", str(cert), reason, owner=owner) from None
    return context
