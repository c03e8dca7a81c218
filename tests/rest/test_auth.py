"""Who may ask: signatures, dates, and that nothing is done for those who may not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

import pytest

import batchlab as bl
from batchlab.rest.service import Service
from helpers.rest import VERSION, Answer, read

KEY = b"a key of the account"
NOW = 1_800_000_000.0


@pytest.fixture
def lab() -> Iterator[bl.SimulatedLab]:
    with bl.SimulatedLab() as lab:
        yield lab


def sign(
    method: str, path: str, body: bytes = b"", *, key: bytes = KEY, account: str = "batchlab",
    date: str | None = None, length: str | None = None,
    query: str = "api-version:2025-06-01", **more: str,
) -> dict[str, str]:  # fmt: skip
    """Sign as the documentation says, written down apart from the code under test."""
    date = formatdate(NOW, usegmt=True) if date is None else date
    if length is None:
        length = str(len(body)) if body or method != "GET" else ""
    kind = "application/json; odata=minimalmetadata" if body else ""
    text = "\n".join([
        method, "", "", length, "", kind, "", "", more.get("If-Match", ""), "", "", "",
        f"ocp-date:{date}", f"/{account}{path}", query,
    ])  # fmt: skip
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
    headers = {"Authorization": f"SharedKey {account}:{signature}", "ocp-date": date, **more}
    headers |= {"Content-Length": length} if length else {}
    return headers | ({"Content-Type": kind} if kind else {})


def ask(lab: Any, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    service = Service(lab._connection, KEY, clock=lambda: NOW)
    return read(service.handle(method, path, VERSION, headers, body))


def test_request_well_signed_it_is_answered(lab: Any) -> None:
    body = b'{"id": "p", "vmSize": "small"}'
    headers = sign("POST", "/pools", body)
    assert ask(lab, "POST", "/pools", headers, body).status == 201
    assert list(lab.pools) == ["p"]
    assert ask(lab, "GET", "/pools/p", sign("GET", "/pools/p")).content["id"] == "p"
    conditional = sign("GET", "/pools/p", **{"If-Match": "other"})
    assert ask(lab, "GET", "/pools/p", conditional).status == 412


def test_path_signed_as_it_stands_on_the_wire(lab: Any) -> None:
    path = "/jobs/j/tasks/a%3Ab%20c%2Fd%2B%C3%A9"
    assert ask(lab, "GET", path, sign("GET", path)).code == "JobNotFound"


@pytest.mark.parametrize("method", ["DELETE", "HEAD", "GET"])
@pytest.mark.parametrize("signed", ["", "0"])
@pytest.mark.parametrize("sent", ["", "0"])
def test_length_of_no_body_is_signed_as_it_is_sent(
    lab: Any, method: str, signed: str, sent: str
) -> None:
    lab.create_pool("p")
    headers = sign(method, "/pools/p", length=signed)
    headers.pop("Content-Length", None)
    headers |= {"Content-Length": sent} if sent else {}
    answer = ask(lab, method, "/pools/p", headers)
    assert answer.status == ((202 if method == "DELETE" else 200) if signed == sent else 403)


@pytest.mark.parametrize("name", ["timeOut", "timeout"])
def test_query_is_signed_as_it_is_sent_or_in_lower_case(lab: Any, name: str) -> None:
    headers = sign("GET", "/pools", query=f"api-version:2025-06-01\n{name}:30")
    service = Service(lab._connection, KEY, clock=lambda: NOW)
    query = f"timeOut=30&{VERSION}"
    assert read(service.handle("GET", "/pools", query, headers)).status == 200
    other = query.replace("30", "31")
    assert read(service.handle("GET", "/pools", other, headers)).status == 403


BODY = b'{"id": "p", "vmSize": "small"}'


@pytest.mark.parametrize(
    "headers",
    [
        sign("POST", "/pools", BODY, key=b"another"),
        sign("POST", "/pools", BODY, account="other"),
        sign("PUT", "/pools", BODY),
        sign("POST", "/jobs", BODY),
        sign("POST", "/pools", BODY, date=formatdate(NOW - 16 * 60, usegmt=True)),
        sign("POST", "/pools", BODY, date=formatdate(NOW + 16 * 60, usegmt=True)),
        sign("POST", "/pools", BODY, date="yesterday"),
        sign("POST", "/pools", BODY, date="Sat, 99 Nov 2026 18:52:40 GMT"),
        sign("POST", "/pools", BODY) | {"ocp-more": "1"},
        sign("POST", "/pools", BODY) | {"Authorization": "Bearer token"},
        sign("POST", "/pools", BODY) | {"Authorization": "SharedKey batchlab:é"},
    ],
)
def test_request_not_to_be_trusted_it_is_refused_and_nothing_done(
    lab: Any, headers: dict[str, str]
) -> None:
    answer = ask(lab, "POST", "/pools", headers, BODY)
    assert (answer.status, answer.code) == (403, "AuthenticationFailed")
    assert list(lab.pools) == []


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MissingRequiredHeader"),
        (sign("POST", "/pools", BODY) | {"Authorization": ""}, "MissingRequiredHeader"),
        ({"Authorization": "SharedKey batchlab"}, "InvalidAuthenticationInfo"),
        ({"Authorization": "SharedKey batchlab:"}, "InvalidAuthenticationInfo"),
        ({"Authorization": "Basic YTpi"}, "InvalidAuthenticationInfo"),
    ],
)
def test_request_without_a_signature_is_refused_and_nothing_done(
    lab: Any, headers: dict[str, str], code: str
) -> None:
    answer = ask(lab, "POST", "/pools", headers, BODY)
    assert (answer.status, answer.code) == (400, code)
    if code == "MissingRequiredHeader":
        assert answer.values == [{"key": "HeaderName", "value": "Authorization"}]
    assert list(lab.pools) == []


def test_bearer_token_only_with_the_switch(lab: Any) -> None:
    service = Service(lab._connection, KEY, bearer=True)
    headers = {"Authorization": "Bearer anything"}
    assert read(service.handle("GET", "/pools", VERSION, headers)).status == 200


PREFIX = "/user/ada/proxy/8000"


def test_behind_a_proxy_the_prefix_is_part_of_what_is_signed(lab: Any) -> None:
    lab.create_pool("p")
    headers = sign("GET", f"{PREFIX}/pools")
    headers |= {"X-Forwarded-Prefix": PREFIX, "X-Forwarded-Proto": "https", "Host": "hub"}
    service = Service(lab._connection, KEY, behind_proxy=True, clock=lambda: NOW)
    answer = read(service.handle("GET", "/pools", VERSION, headers))
    assert answer.content["value"][0]["url"] == f"https://hub{PREFIX}/pools/p"


@pytest.mark.parametrize("name", ["X-Forwarded-Prefix", "x-forwarded-prefix"])
def test_signature_of_another_path_is_not_valid_with_a_forwarded_prefix(
    lab: Any, name: str
) -> None:
    lab.create_pool("p")
    headers = sign("DELETE", "/pools/p/pools/p") | {name: "/pools/p"}
    assert ask(lab, "DELETE", "/pools/p", headers).code == "AuthenticationFailed"
    assert list(lab.pools) == ["p"]


def test_urls_are_not_those_of_forwarded_headers(lab: Any) -> None:
    lab.create_pool("p")
    forwarded = {"X-Forwarded-Prefix": "/x", "X-Forwarded-Host": "evil.example",
                 "X-Forwarded-Proto": "https"}  # fmt: skip
    headers = sign("GET", "/pools") | forwarded | {"Host": "127.0.0.1:80"}
    answer = ask(lab, "GET", "/pools", headers)
    assert answer.content["value"][0]["url"] == "http://127.0.0.1:80/pools/p"


@pytest.mark.parametrize("host", [
    "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example",
    "127.0.0.1@evil.example", "[::1", "0x7f.1.evil", "",
])  # fmt: skip
def test_name_of_another_site_does_not_reach_the_service_with_a_bearer_token(
    lab: Any, host: str
) -> None:
    service = Service(lab._connection, KEY, bearer=True, host="127.0.0.1")
    headers = {"Authorization": "Bearer x", "Host": host}
    answer = read(service.handle("GET", "/pools", VERSION, headers))
    assert (answer.status, answer.code) == (403, "AuthenticationFailed")


@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "10.0.0.7", "lab.localhost",
    socket.gethostname(), "given.example:8000",
])  # fmt: skip
def test_names_of_this_machine_reach_the_service_with_a_bearer_token(lab: Any, host: str) -> None:
    service = Service(lab._connection, KEY, bearer=True, host="given.example")
    headers = {"Authorization": "Bearer x", "Host": host}
    assert read(service.handle("GET", "/pools", VERSION, headers)).status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9", "[", ""])
@pytest.mark.parametrize("bearer", [False, True])
def test_web_page_of_another_site_is_refused(lab: Any, origin: str, bearer: bool) -> None:
    service = Service(lab._connection, KEY, bearer=bearer, clock=lambda: NOW)
    headers = {"Authorization": "Bearer x"} if bearer else sign("GET", "/pools")
    headers |= {"Host": "127.0.0.1:8", "Origin": origin}
    assert read(service.handle("GET", "/pools", VERSION, headers)).code == "AuthenticationFailed"
    headers["Origin"] = "http://127.0.0.1:8"
    assert read(service.handle("GET", "/pools", VERSION, headers)).status == 200


def test_service_without_a_server_takes_any_host(lab: Any) -> None:
    service = Service(lab._connection, KEY, bearer=True)
    headers = {"Authorization": "Bearer x", "Host": "lab:1"}
    assert read(service.handle("GET", "/pools", VERSION, headers)).status == 200


def test_two_accounts_see_nothing_of_each_other() -> None:
    with bl.SimulatedLab(account="ada") as ada, bl.SimulatedLab(account="bob") as bob:
        ada.create_pool("hers")
        path = "/pools/hers"
        mine = ask(ada, "GET", path, sign("GET", path, account="ada"))
        assert mine.status == 200
        assert ask(bob, "GET", path, sign("GET", path, account="ada")).status == 403
        assert ask(bob, "GET", path, sign("GET", path, account="bob")).code == "PoolNotFound"
