"""Where clients get tokens: as a managed identity, or as a service principal that logs in.

A program on Azure asks a service on its own machine for the tokens of its managed identity. Two
generations of that service exist, with different names of the same things; both require a secret
in a header, which only programs with these environment variables have. Some clients of the older
generation only say that they are not a browser (``Metadata``): they have the secret in the path. A
service principal logs in with its own secret, after it has looked up where, by the old protocol or
the new one.

Nobody else gets a token: not a web page (it has an `Origin`, or came by another name of this
machine), and not a program without the secret.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from batchlab.azure.answers import host_of, json
from batchlab.azure.names import CLIENT, IDENTITY, LOGIN, PRINCIPAL, TENANT
from batchlab.azure.tokens import LIFE_S, TokenIssuer
from batchlab.rest.messages import Response

__all__ = ["Login", "ManagedIdentity"]

HERE = frozenset({"127.0.0.1", "localhost"})
PATH = "/msi/token"
_NAMED = (("client_id", CLIENT), ("clientid", CLIENT), ("principal_id", PRINCIPAL),
          ("object_id", PRINCIPAL), ("mi_res_id", IDENTITY), ("msi_res_id", IDENTITY))  # fmt: skip


class ManagedIdentity:
    """The token service of this machine.

    Parameters
    ----------
    tokens : TokenIssuer

    Attributes
    ----------
    secret : str
        What the header ``X-IDENTITY-HEADER`` (older clients: ``secret``) must have, or the end of
        the path.
    """

    def __init__(self, tokens: TokenIssuer) -> None:
        self._tokens = tokens
        self.secret = secrets.token_hex(24)

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer a request; the names of its headers are in lower case."""
        start, secret = path[: len(PATH)], path[len(PATH) :].strip("/")
        if start != PATH or "/" in secret:
            return _no(404, "not_found", f"there is only {PATH}")
        if "origin" in headers or host_of(headers) not in HERE or "x-forwarded-for" in headers:
            return _no(403, "forbidden", "a token is only for programs on this machine")
        given = headers.get("x-identity-header", headers.get("secret", ""))
        if headers.get("metadata", "").lower() == "true":
            given = given or secret
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            reason = "the header X-IDENTITY-HEADER must have the value of IDENTITY_HEADER"
            return _no(403, "forbidden", reason)
        asked = dict(parse_qsl(query)) if method == "GET" else _form(body)
        resource = asked.get("resource") or asked.get("scope", "")
        if not resource:
            return _no(400, "invalid_request", "the parameter resource is missing")
        for name, known in _NAMED:
            if asked.get(name, known).lower() != known.lower():
                return _no(400, "identity_not_found", f"there is no identity {asked[name]!r}")
        token, until = self._tokens.issue(_audience(resource))
        ends = str(until)
        if asked.get("api-version", "").startswith("2017"):
            ends = f"{datetime.fromtimestamp(until, UTC):%m/%d/%Y %H:%M:%S} +00:00"
        found = {
            "access_token": token, "client_id": CLIENT, "expires_on": ends,
            "not_before": str(until - LIFE_S), "resource": resource, "token_type": "Bearer",
        }  # fmt: skip
        return json(found)


class Login:
    """``login.microsoftonline.com``.

    Parameters
    ----------
    tokens : TokenIssuer

    Attributes
    ----------
    secret : str
        The secret of the service principal.
    """

    def __init__(self, tokens: TokenIssuer) -> None:
        self._tokens = tokens
        self.secret = secrets.token_urlsafe(30)

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Response:
        """Answer a request; the names of its headers are in lower case."""
        parts = path.lower().strip("/").split("/")
        tenant, rest = parts[0], "/".join(parts[1:])
        if rest == "discovery/instance":
            return self._instance()
        if tenant not in (TENANT, "organizations", "common"):
            reason = f"AADSTS90002: Tenant '{tenant}' not found: the tenant here is {TENANT}"
            return _no(400, "invalid_tenant", reason)
        if rest in ("v2.0/.well-known/openid-configuration", ".well-known/openid-configuration"):
            return json(_configuration("/v2.0" if rest.startswith("v2") else ""))
        if rest in ("discovery/v2.0/keys", "discovery/keys"):
            return json({"keys": []})
        if rest in ("oauth2/v2.0/token", "oauth2/token"):
            return self._token(method, headers, body)
        return _no(404, "not_found", f"there is no {path}")

    def _instance(self) -> Response:
        return json({
            "tenant_discovery_endpoint":
                f"https://{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": LOGIN, "preferred_cache": "login.windows.net",
                "aliases": [LOGIN, "login.windows.net", "login.microsoft.com", "sts.windows.net"],
            }],
        })  # fmt: skip

    def _token(self, method: str, headers: Mapping[str, str], body: bytes) -> Response:
        if method != "POST":
            return _no(405, "invalid_request", "POST the parameters as a form")
        asked = _form(body) | _basic(headers.get("authorization", ""))
        if asked.get("grant_type") != "client_credentials":
            reason = "here only a service principal can log in: grant_type=client_credentials"
            return _no(400, "unsupported_grant_type", reason)
        if asked.get("client_id", "").lower() != CLIENT:
            reason = f"AADSTS700016: the application here is {CLIENT}"
            return _no(400, "unauthorized_client", reason)
        given = asked.get("client_secret", "")
        if not hmac.compare_digest(given.encode(), self.secret.encode()):
            return _no(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        resource = asked.get("scope") or asked.get("resource", "")
        if not resource:
            return _no(400, "invalid_request", "AADSTS900144: the parameter scope is missing")
        token, until = self._tokens.issue(_audience(resource))
        return json({
            "token_type": "Bearer", "expires_in": LIFE_S, "ext_expires_in": LIFE_S,
            "expires_on": str(until), "not_before": str(until - LIFE_S),
            "resource": _audience(resource), "access_token": token,
        })  # fmt: skip


def _configuration(version: str) -> dict[str, Any]:
    base = f"https://{LOGIN}/{TENANT}"
    return {
        "issuer": f"{base}{version or '/'}",
        "authorization_endpoint": f"{base}/oauth2{version}/authorize",
        "token_endpoint": f"{base}/oauth2{version}/token",
        "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
        "jwks_uri": f"{base}/discovery{version}/keys",
        "response_types_supported": ["code", "id_token"], "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"], "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
    }  # fmt: skip


def _audience(resource: str) -> str:
    """The service that a token is for: of several scopes, the first that is one."""
    named = [part for part in resource.split() if "://" in part] or resource.split()
    return named[0].removesuffix("/.default")


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _basic(header: str) -> dict[str, str]:
    """The client and its secret, if they are in the header instead of the form."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote(name), "client_secret": unquote(secret)}


def _no(status: int, code: str, reason: str) -> Response:
    """A refusal, as the token services write it: some clients read one name, some the other."""
    return json({"error": code, "error_description": reason, "message": reason}, status)
