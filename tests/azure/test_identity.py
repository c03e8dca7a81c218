"""TokenIssuer are for programs that have the secret, by both generations' protocols."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest

from batchlab.azure.names import CLIENT, IDENTITY, LOGIN, TENANT
from batchlab.azure.tokens import BATCH, MANAGEMENT
from helpers.azure import Answer, Box, read

HERE = {"host": "127.0.0.1:4000"}
NEW = "api-version=2019-08-01&resource=https://batch.core.windows.net/"
OLD = "api-version=2017-09-01&resource=https://management.azure.com/"


def ask(box: Box, query: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(box.identity.answer(method, "/msi/token", query, HERE | named, body))


def test_managed_identity_gets_tokens_by_both_protocols(box: Box) -> None:
    new = ask(box, NEW, x_identity_header=box.identity.secret).content
    assert box.tokens.is_good(new["access_token"], BATCH)
    assert int(new["expires_on"]) > datetime.now(UTC).timestamp()
    old = ask(box, OLD, secret=box.identity.secret).content
    assert box.tokens.is_good(old["access_token"], MANAGEMENT)
    ends = datetime.strptime(old["expires_on"], "%m/%d/%Y %H:%M:%S %z")
    assert abs(ends.timestamp() - int(new["expires_on"])) < 5
    form = b"resource=https%3A%2F%2Fbatch.core.windows.net%2F"
    posted = ask(box, "", "POST", form, secret=box.identity.secret).content
    assert box.tokens.is_good(posted["access_token"], BATCH)


def test_older_client_without_a_header_for_it_has_the_secret_in_the_path(box: Box) -> None:
    body, path = b"resource=https%3A%2F%2Fbatch.core.windows.net%2F", "/msi/token/"

    def status(headers: dict[str, str], secret: str) -> int:
        return box.identity.answer("POST", path + secret, "", HERE | headers, body).status

    assert status({"metadata": "true"}, box.identity.secret) == 200
    assert status({}, box.identity.secret) == 403, "a web page can send this"
    assert status({"metadata": "true"}, "wrong") == 403
    assert status({"metadata": "true", "origin": "null"}, box.identity.secret) == 403
    assert status({"metadata": "true"}, f"{box.identity.secret}/more") == 404


@pytest.mark.parametrize("name", [f"client_id={CLIENT}", f"mi_res_id={IDENTITY}"])
def test_managed_identity_may_be_named(box: Box, name: str) -> None:
    secret = box.identity.secret
    assert ask(box, f"{NEW}&{name}", x_identity_header=secret).status == 200
    wrong = ask(box, f"{NEW}&{name}0", x_identity_header=secret)
    assert (wrong.status, wrong.content["error"]) == (400, "identity_not_found")


@pytest.mark.parametrize(("headers", "status"), [
    ({}, 403),  # without the secret, as a web page may ask
    ({"x_identity_header": "wrong"}, 403),
    ({"metadata": "true"}, 403),
    ({"x_identity_header": "", "origin": "https://example.com"}, 403),
    ({"x_identity_header": "", "origin": "null"}, 403),
    ({"x_identity_header": "", "host": "rebound.example.com:4000"}, 403),
    ({"x_identity_header": "", "host": ""}, 403),
    ({"x_identity_header": "", "host": "["}, 403),
    ({"x_identity_header": "", "x_forwarded_for": "10.0.0.1"}, 403),
])  # fmt: skip
def test_nobody_else_gets_a_token(box: Box, headers: dict[str, str], status: int) -> None:
    given = {name: value or (box.identity.secret if name == "x_identity_header" else value)
             for name, value in headers.items()}  # fmt: skip
    answer = ask(box, NEW, **given)
    assert answer.status == status
    assert "access_token" not in answer.content


def test_request_without_a_resource_or_to_another_path_is_refused(box: Box) -> None:
    answer = ask(box, "api-version=2019-08-01", x_identity_header=box.identity.secret)
    assert (answer.status, answer.content["error"]) == (400, "invalid_request")
    assert read(box.identity.answer("GET", "/metadata", "", HERE, b"")).status == 404


# -- a service principal ------------------------------------------------------------------------


def form(box: Box, **other: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": CLIENT,
            "client_secret": box.login.secret,
            "scope": "https://batch.core.windows.net/.default"} | other  # fmt: skip


@pytest.mark.parametrize(("version", "scope", "audience"), [
    ("/v2.0", {"scope": "openid offline_access https://batch.core.windows.net/.default"}, BATCH),
    ("/v2.0", {"scope": "https://management.core.windows.net//.default"}, MANAGEMENT),
    ("", {"scope": "", "resource": "https://management.azure.com/"}, MANAGEMENT),
])  # fmt: skip
def test_service_principal_logs_in(
    box: Box, version: str, scope: dict[str, str], audience: Any
) -> None:
    answer = box.log_in(TENANT, version, **form(box, **scope))
    assert answer.status == 200
    assert box.tokens.is_good(answer.content["access_token"], audience)
    assert isinstance(answer.content["expires_in"], int)


def test_service_principal_may_have_its_secret_in_the_header(box: Box) -> None:
    given = form(box)
    name, secret = given.pop("client_id"), given.pop("client_secret")
    body = "&".join(f"{key}={value}" for key, value in given.items()).encode()
    basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
    for header, status in ((f"Basic {basic}", 200), ("Basic ?", 400), ("Bearer x", 400)):
        path = f"/{TENANT}/oauth2/v2.0/token"
        assert box.send(LOGIN, "POST", path, body, Authorization=header).status == status


@pytest.mark.parametrize(("other", "status", "code"), [
    ({"client_secret": "wrong"}, 401, "invalid_client"),
    ({"client_secret": ""}, 401, "invalid_client"),
    ({"client_id": "someone"}, 400, "unauthorized_client"),
    ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ({"scope": ""}, 400, "invalid_request"),
])  # fmt: skip
def test_wrong_login_is_refused(box: Box, other: dict[str, str], status: int, code: str) -> None:
    answer = box.log_in(TENANT, **form(box, **other))
    assert (answer.status, answer.content["error"]) == (status, code)


def test_login_of_another_tenant_names_the_one_that_there_is(box: Box) -> None:
    answer = box.log_in("contoso.com", **form(box))
    assert answer.status == 400
    assert TENANT in answer.content["error_description"]


def test_client_finds_out_where_to_log_in(box: Box) -> None:
    found = box.send(LOGIN, "GET", "/common/discovery/instance").content
    where = found["tenant_discovery_endpoint"]
    assert LOGIN in found["metadata"][0]["aliases"]
    about = box.send(LOGIN, "GET", where.removeprefix(f"https://{LOGIN}")).content
    assert about["token_endpoint"] == f"https://{LOGIN}/{TENANT}/oauth2/v2.0/token"
    old = box.send(LOGIN, "GET", f"/{TENANT}/.well-known/openid-configuration").content
    assert old["token_endpoint"] == f"https://{LOGIN}/{TENANT}/oauth2/token"
    assert box.send(LOGIN, "GET", f"/{TENANT}/discovery/v2.0/keys").content == {"keys": []}
    assert box.send(LOGIN, "GET", f"/{TENANT}/authorize").status == 404
    assert box.send(LOGIN, "GET", f"/{TENANT}/oauth2/v2.0/token").status == 405


def test_web_page_cannot_log_in(box: Box) -> None:
    body = "&".join(f"{key}={value}" for key, value in form(box).items()).encode()
    path = f"/{TENANT}/oauth2/v2.0/token"
    assert box.send(LOGIN, "POST", path, body, Origin="https://example.com").status == 403
